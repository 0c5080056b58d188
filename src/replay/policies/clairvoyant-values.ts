import { deepestReused, type Chains } from '../bounds/chains.ts';
import { documentedLifetimes } from '../bounds/lower-bounds.ts';
import type { Segments } from '../bounds/segments.ts';
import type { PolicyContext, ReplayPrices } from '../policy.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';

/**
 * What the future is worth: for each visit of a chain by a request, the least cost from the chain's next visit on of one
 * of its tokens, by what that next visit finds. Visits of one request stand together, the deepest chain first.
 */
export interface FutureValues {
  /** Where the visits of each request begin; one longer than the requests are many. */
  readonly offsets: Int32Array;
  readonly nothing: Float32Array;
  readonly live5m: Float32Array;
  readonly live1h: Float32Array;
  /** The request that visits the chain next; `NO_PREFIX` for none. */
  readonly nextRequests: Int32Array;
}

/** How long before an entry's end its ping goes out, ms. */
export const PING_LEAD_MS = 1500;

/** What is known of a chain's next visit while going back in time: one record a chain, so that it lies together. */
const NEXT_REQUEST = 0;
const START_MS = 1;
const LENGTH = 2;
const GOES_ON = 3;
const NOTHING = 4;
const LIVE_5M = 5;
const LIVE_1H = 6;
const WIDTH = 8;

interface Costs {
  nothing: number;
  live5m: number;
  live1h: number;
}

/** Goes back through the trace once; see `FutureValues`. */
export function valueFuture(
  trace: Trace,
  segments: Segments,
  chains: Chains,
  context: PolicyContext,
): FutureValues {
  const { requests } = trace;
  const offsets = countVisits(trace, segments, chains);
  const total = offsets[requests.count] ?? 0;
  const values = {
    offsets,
    nothing: new Float32Array(total),
    live5m: new Float32Array(total),
    live1h: new Float32Array(total),
    nextRequests: new Int32Array(total),
  };
  const next = new Float64Array(chains.count * WIDTH);
  for (let at = NEXT_REQUEST; at < next.length; at += WIDTH) next[at] = NO_PREFIX;
  const costs: Costs = { nothing: 0, live5m: 0, live1h: 0 };
  for (let request = requests.count - 1; request >= 0; request -= 1) {
    const prices = context.prices[requests.models[request] ?? 0];
    if (!prices) continue;
    const nowMs = requests.startMs[request] ?? 0;
    let visit = offsets[request] ?? 0;
    let deeperNext = NO_PREFIX;
    for (let segment = deepestReused(segments, request); segment !== NO_PREFIX; visit += 1) {
      const chain = chains.ofSegments[segment] ?? 0;
      const at = chain * WIDTH;
      const length = chains.lengths[segment] ?? 0;
      const nextRequest = next[at + NEXT_REQUEST] ?? NO_PREFIX;
      lookAhead(next, at, length, prices, costs);
      write(values, visit, nextRequest, costs);
      const end = segments.ends[segment] ?? NO_PREFIX;
      const pingCost = pingCostOf(trace, context, prices, end) / length;
      holdOrLapse(next, at, nowMs, pingCost, costs);
      next[at + START_MS] = nowMs;
      next[at + LENGTH] = length;
      next[at + GOES_ON] = comesBy(nextRequest, deeperNext);
      remember(next, at, request, costs);
      deeperNext = nextRequest;
      segment = segments.parents[chains.heads[chain] ?? 0] ?? NO_PREFIX;
    }
  }
  return values;
}

/** A 1h entry further down helps the next visit only if that comes by there. */
function comesBy(next: number, deeperNext: number): number {
  return next !== NO_PREFIX && next === deeperNext ? 1 : 0;
}

function pingCostOf(
  { trie }: Trace,
  { pingOverheadTokens }: PolicyContext,
  { read }: ReplayPrices,
  end: number,
): number {
  return read * (trie.cumulativeTokens[end] ?? 0) + pingOverheadTokens;
}

function write(values: FutureValues, visit: number, nextRequest: number, costs: Costs): void {
  values.nothing[visit] = costs.nothing;
  values.live5m[visit] = costs.live5m;
  values.live1h[visit] = costs.live1h;
  values.nextRequests[visit] = nextRequest;
}

function remember(next: Float64Array, at: number, request: number, costs: Costs): void {
  next[at + NEXT_REQUEST] = request;
  next[at + NOTHING] = costs.nothing;
  next[at + LIVE_5M] = costs.live5m;
  next[at + LIVE_1H] = costs.live1h;
}

/** Cost to come per token at the chain's next visit, by what it finds. */
function lookAhead(
  next: Float64Array,
  at: number,
  length: number,
  { read, write5m, write1h }: ReplayPrices,
  costs: Costs,
): void {
  if ((next[at + NEXT_REQUEST] ?? NO_PREFIX) === NO_PREFIX) {
    costs.nothing = 0;
    costs.live5m = 0;
    costs.live1h = 0;
    return;
  }
  const growth = (next[at + LENGTH] ?? 0) - length;
  const after5m = next[at + LIVE_5M] ?? 0;
  const after1h = next[at + LIVE_1H] ?? 0;
  const carried =
    growth > 0 || next[at + GOES_ON] === 1 ? after1h + ((write1h - write5m) * growth) / length : Infinity;
  costs.nothing = Math.min(1 + (next[at + NOTHING] ?? 0), write5m + after5m, write1h + after1h);
  costs.live5m = read + Math.min(after5m, carried);
  costs.live1h = read + after1h;
}

/** Turns costs at the next visit into costs right after the one before, by what that one leaves. */
function holdOrLapse(next: Float64Array, at: number, nowMs: number, pingCost: number, costs: Costs): void {
  const gapMs = (next[at + START_MS] ?? 0) - nowMs;
  const held5m = pingsToHold(gapMs, documentedLifetimes.live5mMs) * pingCost + costs.live5m;
  const held1h = pingsToHold(gapMs, documentedLifetimes.live1hMs) * pingCost + costs.live1h;
  costs.live5m = Math.min(costs.nothing, held5m);
  costs.live1h = Math.min(costs.nothing, held1h);
}

/** Pings that carry an entry over a gap when each goes out a little before the end. */
export function pingsToHold(gapMs: number, lifetimeMs: number): number {
  return gapMs < lifetimeMs ? 0 : Math.floor((gapMs - lifetimeMs) / (lifetimeMs - PING_LEAD_MS)) + 1;
}

function countVisits({ requests }: Trace, segments: Segments, chains: Chains): Int32Array {
  const offsets = new Int32Array(requests.count + 1);
  for (let request = 0; request < requests.count; request += 1) {
    let visits = 0;
    let segment = deepestReused(segments, request);
    while (segment !== NO_PREFIX) {
      visits += 1;
      segment = segments.parents[chains.heads[chains.ofSegments[segment] ?? 0] ?? 0] ?? NO_PREFIX;
    }
    offsets[request + 1] = (offsets[request] ?? 0) + visits;
  }
  return offsets;
}
