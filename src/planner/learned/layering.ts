/** How the service keeps an hour's entry that was written above one of five minutes. No source says it (spec 15). */
export type EntriesAre = 'self-contained' | 'layered';

/** So many hour's entries in a row that could not be read any more show that they are layered: one may be evicted. */
const FAILURES_MAX = 3;

/** What is believed of hour's entries above ones of five minutes, until bills say otherwise. */
export class Layering {
  #failures: number;

  constructor(entriesAre: EntriesAre) {
    this.#failures = entriesAre === 'layered' ? FAILURES_MAX : 0;
  }

  /** Failures in a row; for saving. */
  get failures(): number {
    return this.#failures;
  }

  get isLayered(): boolean {
    return this.#failures >= FAILURES_MAX;
  }

  /** An hour's entry was asked for after all of five minutes below it was over: was it read? */
  vote(isRead: boolean): void {
    this.#failures = isRead ? 0 : Math.min(FAILURES_MAX, this.#failures + 1);
  }

  fill(failures: number): void {
    this.#failures = failures;
  }
}
