import {
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

/** Keeps the prefixes of one column alive by pings shortly before they expire. */
class KeepAliveRun implements PolicyRun {
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  readonly #prefixes: Int32Array;
  readonly #isTail: boolean;
  readonly #kept = new Map<number, Kept>();
  readonly #queue = new TimedQueue();

  constructor(trace: Trace, context: PolicyContext, column: 'systemEnds' | 'prefixIds') {
    this.#trace = trace;
    this.#context = context;
    this.#prefixes = trace.requests[column];
    this.#isTail = column === 'prefixIds';
  }

  place(request: number, placements: PlacementBuffer): void {
    const { systemEnds, prefixIds } = this.#trace.requests;
    addBreakpoint(placements, systemEnds[request] ?? NO_PREFIX, TTL_5M);
    addBreakpoint(placements, prefixIds[request] ?? NO_PREFIX, TTL_5M);
  }

  observe(request: number): void {
    const prefixId = this.#prefixes[request] ?? NO_PREFIX;
    const expiresMs = this.#context.expiresMs(prefixId, TTL_5M);
    if (prefixId < 0 || expiresMs === -Infinity) return;
    const known = this.#kept.get(prefixId);
    if (known !== undefined) {
      // Its place in the queue may be too early now; it moves on when its time comes.
      known.pings = 0;
      known.expiresMs = expiresMs;
      return;
    }
    this.#kept.set(prefixId, { model: this.#trace.requests.models[request] ?? 0, pings: 0, expiresMs });
    this.#queue.add(prefixId, expiresMs - PING_LEAD_MS);
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
    if (this.#expiresMs(prefixId) - PING_LEAD_MS <= nowMs) {
      kept.pings += 1;
      sendPing(prefixId, TTL_5M, kept.model);
      kept.expiresMs = this.#expiresMs(prefixId);
    }
    this.#queue.add(prefixId, this.#expiresMs(prefixId) - PING_LEAD_MS);
  }

  /** A tail through which a longer request has read is no tail any more. */
  #isOver(prefixId: number, kept: Kept): boolean {
    if (!this.#isTail) return false;
    return this.#expiresMs(prefixId) > kept.expiresMs || kept.pings >= TAIL_PINGS_MAX;
  }

  #expiresMs(prefixId: number): number {
    return this.#context.expiresMs(prefixId, TTL_5M);
  }
}

/** The two naive ways to keep entries alive. */
export const keepAlivePolicies: readonly ReplayPolicy[] = [
  {
    name: 'keep-alive-system',
    summary: 'system and last block for five minutes, and every system prompt pinged for ever',
    isClairvoyant: false,
    start: (trace, context) => new KeepAliveRun(trace, context, 'systemEnds'),
  },
  {
    name: 'keep-alive-tails',
    summary:
      'system and last block for five minutes, and the end of every conversation pinged for about an hour',
    isClairvoyant: false,
    start: (trace, context) => new KeepAliveRun(trace, context, 'prefixIds'),
  },
];
