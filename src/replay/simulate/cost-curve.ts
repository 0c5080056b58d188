/** Cost over time in equal parts of a trace's time; what comes later counts for the last part. */
export class CostCurve {
  readonly #usd: Float64Array;
  readonly #partMs: number;

  constructor(endMs: number, parts: number) {
    this.#usd = new Float64Array(parts);
    this.#partMs = Math.max(endMs, 1) / parts;
  }

  add(atMs: number, usd: number): void {
    const part = Math.min(Math.floor(atMs / this.#partMs), this.#usd.length - 1);
    this.#usd[part] = (this.#usd[part] ?? 0) + usd;
  }

  /** Dollars spent by the end of each part. */
  cumulative(): readonly number[] {
    let sum = 0;
    return Array.from(this.#usd, (usd) => (sum += usd));
  }
}
