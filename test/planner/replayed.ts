import { lowerBounds } from '../../src/replay/bounds/lower-bounds.ts';
import { findPolicy } from '../../src/replay/policies/index.ts';
import { theoryPrices, type SimulationPrices } from '../../src/replay/prices.ts';
import { noCacheUsdOf, summarisePolicy } from '../../src/replay/results.ts';
import { simulate } from '../../src/replay/simulate/simulate.ts';
import type { Trace } from '../../src/replay/trace/index.ts';

/** Input cost of a trace under a policy, over that of no caching. */
export function costRatio(
  trace: Trace,
  name = 'cachewright',
  prices: SimulationPrices = theoryPrices,
): number {
  const policy = findPolicy(name);
  if (!policy) throw new Error(`no policy ${name}`);
  const all = trace.models.map(() => prices);
  return summarisePolicy(name, simulate(trace, policy, { prices: all }).tallies, all).costRatio;
}

/** Input cost of a trace under the planner, over what no policy can go below. */
export function overBound(trace: Trace, prices: SimulationPrices = theoryPrices): number {
  const policy = findPolicy('cachewright');
  if (!policy) throw new Error('no planner');
  const all = trace.models.map(() => prices);
  const { tallies } = simulate(trace, policy, { prices: all });
  const costUsd = summarisePolicy('cachewright', tallies, all).costUsd;
  const { joint, none } = lowerBounds(trace, all);
  return costUsd / (noCacheUsdOf(tallies, all) * (joint / none));
}
