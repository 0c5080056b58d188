import { BREAKPOINTS_MAX, LOOKBACK_POSITIONS } from '../../core/index.ts';
import { buildChains } from '../bounds/chains.ts';
import { documentedLifetimes } from '../bounds/lower-bounds.ts';
import { buildSegments } from '../bounds/segments.ts';
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
import { chooseEnds, deepestWith } from './clairvoyant-choice.ts';
import { FutureJudge } from './clairvoyant-future.ts';
import { RequestPath } from './clairvoyant-path.ts';
import { PING_LEAD_MS, valueFuture } from './clairvoyant-values.ts';

class ClairvoyantRun implements PolicyRun {
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  readonly #path: RequestPath;
  readonly #judge: FutureJudge;
  /** Chains whose prefix `#targets` is to be held until `#untilMs`. */
  readonly #queue = new TimedQueue();
  readonly #isQueued: Uint8Array;
  readonly #targets: Int32Array;
  readonly #untilMs: Float64Array;
  readonly #models: Uint8Array;

  constructor(trace: Trace, context: PolicyContext) {
    this.#trace = trace;
    this.#context = context;
    const minimums = context.prices.map((prices) => prices.minCacheableTokens);
    const segments = buildSegments(trace, minimums, true);
    const chains = buildChains(trace, segments);
    const values = valueFuture(trace, segments, chains, context);
    this.#path = new RequestPath(trace, context, segments, chains, values);
    this.#judge = new FutureJudge(trace, context, this.#path);
    this.#isQueued = new Uint8Array(chains.count);
    this.#targets = new Int32Array(chains.count);
    this.#untilMs = new Float64Array(chains.count);
    this.#models = new Uint8Array(chains.count);
  }

