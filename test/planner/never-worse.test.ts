import { describe, expect, it } from 'vitest';

import { findPolicy } from '../../src/replay/policies/index.ts';
import { guardedPolicy } from '../../src/replay/policies/cachewright.ts';
import type { ReplayPolicy } from '../../src/replay/policy.ts';
import { randomWorkload } from './random-workloads.ts';
import { costsUnder, sumFrom } from './world-costs.ts';

/** 2,000 at effort 20. */
const WORKLOADS = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
/** Other workloads than those that the guard was tuned on. */
const FIRST_SEED = 200_001;
const LEARNED_AT = 200;

interface Ratio {
  readonly ratio: number;
  readonly description: string;
}

function policyOf(name: string): ReplayPolicy {
  const policy = findPolicy(name);
  if (!policy) throw new Error(`no policy ${name}`);
  return policy;
}

/** One workload's cost over no caching, premiums aside, and from request 200 on over the best of what it replaces. */
function compare(seed: number): readonly [overNone: Ratio, overBest: Ratio] {
  const { trace, prices, client, description } = randomWorkload(seed);
  const own = costsUnder(trace, guardedPolicy(policyOf(client)), prices);
  const [none, clients, automatic] = ['none', client, 'automatic-5m'].map(
    (name) => costsUnder(trace, policyOf(name), prices).costs,
  );
  if (!none || !clients || !automatic) throw new Error('three policies');
  const premiums = [...own.premiums.values()].reduce((sum, premium) => sum + premium, 0);
  const best = Math.min(sumFrom(clients, LEARNED_AT), sumFrom(automatic, LEARNED_AT));
  return [
    { ratio: (sumFrom(own.costs, 0) - premiums) / sumFrom(none, 0), description },
    { ratio: sumFrom(own.costs, LEARNED_AT) / best, description },
  ];
}

function printed(title: string, ratios: readonly Ratio[]): string {
  const sorted = ratios.toSorted((a, b) => a.ratio - b.ratio);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]?.ratio ?? 0).toFixed(4);
  const worst = sorted.at(-1);
  const shares = `p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, worst ${at(1)}`;
  return `${title}: ${shares}\n  ${worst?.description ?? ''}\n`;
}

describe('on random workloads, our own plans, guarded, cost', () => {
  const compared = Array.from({ length: WORKLOADS }, (_, index) => compare(FIRST_SEED + index));
  const overNone = compared.map(([ratio]) => ratio);
  const overBest = compared.map(([, ratio]) => ratio);

  it('at most 1.02 of no caching and one write premium a family, in 99.8 %, and never 1.06', () => {
    process.stdout.write(printed('over no caching, premiums aside', overNone));
    const lost = overNone.filter(({ ratio }) => ratio > 1.02);
    expect(lost.length, lost.map(({ description }) => description).join('\n')).toBeLessThanOrEqual(
      Math.floor(0.002 * WORKLOADS),
    );
    expect(Math.max(...overNone.map(({ ratio }) => ratio))).toBeLessThan(1.06);
  });

  it("from request 200 on at most 1.02 of the better of the client's own markers and automatic caching, in 99 %", () => {
    process.stdout.write(printed('over the better of client and automatic', overBest));
    const lost = overBest.filter(({ ratio }) => ratio > 1.02);
    expect(lost.length, lost.map(({ description }) => description).join('\n')).toBeLessThanOrEqual(
      Math.ceil(0.01 * WORKLOADS),
    );
  });
});
