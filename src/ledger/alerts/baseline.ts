/** Windows before a change can be told from what is usual. */
const WINDOWS_MIN = 8;
/** Weight of a new window once there are many: at a quarter of an hour each the last day counts. */
const WEIGHT_MIN = 1 / 96;
/** Spread that is taken for granted, as a share of the mean: traffic is never steadier than that. */
const SPREAD_MIN = 0.05;

/** What windows have shown so far: running mean and spread. */
export class Baseline {
  #windows = 0;
  #mean = 0;
  #variance = 0;

  /** null while too little was seen. */
  get mean(): number | null {
    return this.#windows >= WINDOWS_MIN ? this.#mean : null;
  }

  learn(value: number): void {
    this.#windows += 1;
    const weight = Math.max(WEIGHT_MIN, 1 / this.#windows);
    const distance = value - this.#mean;
    this.#mean += weight * distance;
    this.#variance = (1 - weight) * (this.#variance + weight * distance * distance);
  }

  /** Begins anew from one value. */
  restart(value: number): void {
    this.#windows = WINDOWS_MIN;
    this.#mean = value;
  }

  /** How many of its own deviations a value lies from the mean; signed. */
  deviationsOf(value: number): number {
    const spread = Math.max(Math.sqrt(this.#variance), SPREAD_MIN * Math.abs(this.#mean), Number.EPSILON);
    return (value - this.#mean) / spread;
  }
}
