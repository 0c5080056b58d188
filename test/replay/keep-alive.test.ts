import { describe, expect, it } from 'vitest';

import { lowerBounds } from '../../src/replay/bounds/lower-bounds.ts';
import { theoryPrices } from '../../src/replay/prices.ts';
import { generateWorkload, WORKLOADS } from '../../src/replay/synthetic/index.ts';
import type { Trace } from '../../src/replay/trace/index.ts';
import { costRatio } from '../planner/replayed.ts';

const BOTH = 'cachewright+keepalive+gate';
const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
/** Seeds besides a workload's own. */
const SEEDS = Array.from({ length: EFFORT >= 20 ? 5 : 1 }, (_, at) => 101 + at);

function overBound(trace: Trace): number {
  const { joint, none } = lowerBounds(
    trace,
    trace.models.map(() => theoryPrices),
  );
  return costRatio(trace, BOTH) / (joint / none);
}

describe('keep-alive and the gate over the lower bound', () => {
  it.each([
    ['poisson-3', 1.05],
    ['poisson-6', 1.05],
    ['poisson-20', 1.05],
    ['cadence-90min', 1.03],
    ['zipf-tenants', 1.09],
    ['office-bursts', 1.19],
    ['fan-out', 1.03],
  ])('%s: at most %d', (name, most) => {
    expect(overBound(generateWorkload(name))).toBeLessThanOrEqual(most);
    const others = SEEDS.map((seed) => overBound(generateWorkload(name, { seed })));
    expect(others.reduce((sum, each) => sum + each) / others.length).toBeLessThanOrEqual(most);
  });
});

const names = [...WORKLOADS.keys()].filter((name) => name !== 'large');

describe('keep-alive', () => {
  it.each(names)('costs on %s at most 1.003 of what no keep-alive does', (name) => {
    for (const params of [{}, ...SEEDS.map((seed) => ({ seed }))]) {
      const trace = generateWorkload(name, params);
      const ratio = costRatio(trace, 'cachewright+keepalive') / costRatio(trace);
      expect(ratio).toBeLessThanOrEqual(1.003);
    }
  });

  it('saves most of the bill where the next use is sure to come after the hour', () => {
    const trace = generateWorkload('cadence-90min');
    expect(costRatio(trace, 'cachewright+keepalive') / costRatio(trace)).toBeLessThan(0.25);
  });

  it('pays for naive pings what they cost', () => {
    const trace = generateWorkload('office-bursts');
    expect(costRatio(trace, 'blind-4-minutes')).toBeGreaterThan(1);
    expect(costRatio(trace, 'cachewright+keepalive')).toBeLessThan(costRatio(trace, 'keep-alive-system') / 4);
  });
});
