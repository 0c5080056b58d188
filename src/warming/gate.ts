import type { PicoUsd } from '../core/index.ts';
import type { Timers } from '../runtime/index.ts';
import type { GateOptions } from './gate-options.ts';
import { FirstTokenTimes, type FirstTokenClass } from './gate-times.ts';
import { GateWriters, savedByWaiting, type GateChain, type SharedPrefix } from './gate-writers.ts';

/** Why waiting ended: the writer's response began, it will not begin, or it took too long; or nobody wants the answer any more. */
export type GateEnd = 'begun' | 'failed' | 'deadline' | 'left';

/** A request that waits. */
export interface GateWait {
  readonly end: Promise<GateEnd>;
  /** The client has gone: ends it with `left`. */
  readonly leave: () => void;
}

/** A request that writes, from being sent until its response begins; exactly one of the two is called, more does nothing. */
export interface GateLead {
  readonly firstTokens: FirstTokenClass;
  /** How many have waited for it. */
  readonly followers: number;
  /** Its response begins: everybody goes. */
  begin(): void;
  /** It will write nothing: of those who wait, the first to look again leads, and the others wait for that one. */
  fail(): void;
}

/** A request that is going to write. */
export interface GateWriting {
  /** Prefixes. */
  readonly keys: readonly string[];
  readonly firstTokens: FirstTokenClass;
  /**
   * Called at most once, when somebody has waited for long enough and the answer is no stream: its head comes when the answer
   * is complete, and what it wrote can be read long before.
   */
  readonly assumeBegun: () => void;
}

type Settle = (end: GateEnd) => void;

class Lead implements GateLead {
  readonly firstTokens: FirstTokenClass;
  readonly waiting: Set<Settle> = new Set();
  followers = 0;
  readonly #keys: readonly string[];
  readonly #writers: GateWriters<string, Lead>;

  readonly #assume: () => void;
  #isAssumed = false;

  constructor({ keys, firstTokens, assumeBegun }: GateWriting, writers: GateWriters<string, Lead>) {
    this.#keys = keys;
    this.#writers = writers;
    this.#assume = assumeBegun;
    this.firstTokens = firstTokens;
    writers.add(this, keys);
  }

  /** Somebody has waited for as long as makes sense. */
  pass(): void {
    if (this.firstTokens.isStream || this.#isAssumed) return;
    this.#isAssumed = true;
    this.#assume();
  }

  begin(): void {
    this.#end('begun');
  }

  fail(): void {
    this.#end('failed');
  }

  #end(end: GateEnd): void {
    this.#writers.remove(this, this.#keys);
    // In the order in which they came.
    for (const settle of this.waiting) settle(end);
  }
}

/** What a gate has done so far, and what it does now. */
export interface GateTotals {
  /** Requests that wait now, and prefixes that are being written. */
  readonly waiting: number;
  readonly writing: number;
  /** Requests that have waited, and how long together. */
  readonly waitedRequests: number;
  readonly waitedMs: number;
  /** Waits that ended at the deadline. */
  readonly deadlines: number;
  /** Tokens that were read instead of being paid for again, and what that saved. */
  readonly savedTokens: number;
  readonly savedPicoUsd: PicoUsd;
}

/** A prefix of a request that another is writing, worth waiting for. */
export interface GatePlace extends SharedPrefix<Lead> {
  /** Estimated tokens that are read instead of being paid for again. */
  readonly savedTokens: number;
}

/**
 * Holds requests back while another is writing a prefix that they would read: a stampede on a cold prefix would write it as
 * often as there are requests. Only one that is told to wait does; the rest is looked at and goes.
 */
export class Gate {
  readonly options: GateOptions;
  readonly times: FirstTokenTimes = new FirstTokenTimes();
  readonly #writers = new GateWriters<string, Lead>();
  readonly #timers: Timers;
  #waiting = 0;
  #past = { waitedRequests: 0, waitedMs: 0, deadlines: 0, savedTokens: 0, savedPicoUsd: 0n };

  constructor(options: GateOptions, timers: Timers) {
    this.options = options;
    this.#timers = timers;
  }

  get totals(): GateTotals {
    return { waiting: this.#waiting, writing: this.#writers.size, ...this.#past };
  }

  /** A request that has waited is over. */
  count(waited: Omit<GateTotals, 'waiting' | 'writing' | 'waitedRequests'>): void {
    const past = this.#past;
    this.#past = {
      waitedRequests: past.waitedRequests + 1,
      waitedMs: past.waitedMs + waited.waitedMs,
      deadlines: past.deadlines + waited.deadlines,
      savedTokens: past.savedTokens + waited.savedTokens,
      savedPicoUsd: past.savedPicoUsd + waited.savedPicoUsd,
    };
  }

  /**
   * Where a request should wait; null: it should go.
   *
   * @param hitIndex the last block of what it can read already, -1 for nothing; asked only when somebody writes
   */
  find(chain: GateChain<string>, hitIndex: () => number): GatePlace | null {
    if (this.#waiting >= this.options.waitingMax) return null;
    const shared = this.#writers.deepest(chain);
    // Asked first without the hit: with one it is only less.
    if (!shared || !this.#isWorth(savedByWaiting(chain, shared.index, -1))) return null;
    const savedTokens = savedByWaiting(chain, shared.index, hitIndex());
    return this.#isWorth(savedTokens) ? { ...shared, savedTokens } : null;
  }

  #isWorth(tokens: number): boolean {
    return tokens >= this.options.minTokens;
  }

  /** How long one may wait for a writer, and in all. */
  limitsOf({ firstTokens }: GateLead): { readonly eachMs: number; readonly totalMs: number } {
    const { deadlineMs } = this.options;
    if (deadlineMs !== null) return { eachMs: deadlineMs, totalMs: deadlineMs };
    return { eachMs: this.times.limitMs(firstTokens), totalMs: this.times.totalLimitMs(firstTokens) };
  }

  /** Waits at a place that `find` has given just now. */
  wait({ writer: lead }: GatePlace, limitMs: number): GateWait {
    let leave = (): void => undefined;
    const end = new Promise<GateEnd>((resolve) => {
      const settle = (how: GateEnd): void => {
        if (!lead.waiting.delete(settle)) return;
        cancelTimer();
        this.#waiting -= 1;
        resolve(how);
      };
      const cancelTimer = this.#timers.after(Math.max(0, limitMs), () => {
        lead.pass();
        settle('deadline');
      });
      lead.waiting.add(settle);
      lead.followers += 1;
      this.#waiting += 1;
      leave = () => settle('left');
    });
    return { end, leave: () => leave() };
  }

  /** A request that writes prefixes goes out. */
  lead(writing: GateWriting): GateLead {
    return new Lead(writing, this.#writers);
  }
}
