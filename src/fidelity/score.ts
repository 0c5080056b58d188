/** How near predictions came, as `fidelity --json` prints it; shares from 0 to 1. */
export interface Score {
  readonly calls: number;
  /** Share of calls whose predicted read equals the billed one. */
  readonly exact: number;
  /** Share of calls predicted within a hundredth of the billed read. */
  readonly within1pct: number;
  readonly predictedReadTokens: number;
  readonly actualReadTokens: number;
  /** Sum of |predicted - billed| over sum of billed; 0 where nothing was read or predicted. */
  readonly absErrorShare: number;
}

const WITHIN = 0.01;

/** Adds up predictions against what was billed. */
export class ScoreCard {
  #calls = 0;
  #exact = 0;
  #within = 0;
  #predicted = 0;
  #actual = 0;
  #error = 0;

  add(predictedTokens: number, actualTokens: number): void {
    const error = Math.abs(predictedTokens - actualTokens);
    this.#calls += 1;
    this.#exact += error === 0 ? 1 : 0;
    this.#within += error <= actualTokens * WITHIN ? 1 : 0;
    this.#predicted += predictedTokens;
    this.#actual += actualTokens;
    this.#error += error;
  }

  score(): Score {
    const calls = Math.max(1, this.#calls);
    return {
      calls: this.#calls,
      exact: this.#exact / calls,
      within1pct: this.#within / calls,
      predictedReadTokens: this.#predicted,
      actualReadTokens: this.#actual,
      absErrorShare: this.#error / Math.max(1, this.#actual),
    };
  }
}
