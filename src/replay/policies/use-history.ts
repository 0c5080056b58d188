const HOUR_MS = 3_600_000;
const CLOSE_MS = 300_000;
/** With the one now, more than this many uses in the last hour are frequent; so many are remembered. */
const FREQUENT_USES = 5;
/** More than this many uses are enough to judge by. */
const ENOUGH_USES = 3;

/** How often, and how soon after each other, things with numbers from 0 on were used. */
export class UseHistory {
  /** The last uses of each, in a ring. */
  readonly #timesMs: Float64Array;
  readonly #uses: Int32Array;
  /** Uses within 300 s of the one before. */
  readonly #closeUses: Int32Array;

  constructor(count: number) {
    this.#timesMs = new Float64Array(count * FREQUENT_USES);
    this.#uses = new Int32Array(count);
    this.#closeUses = new Int32Array(count);
  }

  /** This use is one of more than 5 in the last hour; or, of more than 3 before it, over half came within 300 s of another. */
  isWorthCaching(id: number, nowMs: number): boolean {
    const uses = this.#uses[id] ?? 0;
    if (uses > ENOUGH_USES && (this.#closeUses[id] ?? 0) * 2 > uses) return true;
    return uses >= FREQUENT_USES && this.#timeOf(id, uses - FREQUENT_USES) > nowMs - HOUR_MS;
  }

  use(id: number, nowMs: number): void {
    const uses = this.#uses[id] ?? 0;
    if (uses > 0 && nowMs - this.#timeOf(id, uses - 1) <= CLOSE_MS)
      this.#closeUses[id] = (this.#closeUses[id] ?? 0) + 1;
    this.#timesMs[id * FREQUENT_USES + (uses % FREQUENT_USES)] = nowMs;
    this.#uses[id] = uses + 1;
  }

  #timeOf(id: number, use: number): number {
    return this.#timesMs[id * FREQUENT_USES + (use % FREQUENT_USES)] ?? 0;
  }
}
