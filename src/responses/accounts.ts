import type { PicoUsd } from '../core/index.ts';
import type { Served } from './options.ts';

/** What the cache did since it was made. */
export interface ResponseSummary {
  readonly requests: number;
  readonly hits: { readonly memory: number; readonly store: number };
  /** Hits past their time, which are among the hits. */
  readonly stale: number;
  readonly collapsed: number;
  readonly misses: number;
  /** Requests that were passed on, by reason. */
  readonly bypassed: Readonly<Record<string, number>>;
  readonly stored: number;
  /** Answers that were not kept, by reason. */
  readonly notStored: Readonly<Record<string, number>>;
  readonly savedPicoUsd: PicoUsd;
  /** Hits of which nobody says what they saved. */
  readonly unpriced: number;
  readonly savedMs: number;
  /** Of all hits together: divide by their number. */
  readonly ageMs: number;
  readonly oldestMs: number;
  readonly memory: { readonly entries: number; readonly bytes: number };
  readonly store: StoreAccount;
}

/** What the second level was asked, and how it did. */
export interface StoreAccount {
  readonly calls: number;
  readonly failures: number;
  /** The last call failed. */
  readonly isFailing: boolean;
  /** Requests that went on without waiting for it any longer. */
  readonly timeouts: number;
  /** Time in calls, in ms; calls at one time count each. */
  readonly callMs: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Answers that it does not take, for they are too large. */
  readonly tooLarge: number;
  /** Stored bytes that were no entry, by reason; each was a miss. */
  readonly unreadable: Readonly<Record<string, number>>;
}

function count(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}

/** Keeps the sums. */
export class Accounts {
  readonly #bypassed: Record<string, number> = {};
  readonly #notStored: Record<string, number> = {};
  readonly #unreadable: Record<string, number> = {};
  readonly #sums = {
    requests: 0,
    stale: 0,
    collapsed: 0,
    misses: 0,
    stored: 0,
    savedPicoUsd: 0n,
    unpriced: 0,
    savedMs: 0,
    ageMs: 0,
    oldestMs: 0,
  };
  readonly #hits = { memory: 0, store: 0 };
  readonly #store = {
    calls: 0,
    failures: 0,
    isFailing: false,
    timeouts: 0,
    callMs: 0,
    readBytes: 0,
    writtenBytes: 0,
    tooLarge: 0,
  };

  serve(served: Served): void {
    this.#sums.requests += 1;
    if (served.kind === 'bypass') count(this.#bypassed, served.reason ?? 'other');
    else if (served.kind === 'miss') this.#sums.misses += 1;
    else if (served.kind === 'collapsed') this.#sums.collapsed += 1;
    else this.#hit(served);
  }

  keep(): void {
    this.#sums.stored += 1;
  }

  refuse(reason: string): void {
    count(this.#notStored, reason);
  }

  storeCall(tookMs: number, hasFailed: boolean): void {
    this.#store.calls += 1;
    this.#store.callMs += tookMs;
    this.#store.isFailing = hasFailed;
    if (hasFailed) this.#store.failures += 1;
  }

  storeTimeout(): void {
    this.#store.timeouts += 1;
  }

  storeBytes(kind: 'readBytes' | 'writtenBytes', bytes: number): void {
    this.#store[kind] += bytes;
  }

  storeTooLarge(): void {
    this.#store.tooLarge += 1;
  }

  storeUnreadable(reason: string): void {
    count(this.#unreadable, reason);
  }

  summary(memory: ResponseSummary['memory']): ResponseSummary {
    return {
      ...this.#sums,
      hits: { ...this.#hits },
      bypassed: { ...this.#bypassed },
      notStored: { ...this.#notStored },
      memory,
      store: { ...this.#store, unreadable: { ...this.#unreadable } },
    };
  }

  #hit({ kind, tier, savedPicoUsd, savedMs, ageMs }: Served): void {
    this.#hits[tier === 'store' ? 'store' : 'memory'] += 1;
    if (kind === 'stale') this.#sums.stale += 1;
    if (savedPicoUsd === null) this.#sums.unpriced += 1;
    else this.#sums.savedPicoUsd += savedPicoUsd;
    this.#sums.savedMs += savedMs ?? 0;
    this.#sums.ageMs += ageMs ?? 0;
    this.#sums.oldestMs = Math.max(this.#sums.oldestMs, ageMs ?? 0);
  }
}
