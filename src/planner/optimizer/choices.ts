import {
  billTokens,
  BREAKPOINTS_MAX,
  cacheStep,
  emptyCacheState,
  sweepExpired,
  type Breakpoint,
  type CacheRules,
  type ModelFacts,
  type PicoUsd,
  type PricingContext,
  type Ttl,
} from '../../core/index.ts';
import type { KeptRequest } from './family.ts';

/** A breakpoint at a kind of place. */
export interface PlaceChoice {
  readonly place: string;
  readonly ttl: Ttl;
}

/** Breakpoints by kind of place, in prompt order; none is no caching. */
export type Choice = readonly PlaceChoice[];

/** What requests would have cost under a choice. */
export interface ChoiceCost {
  readonly choice: Choice;
  /** Input cost in each period of the time that was looked at. */
  readonly periodsPicoUsd: readonly PicoUsd[];
  readonly totalPicoUsd: PicoUsd;
}

/** What costs depend on besides requests and choice. */
export interface CostContext {
  readonly facts: ModelFacts;
  readonly rules: CacheRules;
  readonly pricingAt: (atMs: number) => PricingContext;
  /** Periods, and the one that a time falls in. */
  readonly periodCount: number;
  readonly periodOf: (atMs: number) => number;
}

/**
 * Every choice that the API accepts among places in prompt order: at most four breakpoints (spec 1.6), never 1h after
 * 5m (spec 4.6). Those with fewer breakpoints come first, and of as many those with fewer 1h.
 *
 * @example listChoices(['system-end']).length // 3: none, 5m, 1h
 */
export function listChoices(places: readonly string[]): readonly Choice[] {
  const subsets = places.reduce<readonly (readonly string[])[]>(
    (sets, place) => [...sets, ...sets.map((set) => [...set, place])],
    [[]],
  );
  const choices = subsets
    .filter((set) => set.length <= BREAKPOINTS_MAX)
    .flatMap((set) =>
      Array.from({ length: set.length + 1 }, (_unused, hours) =>
        set.map((place, index): PlaceChoice => ({ place, ttl: index < hours ? '1h' : '5m' })),
      ),
    );
  const hoursOf = (choice: Choice): number => choice.filter(({ ttl }) => ttl === '1h').length;
  return choices.toSorted((a, b) => a.length - b.length || hoursOf(a) - hoursOf(b));
}

/** The breakpoints of a choice in one request; a block takes one only, and places that it has not take none. */
function breakpointsOf(request: KeptRequest, choice: Choice): readonly Breakpoint[] {
  const breakpoints: Breakpoint[] = [];
  for (const { place, ttl } of choice) {
    const blockIndex = request.places.find(({ name }) => name === place)?.blockIndex;
    if (blockIndex === undefined || breakpoints.at(-1)?.blockIndex === blockIndex) continue;
    breakpoints.push({ blockIndex, ttl, origin: 'explicit' });
  }
  return breakpoints;
}

/** Sends the requests through the model of the cache under a choice, and bills each at the prices of its day. */
export function costOf(
  requests: readonly KeptRequest[],
  choice: Choice,
  { facts, rules, pricingAt, periodCount, periodOf }: CostContext,
): ChoiceCost {
  const periods = Array.from({ length: periodCount }, () => 0n);
  let state = emptyCacheState;
  let sweptMs = -Infinity;
  for (const request of requests) {
    const { atMs, readyMs, chain } = request;
    const breakpoints = breakpointsOf(request, choice);
    const planned = { ...chain, breakpoints, minCacheableTokens: facts.minCacheableTokens };
    const [outcome, next] = cacheStep(state, planned, { startMs: atMs, readyMs }, rules);
    const isSweepDue = atMs - sweptMs > rules.ttlMs['1h'];
    state = isSweepDue ? sweepExpired(next, atMs, rules) : next;
    if (isSweepDue) sweptMs = atMs;
    const bill = billTokens(facts, { ...outcome, outputTokens: 0 }, pricingAt(atMs));
    const period = periodOf(atMs);
    periods[period] = (periods[period] ?? 0n) + bill.totalPicoUsd;
  }
  const totalPicoUsd = periods.reduce((sum, cost) => sum + cost, 0n);
  return { choice, periodsPicoUsd: periods, totalPicoUsd };
}

/** The cheapest; of equals the simplest, which comes first. */
export function cheapestOf(costs: readonly ChoiceCost[]): ChoiceCost {
  return costs.reduce((best, cost) => (cost.totalPicoUsd < best.totalPicoUsd ? cost : best));
}
