import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import { deepestReused, type Chains } from './chains.ts';
import { pingsToBridge, pingsToUpgrade, type BoundPrices, type Lifetimes } from './prices.ts';
import type { PingCharges } from './ping-charges.ts';
import type { Segments } from './segments.ts';

/** What may be live after a request on one chain, with the least cost so far. */
interface AfterRequest {
  /** Tokens that live for an hour. */
  readonly live1h: number;
  /** Tokens that live for 5 minutes at least: `live1h`, or all that the request covers. */
  readonly live5m: number;
  readonly cost: number;
}

/** What may be live when a request comes. */
interface BeforeRequest {
  readonly live: number;
  readonly cost: number;
}

interface ChainState {
  after: readonly AfterRequest[];
  lastMs: number;
  /** Tokens of the chain that requests have covered so far. */
  seen: number;
}

/**
 * Least cost of each chain over all its requests, in uncached input tokens, when all its blocks are decided together;
 * 0 where `solveNodes` says at least as much. Positions may lie anywhere, inside blocks too, so a 1h entry of no
 * length can turn all that a request or ping reads into 1h; what is left is one number, the tokens that live.
 * The cost to come is concave in that number, being a minimum of linear functions, so that among all choices one at a
 * corner is best: what a request does not read it writes all for 5 minutes, or all for an hour, or not at all; a gap
 * is bridged for all that lives, for all that lives for an hour, or not at all.
 */
export function solveChains(
  trace: Trace,
  segments: Segments,
  chains: Chains,
  prices: readonly BoundPrices[],
  lifetimes: Lifetimes,
  charges: PingCharges,
): Float64Array {
  const { requests } = trace;
  const states = new Map<number, ChainState>();
  const costs = new Float64Array(chains.count);
  const isCovered = findCovered(segments, chains, charges);
  if (!isCovered.includes(0)) return costs;
  for (let request = 0; request < requests.count; request += 1) {
    const price = prices[requests.models[request] ?? 0];
    if (!price) continue;
    const nowMs = requests.startMs[request] ?? 0;
    let segment = deepestReused(segments, request);
    while (segment !== NO_PREFIX) {
      const chain = chains.ofSegments[segment] ?? 0;
      const above = segments.parents[chains.heads[chain] ?? 0] ?? NO_PREFIX;
      if (isCovered[chain] === 1) {
        segment = above;
        continue;
      }
      const state = states.get(chain) ?? {
        after: [{ live1h: 0, live5m: 0, cost: 0 }],
        lastMs: nowMs,
        seen: 0,
      };
      const pingCost = pingCostOf(charges, chain, price.read);
      const before = crossGap(state, nowMs - state.lastMs, price.write5m, lifetimes, pingCost);
      const end = chains.lengths[segment] ?? 0;
      states.set(chain, { after: takeRequest(before, end, price), lastMs: nowMs, seen: end });
      segment = above;
    }
    charges.pass(request);
  }
  for (const [chain, { after }] of states) costs[chain] = Math.min(...after.map(({ cost }) => cost));
  return costs;
}

function pingCostOf(charges: PingCharges, chain: number, read: number): (live: number) => number {
  const ping = read * (charges.ofChains[chain] ?? 0);
  const surcharge = read * (charges.surcharges[chain] ?? 0);
  return (live) => (live > 0 ? ping * live + surcharge : 0);
}

/** Marks chains of which `solveNodes` says at least as much: no two blocks differ, and each pays for its own pings. */
function findCovered(
  segments: Segments,
  { count, heads, tails }: Chains,
  { surcharges }: PingCharges,
): Uint8Array {
  const isCovered = new Uint8Array(count);
  for (let chain = 0; chain < count; chain += 1) {
    const head = heads[chain] ?? 0;
    const isBlock = segments.tokens[head] === segments.lastBlockTokens[head];
    if (head === tails[chain] && (isBlock || surcharges[chain] === 0)) isCovered[chain] = 1;
  }
  return isCovered;
}

function crossGap(
  { after, seen }: ChainState,
  gapMs: number,
  write5m: number,
  lifetimes: Lifetimes,
  pingCost: (live: number) => number,
): BeforeRequest[] {
  const before: BeforeRequest[] = [];
  const pings1h = pingsToBridge(gapMs, lifetimes.live1hMs);
  const pings5m = gapMs <= lifetimes.live5mMs ? 0 : pingsToUpgrade(gapMs, lifetimes);
  let allLive = Infinity;
  for (const { live1h, live5m, cost } of after) {
    before.push({ live: 0, cost }, { live: live1h, cost: cost + pings1h * pingCost(live1h) });
    const heldCost = cost + pings5m * pingCost(live5m);
    before.push({ live: live5m, cost: heldCost });
    // A ping may also write again what has lapsed, ahead of the request.
    const kept = (live: number, pings: number): number =>
      cost + Math.max(1, pings) * pingCost(live) + write5m * (seen - live);
    allLive = Math.min(allLive, kept(0, 1), kept(live1h, pings1h), kept(live5m, pings5m));
  }
  before.push({ live: seen, cost: allLive });
  return keepBest(before);
}

/** Leaves out what costs no less than something that has more alive. */
function keepBest(before: BeforeRequest[]): BeforeRequest[] {
  before.sort((a, b) => b.live - a.live || a.cost - b.cost);
  const best: BeforeRequest[] = [];
  let cheapest = Infinity;
  for (const option of before) {
    if (option.cost >= cheapest) continue;
    cheapest = option.cost;
    best.push(option);
  }
  return best;
}

function takeRequest(
  before: readonly BeforeRequest[],
  end: number,
  { read, write5m, write1h }: BoundPrices,
): AfterRequest[] {
  const after: AfterRequest[] = [];
  let all1h = Infinity;
  for (const { live, cost } of before) {
    const paid = cost + read * live;
    const rest = end - live;
    after.push(
      { live1h: live, live5m: live, cost: paid + rest },
      { live1h: live, live5m: end, cost: paid + write5m * rest },
    );
    all1h = Math.min(all1h, paid + write1h * rest);
  }
  after.push({ live1h: end, live5m: end, cost: all1h });
  return after;
}
