import type { Clock, Timers } from '../../src/runtime/index.ts';

/** A clock and timers that only move when the test says so. */
export class ManualTime implements Clock, Timers {
  #nowMs: number;
  #waiting: { readonly dueMs: number; readonly run: () => void }[] = [];

  constructor(nowMs = 1_795_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#waiting.push(timer);
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== timer);
    };
  }

  /** Timers that are set. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets time pass, and runs what is due by then. */
  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#waiting = this.#waiting.filter(({ dueMs }) => dueMs > this.#nowMs);
    for (const { run } of due) run();
  }
}
