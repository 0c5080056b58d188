import type { CancelTimer, Clock, Timers } from '../runtime/index.ts';
import { BUCKET_MS } from './ledger.ts';

/** How long records wait, and how long they are kept, wherever that is. */
export interface KeepingOptions {
  /** Days that records are kept. @default 90 */
  readonly recordDays?: number;
  /** Days that their sums are kept, at least as long as records. @default 400 */
  readonly sumDays?: number;
  /** Records that may wait in memory to be stored. @default 100_000 */
  readonly waitingMax?: number;
  /** Takes a sentence for people when records cannot be stored, and when they can again. */
  readonly tell?: (sentence: string) => void;
}

/** The options with all defaults. */
export function keepingOptions({
  recordDays = 90,
  sumDays = 400,
  waitingMax = 100_000,
  tell = () => undefined,
}: KeepingOptions): Required<KeepingOptions> {
  return { recordDays, sumDays, waitingMax, tell };
}

/** How often what is too old is removed, in ms. */
const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface RetentionOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly recordDays: number;
  readonly sumDays: number;
  /** How long after the start it begins, which is not the time for it, and the pause between two parts of it; in ms. */
  readonly firstMs: number;
  readonly pauseMs: number;
  /**
   * Removes a part of the records and of the sums from before these times. A failure is tried again with the next round.
   *
   * @returns whether there is more to remove
   */
  readonly remove: (recordsBeforeMs: number, sumsBeforeMs: number) => Promise<boolean>;
}

/** Removes what is too old, a part at a time, and goes on soon while there is more. */
export class Retention {
  readonly #options: RetentionOptions;
  #cancelTimer: CancelTimer | null = null;
  #isStopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#after(this.#options.firstMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  #after(delayMs: number): void {
    this.#cancelTimer = this.#options.timers.after(delayMs, () => void this.#remove(), true);
  }

  async #remove(): Promise<void> {
    const { clock, recordDays, sumDays, pauseMs, remove } = this.#options;
    const nowMs = clock.nowMs();
    // Whole buckets, so that no sum is of records of which some are gone.
    const daysAgo = (days: number): number => Math.floor((nowMs - days * DAY_MS) / BUCKET_MS) * BUCKET_MS;
    const isMore = await remove(daysAgo(recordDays), daysAgo(Math.max(recordDays, sumDays))).catch(
      () => false,
    );
    if (!this.#isStopped) this.#after(isMore ? pauseMs : EVERY_MS);
  }
}
