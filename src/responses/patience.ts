import { inTime } from './bounded-store.ts';
import type { ResponseSettings } from './options.ts';

/** How long one request may wait for stores, in all of its calls together. */
export class Patience {
  readonly #settings: Pick<ResponseSettings, 'clock' | 'timers' | 'storeWaitMs'>;
  #waitedMs = 0;

  constructor(settings: Pick<ResponseSettings, 'clock' | 'timers' | 'storeWaitMs'>) {
    this.#settings = settings;
  }

  get leftMs(): number {
    return Math.max(0, this.#settings.storeWaitMs - this.#waitedMs);
  }

  /** The result of work that by itself takes no longer than one request may wait. */
  async spend<Result>(work: Promise<Result | null>): Promise<Result | null> {
    if (this.#waitedMs > 0) return this.wait(work);
    const { clock } = this.#settings;
    const fromMs = clock.nowMs();
    try {
      return await work;
    } finally {
      this.#waitedMs += Math.abs(clock.nowMs() - fromMs);
    }
  }

  /** The result, or null once nothing is left; what comes later is dropped. */
  async wait<Result>(work: Promise<Result | null>): Promise<Result | null> {
    const { clock } = this.#settings;
    const fromMs = clock.nowMs();
    try {
      return await inTime(work, this.leftMs, this.#settings);
    } finally {
      // A clock that is set back gives nobody more patience.
      this.#waitedMs += Math.abs(clock.nowMs() - fromMs);
    }
  }
}
