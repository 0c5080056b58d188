import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Boundary } from './boundaries.ts';
import type { PlanPrices } from './request.ts';
import { chooseExtent, savedByHour, type AtRisk, type Extent, type Stretch } from './weigh.ts';

const numRuns = Math.ceil(500 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const PRICES: PlanPrices = { read: 0.1, write5m: 1.25, write1h: 2, minCacheableTokens: 1024 };

interface Known {
  readonly tokens: number;
  readonly within5m: number;
  readonly within1h: number;
  readonly place?: Boundary['place'];
  readonly isInFlight?: boolean;
}

function stretchOf({ tokens, within5m, within1h, place = 'shared', isInFlight = false }: Known): Stretch {
  return { boundary: { index: 0, place, chance: { within5m, within1h } }, tokens, isInFlight, hold: null };
}

/** What an extent is expected to cost beyond no caching, written out from the rules. */
function costOf(
  { hourCount, count }: Extent,
  stretches: readonly Stretch[],
  atRisk: AtRisk,
  prices: PlanPrices,
): number {
  const { read, write5m, write1h } = prices;
  let cost = 0;
  for (const [order, { boundary, tokens, isInFlight }] of stretches.entries()) {
    const { within5m, within1h } = boundary.chance;
    if (order >= count) continue;
    const isHour = order < hourCount;
    const premium = boundary.place === 'tail' ? write1h - write5m : (write1h - write5m) * (1 - within1h);
    const writing = (isHour ? premium : 0) + write5m - 1;
    const saved = (write5m - read) * (isHour ? within1h : within5m);
    cost += tokens * (isInFlight ? (isHour ? write1h : write5m) - 1 : writing - saved);
  }
  const last = stretches[hourCount - 1];
  if (!last || atRisk.tokens <= 0) return cost;
  const { within5m, within1h } = last.boundary.chance;
  return cost - ((write5m - read) * (within1h - within5m) * atRisk.tokens + atRisk.debt);
}

function cheapest(stretches: readonly Stretch[], atRisk: AtRisk, prices: PlanPrices): number {
  let least = 0;
  for (let hourCount = 0; hourCount <= stretches.length; hourCount += 1)
    for (let count = hourCount; count <= stretches.length; count += 1)
      least = Math.min(least, costOf({ hourCount, count }, stretches, atRisk, prices));
  return least;
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const known: fc.Arbitrary<Known> = fc
  .record({
    tokens: fc.nat({ max: 50_000 }),
    chances: fc.tuple(share, share),
    place: fc.constantFrom<Boundary['place'][]>('tail', 'shared', 'tools-end', 'system-end', 'documents-end'),
    isInFlight: fc.boolean(),
  })
  .map(({ chances, ...rest }) => ({
    ...rest,
    within5m: Math.min(...chances),
    within1h: Math.max(...chances),
  }));
const prices: fc.Arbitrary<PlanPrices> = fc.record({
  read: fc.constantFrom(0.025, 0.05, 0.1),
  write5m: fc.constantFrom(1, 1.25, 1.5),
  write1h: fc.constantFrom(2, 2.5),
  minCacheableTokens: fc.constant(1024),
});

describe('the extent of what is written', () => {
  it('is the cheapest of all pairs', () => {
    const atRisk = fc.record({ tokens: fc.nat({ max: 100_000 }), debt: fc.nat({ max: 20_000 }) });
    fc.assert(
      fc.property(fc.array(known, { maxLength: 12 }), atRisk, prices, (list, risk, priced) => {
        const stretches = list.map(stretchOf);
        const extent = chooseExtent(stretches, risk, priced);
        expect(extent.hourCount).toBeLessThanOrEqual(extent.count);
        expect(extent.count).toBeLessThanOrEqual(stretches.length);
        const least = cheapest(stretches, risk, priced);
        expect(costOf(extent, stretches, risk, priced)).toBeLessThanOrEqual(least + 1e-6);
        // What gains nothing is not done.
        expect(least < 0 || extent.count === 0).toBe(true);
      }),
      { numRuns },
    );
  });

  const nothing: AtRisk = { tokens: 0, debt: 0 };

  it('is nothing where nothing would pay, and where there is nothing', () => {
    expect(chooseExtent([], nothing, PRICES)).toEqual({ hourCount: 0, count: 0 });
    const seldom = stretchOf({ tokens: 5000, within5m: 0.21, within1h: 0.22 });
    expect(chooseExtent([seldom], nothing, PRICES)).toEqual({ hourCount: 0, count: 0 });
  });

  it('is for five minutes from the break-even on: 0.25 now against 1.15 with the next use', () => {
    const often = stretchOf({ tokens: 5000, within5m: 0.22, within1h: 0.22 });
    expect(chooseExtent([often], nothing, PRICES)).toEqual({ hourCount: 0, count: 1 });
  });

  it('is for an hour where uses come later than after five minutes', () => {
    const hourly = { tokens: 5000, within5m: 0, within1h: 0.9 };
    expect(chooseExtent([stretchOf(hourly)], nothing, PRICES)).toEqual({ hourCount: 1, count: 1 });
    // 1 now against 1.15 x 0.85 for a tail, whose premium no other use shares.
    const tail = stretchOf({ ...hourly, within1h: 0.85, place: 'tail' });
    expect(chooseExtent([tail], nothing, PRICES)).toEqual({ hourCount: 0, count: 0 });
  });

  it('leaves out what somebody else is writing', () => {
    const stretch = stretchOf({ tokens: 5000, within5m: 1, within1h: 1, isInFlight: true });
    expect(chooseExtent([stretch], nothing, PRICES)).toEqual({ hourCount: 0, count: 0 });
  });

  it('writes a short tail for an hour to save what lies below it', () => {
    const tail = stretchOf({ tokens: 100, within5m: 0.5, within1h: 0.9, place: 'tail' });
    expect(chooseExtent([tail], nothing, PRICES)).toEqual({ hourCount: 0, count: 1 });
    const saved = savedByHour(tail.boundary, PRICES);
    expect(saved).toBeCloseTo(1.15 * 0.4, 9);
    // The hour costs 0.75 - 0.46 a token more, that is 29; the tokens at risk save 0.46 each.
    expect(chooseExtent([tail], { tokens: 62, debt: 0 }, PRICES)).toEqual({ hourCount: 0, count: 1 });
    expect(chooseExtent([tail], { tokens: 64, debt: 0 }, PRICES)).toEqual({ hourCount: 1, count: 1 });
    expect(chooseExtent([tail], { tokens: 1, debt: 30 }, PRICES)).toEqual({ hourCount: 1, count: 1 });
    expect(chooseExtent([tail], { tokens: 0, debt: 30 }, PRICES)).toEqual({ hourCount: 0, count: 1 });
  });
});