  place(request: number, placements: PlacementBuffer): void {
    const { startMs, models } = this.#trace.requests;
    const nowMs = startMs[request] ?? 0;
    const prices = this.#context.prices[models[request] ?? 0];
    this.#path.load(request);
    if (!prices || this.#path.count === 0) return;
    this.#path.look(nowMs);
    const { end1h, end } = chooseEnds(this.#path, this.#judge, this.#context, prices, nowMs);
    this.#mark(end1h, end, placements);
  }

  observe(request: number): void {
    const { startMs, models } = this.#trace.requests;
    const path = this.#path;
    const nowMs = startMs[request] ?? 0;
    const model = models[request] ?? 0;
    const prices = this.#context.prices[model];
    if (!prices || path.count === 0) return;
    if (!this.#forgetHolds(nowMs)) return;
    // What was written just now counts as live; it is readable long before any ping.
    path.look(nowMs + (this.#trace.requests.timeToFirstTokenMs[request] ?? 0));
    this.#judge.start();
    for (let order = path.chainCount - 1; order >= 0; order -= 1) {
      const chain = path.chainAt(order);
      this.#judge.add(chain, chain.tokens1h, chain.tokens5m, chain.tokensNot);
      if (order > 0 && path.chainAt(order - 1).next === chain.next) continue;
      const deepest = deepestWith(path, order, chain.next);
      this.#judge.finish(chain.next, nowMs, prices, path.cumulativeAt(deepest));
      if (this.#judge.crossing !== 'as-is') this.#hold(deepest, chain.from, chain.next, model, nowMs);
      this.#judge.start();
    }
  }

  /** Ends what was planned for the path's chains; false if all of them are visited again before anything expires. */
  #forgetHolds(nowMs: number): boolean {
    const path = this.#path;
    let isGapLong = false;
    for (let order = 0; order < path.chainCount; order += 1) {
      const { chain, next } = path.chainAt(order);
      this.#untilMs[chain] = 0;
      const gapMs = (this.#trace.requests.startMs[next] ?? 0) - nowMs;
      isGapLong ||= next !== NO_PREFIX && gapMs >= documentedLifetimes.live5mMs;
    }
    return isGapLong;
  }

  nextWakeMs(): number {
    return this.#queue.nextMs;
  }

  wake(nowMs: number, sendPing: SendPing): void {
    const chain = this.#queue.take();
    this.#isQueued[chain] = 0;
    const target = this.#targets[chain] ?? NO_PREFIX;
    const untilMs = this.#untilMs[chain] ?? 0;
    if (untilMs <= nowMs) return;
    const endMs = this.#expiresMs(target);
    if (endMs <= nowMs || endMs > untilMs) return;
    if (endMs - PING_LEAD_MS <= nowMs) {
      if (!this.#context.isReadable(target, nowMs)) return;
      sendPing(target, TTL_5M, this.#models[chain] ?? 0);
    }
    this.#enqueue(chain, this.#expiresMs(target) - PING_LEAD_MS);
  }

  /** Plans pings over the deepest entry of the path that the next request comes by. */
  #hold(deepest: number, from: number, next: number, model: number, nowMs: number): void {
    const path = this.#path;
    const has = (index: number, ttl: number): boolean =>
      this.#context.expiresMs(path.endAt(index), ttl) > nowMs;
    const isOnly1h = this.#judge.crossing === 'hold-1h';
    let index = deepest;
    while (index >= from && !has(index, TTL_1H) && (isOnly1h || !has(index, TTL_5M))) index -= 1;
    if (index < from) return;
    const chain = path.chains.ofSegments[path.path[index] ?? 0] ?? 0;
    this.#targets[chain] = path.endAt(index);
    this.#models[chain] = model;
    this.#untilMs[chain] = this.#trace.requests.startMs[next] ?? 0;
    this.#enqueue(chain, this.#expiresMs(path.endAt(index)) - PING_LEAD_MS);
  }

  #enqueue(chain: number, atMs: number): void {
    if (this.#isQueued[chain] === 1) return;
    this.#isQueued[chain] = 1;
    this.#queue.add(chain, atMs);
  }

  #expiresMs(prefixId: number): number {
    return Math.max(this.#context.expiresMs(prefixId, TTL_5M), this.#context.expiresMs(prefixId, TTL_1H));
  }

  #mark(end1h: number, end: number, placements: PlacementBuffer): void {
    const path = this.#path;
    const { hit } = path;
    if (end < 0) return;
    const chosen = new Set<number>([end]);
    if (end1h > hit) chosen.add(end1h);
    const { positions } = this.#trace.trie;
    const reach = (positions[path.endAt(end)] ?? 0) - (LOOKBACK_POSITIONS - 1);
    if (hit >= 0 && this.#trace.hasLookbackLimit && (positions[path.endAt(hit)] ?? 0) < reach)
      chosen.add(hit);
    for (const index of this.#sharedEnds(end)) {
      if (chosen.size === BREAKPOINTS_MAX) break;
      chosen.add(index);
    }
    for (const index of [...chosen].toSorted((a, b) => a - b)) {
      placements.prefixIds[placements.count] = path.endAt(index);
      placements.ttls[placements.count] = index <= end1h && end1h > hit ? TTL_1H : TTL_5M;
      placements.count += 1;
    }
  }

  /** Ends of chains between the hit and the end: other requests branch off there; the busiest first. */
  #sharedEnds(end: number): number[] {
    const path = this.#path;
    const ends: number[] = [];
    for (let order = 0; order < path.chainCount; order += 1) {
      const { to } = path.chainAt(order);
      if (to > path.hit && to < end) ends.push(to);
    }
    const visitsAt = (index: number): number => path.segments.visits[path.path[index] ?? 0] ?? 0;
    const branching = (index: number): number => visitsAt(index) - visitsAt(index + 1);
    return ends.length <= 1 ? ends : ends.toSorted((a, b) => branching(b) - branching(a));
  }
}

/** Knows the whole trace: an achievable plan, so that the optimum lies between the lower bound and it. */
export const clairvoyantPolicy: ReplayPolicy = {
  name: 'clairvoyant',
  summary: 'knows all later requests: a plan within every rule of the service',
  isClairvoyant: true,
  start: (trace, context) => new ClairvoyantRun(trace, context),
};
