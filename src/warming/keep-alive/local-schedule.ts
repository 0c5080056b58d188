import type { Clock, Timers } from '../../runtime/index.ts';
import { createDueQueue, type DueQueue } from './due-queue.ts';
import type { DueOutcome, EntryStanding, KeepHandler, KeepSchedule, OutstandingPing } from './kept-entry.ts';

/** Options of a schedule in this process. */
export interface LocalScheduleOptions {
  /** How long before its end an entry is due. */
  readonly leadMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
}

interface Known extends EntryStanding {
  readonly ttlMs: number;
  /** It was let go, and only its end is waited for. */
  readonly isEnding: boolean;
}

/** Was an entry alive at a visit only because of pings? */
function isBridged({ visitedMs, expiresMs, ttlMs }: Known, atMs: number): boolean {
  return atMs >= visitedMs + ttlMs && atMs < expiresMs;
}

const FRESH = { pings: 0, spentPicoUsd: 0n, pingId: null, mayAct: (): boolean => true, isEnding: false };

/** A schedule in memory: a heap and one timer. */
class LocalSchedule implements KeepSchedule {
  readonly #leadMs: number;
  readonly #queue: DueQueue;
  readonly #entries = new Map<string, Known>();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #handler: KeepHandler | null = null;

  constructor({ leadMs, clock, timers }: LocalScheduleOptions) {
    this.#leadMs = leadMs;
    this.#queue = createDueQueue(clock, timers, (key) => this.#due(key));
  }

  start(handler: KeepHandler): void {
    this.#handler = handler;
  }

  async visit(key: string, atMs: number, ttlMs: number): Promise<OutstandingPing | null> {
    const known = this.#entries.get(key);
    // Requests may end in another order than they began in.
    if (known && known.visitedMs > atMs) return null;
    const expiresMs = Math.max(atMs + ttlMs, known && atMs < known.expiresMs ? known.expiresMs : 0);
    this.#keep(key, { ...FRESH, ttlMs, visitedMs: atMs, expiresMs });
    const pingId = known?.pingId ?? null;
    return known && pingId !== null ? { pingId, isBridged: isBridged(known, atMs) } : null;
  }

  drop(key: string): void {
    this.#entries.delete(key);
    this.#queue.remove(key);
  }

  /** There are no other machines. */
  order(): void {}

  note(): string | null {
    return null;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#queue.clear();
    this.#entries.clear();
    await Promise.all(this.#running);
  }

  #keep(key: string, known: Known): void {
    this.#entries.set(key, known);
    this.#queue.set(key, known.expiresMs - this.#leadMs);
  }

  #due(key: string): void {
    const known = this.#entries.get(key);
    if (!known || !this.#handler) return;
    if (known.isEnding) {
      this.#entries.delete(key);
      if (known.pingId !== null) this.#handler.ended(known.pingId);
      return;
    }
    const done = this.#handler
      .due(key, known, this.#stop.signal)
      .then((outcome) => this.#settle(key, known, outcome))
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  #settle(key: string, before: Known, outcome: DueOutcome): void {
    const known = this.#entries.get(key);
    if (!known) return;
    if (outcome.kind === 'later') return this.#queue.set(key, outcome.untilMs);
    if (outcome.kind === 'pinged') {
      const { atMs, costPicoUsd, pingId } = outcome;
      // A visit while the ping was under way has moved the end further.
      const expiresMs = Math.max(known.expiresMs, atMs + known.ttlMs);
      const spentPicoUsd = known.spentPicoUsd + costPicoUsd;
      return this.#keep(key, { ...known, expiresMs, pings: known.pings + 1, spentPicoUsd, pingId });
    }
    // A visit in between keeps it.
    if (known !== before) return undefined;
    this.#entries.set(key, { ...known, isEnding: true });
    return this.#queue.set(key, known.expiresMs);
  }
}

export function createLocalSchedule(options: LocalScheduleOptions): KeepSchedule {
  return new LocalSchedule(options);
}
