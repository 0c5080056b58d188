/** Comparisons before only some are made. */
const ALL_OF_FIRST = 32;
/** One of so many is made then, */
const ONE_OF = 32;
/** at steps that follow no rhythm of the requests: multiples of the golden ratio, in 32 bits. */
const STEP = 0x9e3779b1;

/** Chooses which of many like requests are looked at closely. */
export class Sampler {
  #count = 0;
  #skipped = 0;

  /** For how many the next one stands; 0: it is passed over. */
  next(): number {
    this.#count += 1;
    const isChosen = this.#count <= ALL_OF_FIRST || Math.imul(this.#count, STEP) >>> 0 < 2 ** 32 / ONE_OF;
    if (!isChosen) {
      this.#skipped += 1;
      return 0;
    }
    const weight = 1 + this.#skipped;
    this.#skipped = 0;
    return weight;
  }
}
