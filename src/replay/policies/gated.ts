import {
  defaultGateOptions,
  FirstTokenTimes,
  GateWriters,
  savedByWaiting,
  type FirstTokenClass,
  type GateChain,
} from '../../warming/index.ts';
import type { PlacementBuffer, PolicyContext, PolicyRun, ReplayOutcome, ReplayPolicy } from '../policy.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';

/** A request whose response has not begun yet. */
interface Writing {
  readonly prefixIds: readonly number[];
  readonly readyMs: number;
  readonly sentMs: number;
  readonly firstTokens: FirstTokenClass;
}

/** A request's prefixes; one object and its arrays are filled again and again. */
class TraceChain implements GateChain<number> {
  readonly keys: number[] = [];
  readonly cumulativeTokens: number[] = [];
  length = 0;
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  fill(request: number): void {
    const { trie, requests } = this.#trace;
    const prefixId = requests.prefixIds[request] ?? NO_PREFIX;
    this.length = prefixId === NO_PREFIX ? 0 : (trie.depths[prefixId] ?? 0) + 1;
    for (let id = prefixId, at = this.length - 1; at >= 0; at -= 1) {
      this.keys[at] = id;
      this.cumulativeTokens[at] = trie.cumulativeTokens[id] ?? 0;
      id = trie.parents[id] ?? NO_PREFIX;
    }
  }
}

/** A policy whose requests wait for others that write what they would read, as the gateway's gate has them wait. */
class GatedRun implements PolicyRun {
  readonly #inner: PolicyRun;
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  readonly #chain: TraceChain;
  readonly #writers = new GateWriters<number, Writing>();
  readonly #times = new FirstTokenTimes();
  /** Those whose response has not begun, in the order in which they were sent. */
  #writing: Writing[] = [];
  /** When those that wait have come. */
  readonly #cameMs = new Map<number, number>();
  #placed: readonly number[] = [];
  #sentMs = 0;

  constructor(trace: Trace, context: PolicyContext, inner: PolicyRun) {
    this.#trace = trace;
    this.#context = context;
    this.#inner = inner;
    this.#chain = new TraceChain(trace);
  }

  sendAtMs(request: number, nowMs: number): number {
    this.#begin(nowMs);
    const waitMs = this.#waitMs(request, nowMs);
    if (waitMs <= 0) this.#cameMs.delete(request);
    else if (!this.#cameMs.has(request)) this.#cameMs.set(request, nowMs);
    return nowMs + Math.max(0, waitMs);
  }

  /** How long to wait for the next writer. */
  #waitMs(request: number, nowMs: number): number {
    if (this.#writers.size === 0) return 0;
    const chain = this.#chain;
    chain.fill(request);
    const shared = this.#writers.deepest(chain);
    if (!shared) return 0;
    const hit = chain.keys.findLastIndex(
      (prefixId, at) => at < chain.length && this.#context.isReadable(prefixId, nowMs),
    );
    if (savedByWaiting(chain, shared.index, hit) < defaultGateOptions.minTokens) return 0;
    const { firstTokens, readyMs } = shared.writer;
    const hasWaitedMs = nowMs - (this.#cameMs.get(request) ?? nowMs);
    const leftMs = this.#times.totalLimitMs(firstTokens) - hasWaitedMs;
    return Math.min(readyMs - nowMs, this.#times.limitMs(firstTokens), leftMs);
  }

  /** Responses that have begun by now: what they wrote can be read. */
  #begin(nowMs: number): void {
    if (this.#writing.every(({ readyMs }) => readyMs > nowMs)) return;
    for (const writing of this.#writing) {
      if (writing.readyMs > nowMs) continue;
      this.#writers.remove(writing, writing.prefixIds);
      this.#times.observe(writing.firstTokens, writing.readyMs - writing.sentMs);
    }
    this.#writing = this.#writing.filter(({ readyMs }) => readyMs > nowMs);
  }

  place(request: number, placements: PlacementBuffer, sendMs: number): void {
    this.#inner.place(request, placements, sendMs);
    this.#sentMs = sendMs;
    this.#placed = [...placements.prefixIds.subarray(0, placements.count)];
  }

  observe(request: number, outcome: Readonly<ReplayOutcome>): void {
    this.#inner.observe?.(request, outcome);
    const { readTokens, uncachedTokens, write5mTokens, write1hTokens } = outcome;
    const { trie, requests } = this.#trace;
    const sentMs = this.#sentMs;
    const readyMs = sentMs + (requests.timeToFirstTokenMs[request] ?? 0);
    const prefixIds = this.#placed.filter(
      (prefixId) => (trie.cumulativeTokens[prefixId] ?? 0) - readTokens >= defaultGateOptions.minTokens,
    );
    if (prefixIds.length === 0 || readyMs <= sentMs) return;
    const model = String(requests.models[request] ?? 0);
    const freshTokens = uncachedTokens + write5mTokens + write1hTokens;
    const writing = { prefixIds, readyMs, sentMs, firstTokens: { model, freshTokens, isStream: true } };
    this.#writing.push(writing);
    this.#writers.add(writing, prefixIds);
  }

  nextWakeMs(): number {
    return this.#inner.nextWakeMs?.() ?? Infinity;
  }

  wake(...args: Parameters<NonNullable<PolicyRun['wake']>>): void {
    this.#inner.wake?.(...args);
  }
}

/** Another policy with the gate before it. */
export function gatedPolicy(inner: ReplayPolicy): ReplayPolicy {
  return {
    name: `${inner.name}+gate`,
    summary: `${inner.summary}; requests wait for others that write what they would read`,
    isClairvoyant: inner.isClairvoyant,
    start: (trace, context) => new GatedRun(trace, context, inner.start(trace, context)),
  };
}
