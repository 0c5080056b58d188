import { describe, expect, it } from 'vitest';

import { lowerBounds } from '../bounds/lower-bounds.ts';
import { theoryPrices } from '../prices.ts';
import { simulate, type SimulationResult } from '../simulate/simulate.ts';
import { inputUsdOf } from '../simulate/tally.ts';
import { generateWorkload } from '../synthetic/index.ts';
import type { Trace } from '../trace/index.ts';
import { cachewrightPolicy } from './cachewright.ts';
import { gatedPolicy } from './gated.ts';

const prices = [theoryPrices];
const gated = gatedPolicy(cachewrightPolicy);

function usdOf({ tallies }: SimulationResult): number {
  return tallies.reduce((sum, tally) => sum + inputUsdOf(tally, prices), 0);
}

function run(trace: Trace, policy = gated): SimulationResult {
  return simulate(trace, policy, { prices });
}

describe('the gate in a replay', () => {
  it('of jobs that send twelve requests at once: a hundredth above the lower bound', () => {
    const trace = generateWorkload('fan-out');
    const result = run(trace);
    const bound = lowerBounds(trace, prices);
    expect(usdOf(result) / (bound.joint * theoryPrices.inputUsdPerToken)).toBeLessThan(1.03);
    expect(usdOf(run(trace, cachewrightPolicy)) / usdOf(result)).toBeGreaterThan(1.1);
    // Eleven wait for one, where the prefix is cold, and nobody longer than that takes to begin.
    const { heldRequests, heldMs } = result;
    expect(heldRequests % 11).toBe(0);
    expect(heldRequests).toBeGreaterThan(0);
    expect(heldMs / heldRequests).toBeLessThan(Math.max(...trace.requests.timeToFirstTokenMs));
  });

  it.each(['zipf-tenants', 'office-bursts', 'chats'])('of %s: costs no more than without', (name) => {
    const trace = generateWorkload(name);
    expect(usdOf(run(trace))).toBeLessThanOrEqual(usdOf(run(trace, cachewrightPolicy)) * 1.001);
  });
});
