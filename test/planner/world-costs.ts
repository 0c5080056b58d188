import type { PolicyContext, ReplayPolicy } from '../../src/replay/policy.ts';
import type { SimulationPrices } from '../../src/replay/prices.ts';
import {
  CacheSimulator,
  createOutcome,
  createPlacements,
} from '../../src/replay/simulate/cache-simulator.ts';
import type { Trace } from '../../src/replay/trace/index.ts';

/** What one policy paid, in units of one uncached input token. */
export interface WorldCosts {
  /** By request. */
  readonly costs: Float64Array;
  /** What each request paid for writing, over not caching. */
  readonly paidPremiums: Float64Array;
  /** The dearest premium of writing that one request of a family paid, by family. */
  readonly premiums: ReadonlyMap<number, number>;
}

/** Runs a policy over a trace, request by request. */
export function costsUnder(
  trace: Trace,
  policy: ReplayPolicy,
  prices: SimulationPrices,
  entriesAre: PolicyContext['entriesAre'] = 'self-contained',
): WorldCosts {
  const { requests, trie } = trace;
  const simulator = new CacheSimulator(trace, entriesAre);
  const placements = createPlacements();
  const outcome = createOutcome();
  const context: PolicyContext = {
    prices: trace.models.map(() => prices),
    entriesAre,
    pingOverheadTokens: 8,
    isReadable: (prefixId, atMs) => simulator.isReadable(prefixId, atMs),
    expiresMs: (prefixId, ttl) => simulator.expiresMs(prefixId, ttl),
  };
  const run = policy.start(trace, context);
  const costs = new Float64Array(requests.count);
  const paidPremiums = new Float64Array(requests.count);
  const premiums = new Map<number, number>();
  for (let request = 0; request < requests.count; request += 1) {
    const startMs = requests.startMs[request] ?? 0;
    const totalTokens =
      (trie.cumulativeTokens[requests.prefixIds[request] ?? -1] ?? 0) + (requests.tailTokens[request] ?? 0);
    placements.count = 0;
    run.place(request, placements, startMs);
    simulator.step(
      {
        totalTokens,
        startMs,
        readyMs: startMs + (requests.timeToFirstTokenMs[request] ?? 0),
        minCacheableTokens: prices.minCacheableTokens,
      },
      placements,
      outcome,
    );
    run.observe?.(request, outcome);
    costs[request] =
      outcome.readTokens * prices.read +
      outcome.write5mTokens * prices.write5m +
      outcome.write1hTokens * prices.write1h +
      outcome.uncachedTokens;
    const premium =
      outcome.write5mTokens * (prices.write5m - 1) + outcome.write1hTokens * (prices.write1h - 1);
    paidPremiums[request] = premium;
    const family = requests.applications[request] ?? 0;
    if (premium > (premiums.get(family) ?? 0)) premiums.set(family, premium);
  }
  return { costs, paidPremiums, premiums };
}

export function sumFrom(costs: Float64Array, from: number): number {
  let sum = 0;
  for (let request = from; request < costs.length; request += 1) sum += costs[request] ?? 0;
  return sum;
}
