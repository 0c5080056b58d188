import {
  TTL_1H,
  TTL_5M,
  type PlacementBuffer,
  type PolicyContext,
  type PolicyRun,
  type ReplayPolicy,
  type SendPing,
} from '../policy.ts';
import { TimedQueue } from '../timed-queue.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import { addBreakpoint } from './breakpoints.ts';

/** How long before an entry ends its ping goes out. */
const PING_LEAD_MS = 20_000;
/** About an hour of pings: as many as one avoided rewrite pays for at a read price of 0.1. */
const TAIL_PINGS_MAX = 11;

/** A prefix that is kept alive. */
interface Kept {
  readonly model: number;
  /** Pings since the last request of its own. */
  pings: number;
  /** When its entry ends if nobody else reads it. */
  expiresMs: number;
}

/** What is pinged, and when. */
interface Pinger {
  readonly column: 'systemEnds' | 'prefixIds';
  /** Of all entries that are written. */
  readonly ttl: typeof TTL_5M | typeof TTL_1H;
  readonly leadMs: number;
}

/** Keeps the prefixes of one column alive by pings some time before they expire. */
class KeepAliveRun implements PolicyRun {
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  readonly #prefixes: Int32Array;
  readonly #isTail: boolean;
  readonly #ttl: Pinger['ttl'];
  readonly #leadMs: number;
  readonly #kept = new Map<number, Kept>();
  readonly #queue = new TimedQueue();

  constructor(trace: Trace, context: PolicyContext, { column, ttl, leadMs }: Pinger) {
    this.#trace = trace;
    this.#context = context;
    this.#prefixes = trace.requests[column];
    this.#isTail = column === 'prefixIds';
    this.#ttl = ttl;
    this.#leadMs = leadMs;
  }

  place(request: number, placements: PlacementBuffer): void {
    const { systemEnds, prefixIds } = this.#trace.requests;
    addBreakpoint(placements, systemEnds[request] ?? NO_PREFIX, this.#ttl);
    addBreakpoint(placements, prefixIds[request] ?? NO_PREFIX, this.#ttl);
  }

  observe(request: number): void {
    const prefixId = this.#prefixes[request] ?? NO_PREFIX;
    const expiresMs = this.#expiresMs(prefixId);
    if (prefixId < 0 || expiresMs === -Infinity) return;
    const known = this.#kept.get(prefixId);
    if (known !== undefined) {
      // Its place in the queue may be too early now; it moves on when its time comes.
      known.pings = 0;
      known.expiresMs = expiresMs;
      return;
    }
    this.#kept.set(prefixId, { model: this.#trace.requests.models[request] ?? 0, pings: 0, expiresMs });
    this.#queue.add(prefixId, expiresMs - this.#leadMs);
  }

  nextWakeMs(): number {
    return this.#queue.nextMs;
  }

  wake(nowMs: number, sendPing: SendPing): void {
    const prefixId = this.#queue.take();
    const kept = this.#kept.get(prefixId);
    if (kept === undefined) return;
    if (this.#isOver(prefixId, kept)) {
      this.#kept.delete(prefixId);
      return;
    }
    if (this.#expiresMs(prefixId) - this.#leadMs <= nowMs) {
      kept.pings += 1;
      sendPing(prefixId, this.#ttl, kept.model);
      kept.expiresMs = this.#expiresMs(prefixId);
    }
    this.#queue.add(prefixId, this.#expiresMs(prefixId) - this.#leadMs);
  }

  /** A tail through which a longer request has read is no tail any more. */
  #isOver(prefixId: number, kept: Kept): boolean {
    if (!this.#isTail) return false;
    return this.#expiresMs(prefixId) > kept.expiresMs || kept.pings >= TAIL_PINGS_MAX;
  }

  #expiresMs(prefixId: number): number {
    return this.#context.expiresMs(prefixId, this.#ttl);
  }
}

function naive(name: string, summary: string, pinger: Pinger): ReplayPolicy {
  return {
    name,
    summary,
    isClairvoyant: false,
    start: (trace, context) => new KeepAliveRun(trace, context, pinger),
  };
}

/** Naive ways to keep entries alive. */
export const keepAlivePolicies: readonly ReplayPolicy[] = [
  naive(
    'keep-alive-system',
    'system and last block for five minutes, and every system prompt pinged for ever',
    { column: 'systemEnds', ttl: TTL_5M, leadMs: PING_LEAD_MS },
  ),
  naive('blind-4-minutes', 'the same, with a ping every four minutes', {
    column: 'systemEnds',
    ttl: TTL_5M,
    leadMs: 60_000,
  }),
  naive('blind-hourly', 'system and last block for an hour, and every system prompt pinged hourly for ever', {
    column: 'systemEnds',
    ttl: TTL_1H,
    leadMs: PING_LEAD_MS,
  }),
  naive(
    'keep-alive-tails',
    'system and last block for five minutes, and the end of every conversation pinged for about an hour',
    { column: 'prefixIds', ttl: TTL_5M, leadMs: PING_LEAD_MS },
  ),
];
