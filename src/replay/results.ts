import { BOUND_ASSUMPTIONS, type LowerBounds } from './bounds/lower-bounds.ts';
import { familiesOf, type SimulationPrices } from './prices.ts';
import type { SimulationResult } from './simulate/simulate.ts';
import { inputUsdOf, outputUsdOf, uncachedUsdOf, type TokenTally } from './simulate/tally.ts';

/** What one policy cost on a trace. */
export interface PolicyResult {
  readonly name: string;
  /** Total input cost, pings included, over that of no caching. */
  readonly costRatio: number;
  /** Total input cost in dollars, pings included. */
  readonly costUsd: number;
  /** Where the tokens of the requests went, pings left out. */
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
  readonly pings: number;
  /** The part of `costUsd` that pings cost. */
  readonly pingUsd: number;
}

/** The same for the requests of one family of models. */
export interface FamilyResult {
  readonly family: string;
  readonly requests: number;
  readonly noCacheUsd: number;
  readonly policies: readonly PolicyResult[];
  readonly lowerBound: { readonly costRatio: number };
}

/** What no policy can go below. */
export interface LowerBoundResult {
  /** Over the input cost of no caching. */
  readonly costRatio: number;
  readonly costUsd: number;
  /** Sentences on what the bound takes for granted. */
  readonly assumptions: readonly string[];
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

/** What the requests of some tallies would have cost without caching, in dollars of input. */
export function noCacheUsdOf(tallies: readonly TokenTally[], prices: readonly SimulationPrices[]): number {
  return sumOf(
    tallies.filter((tally) => !tally.isPing),
    (tally) => uncachedUsdOf(tally, prices),
  );
}

/** What the answers cost, the same under every policy. */
export function outputUsd(tallies: readonly TokenTally[], prices: readonly SimulationPrices[]): number {
  return sumOf(tallies, (tally) => outputUsdOf(tally, prices));
}

/** One policy's result from its tallies, or from those of some models only. */
export function summarisePolicy(
  name: string,
  tallies: readonly TokenTally[],
  prices: readonly SimulationPrices[],
): PolicyResult {
  const requests = tallies.filter((tally) => !tally.isPing);
  const pings = tallies.filter((tally) => tally.isPing);
  const costUsd = sumOf(tallies, (tally) => inputUsdOf(tally, prices));
  const noCacheUsd = noCacheUsdOf(tallies, prices);
  return {
    name,
    costRatio: ratioOf(costUsd, noCacheUsd),
    costUsd,
    readTokens: sumOf(requests, (tally) => tally.readTokens),
    write5mTokens: sumOf(requests, (tally) => tally.write5mTokens),
    write1hTokens: sumOf(requests, (tally) => tally.write1hTokens),
    uncachedTokens: sumOf(requests, (tally) => tally.uncachedTokens),
    pings: sumOf(pings, (tally) => tally.requests),
    pingUsd: sumOf(pings, (tally) => inputUsdOf(tally, prices)),
  };
}

/** The bound in dollars; of some models only where `isCounted` says so. */
function boundUsd(
  bounds: LowerBounds,
  prices: readonly SimulationPrices[],
  isCounted: (model: number) => boolean,
): number {
  return bounds.byModel.reduce(
    (sum, { joint }, model) =>
      isCounted(model) ? sum + joint * (prices[model]?.inputUsdPerToken ?? 0) : sum,
    0,
  );
}

function ratioOf(costUsd: number, noCacheUsd: number): number {
  return noCacheUsd === 0 ? 1 : costUsd / noCacheUsd;
}

/** The lower bound over all requests. */
export function summariseBound(
  bounds: LowerBounds,
  noCacheUsd: number,
  prices: readonly SimulationPrices[],
): LowerBoundResult {
  const costUsd = boundUsd(bounds, prices, () => true);
  return { costRatio: ratioOf(costUsd, noCacheUsd), costUsd, assumptions: BOUND_ASSUMPTIONS };
}

/** Results per family of models; none where there is only one. */
export function summariseFamilies(
  runs: readonly { readonly name: string; readonly simulation: SimulationResult }[],
  bounds: LowerBounds,
  models: readonly string[],
  prices: readonly SimulationPrices[],
): readonly FamilyResult[] {
  const families = familiesOf(models);
  const names = [...new Set(families)];
  if (names.length < 2) return [];
  return names.map((family) => {
    const ownOf = (tallies: readonly TokenTally[]): readonly TokenTally[] =>
      tallies.filter((tally) => families[tally.model] === family);
    const first = ownOf(runs[0]?.simulation.tallies ?? []);
    const noCacheUsd = noCacheUsdOf(first, prices);
    const ownBoundUsd = boundUsd(bounds, prices, (model) => families[model] === family);
    return {
      family,
      requests: sumOf(first, (tally) => (tally.isPing ? 0 : tally.requests)),
      noCacheUsd,
      policies: runs.map(({ name, simulation }) => summarisePolicy(name, ownOf(simulation.tallies), prices)),
      lowerBound: { costRatio: ratioOf(ownBoundUsd, noCacheUsd) },
    };
  });
}
