import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holdValue, survivalAt, type Holding } from './hold-value.ts';
import { AGES_MS } from './life-tables.ts';

const numRuns = Math.ceil(300 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const HOUR_MS = 3_600_000;

/** Shares that fall from span to span, as hazards say. */
const survivals = fc
  .array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: AGES_MS.length,
    maxLength: AGES_MS.length,
  })
  .map((hazards) => {
    let left = 1;
    return hazards.map((hazard) => (left *= 1 - hazard));
  });

const holdings: fc.Arbitrary<Holding> = fc.record({
  ageMs: fc.integer({ min: 0, max: 30 * HOUR_MS }),
  everyMs: fc.constantFrom(300_000, HOUR_MS),
  pingCost: fc.double({ min: 0.01, max: 1, noNaN: true }),
  saved: fc.double({ min: 0, max: 2, noNaN: true }),
});

describe('survival between the ages of a life table', () => {
  it('is that of the table at its ages, and never rises', () => {
    fc.assert(
      fc.property(survivals, fc.array(fc.nat({ max: 30 * HOUR_MS }), { minLength: 2 }), (survival, ages) => {
        for (const [span, ageMs] of AGES_MS.entries())
          expect(survivalAt(survival, ageMs)).toBeCloseTo(survival[span] ?? 0, 12);
        const shares = ages.toSorted((a, b) => a - b).map((ageMs) => survivalAt(survival, ageMs));
        for (const [at, share] of shares.entries())
          expect(share).toBeLessThanOrEqual((shares[at - 1] ?? 1) + 1e-12);
      }),
      { numRuns },
    );
  });

  it('falls by the same share in equal times within a span', () => {
    const survival = [0.5, ...AGES_MS.slice(1).map(() => 0.5)];
    expect(survivalAt(survival, 150_000)).toBeCloseTo(Math.SQRT1_2, 12);
    expect(survivalAt(survival, 100 * HOUR_MS)).toBe(0.5);
  });
});

describe('keeping an entry alive', () => {
  it('is worth what the best number of pings saves, if that is a fifth more than they cost', () => {
    fc.assert(
      fc.property(survivals, holdings, (survival, holding) => {
        const { ageMs, everyMs, pingCost, saved } = holding;
        const left = (pings: number): number => survivalAt(survival, ageMs + pings * everyMs);
        let best = 0;
        for (let pings = 1; pings <= 48 && ageMs + (pings - 1) * everyMs < 24 * HOUR_MS; pings += 1) {
          const cost = Array.from({ length: pings }, (_, at) => pingCost * left(at)).reduce((a, b) => a + b);
          const value = saved * (left(0) - left(pings)) - cost;
          if (saved > pingCost && value > 0.2 * cost) best = Math.max(best, value);
        }
        expect(holdValue(survival, holding).value).toBeCloseTo(best, 9);
      }),
      { numRuns },
    );
  });

  it('pays where the next use is sure to come in the next hour, and costs one ping', () => {
    const survival = AGES_MS.map((ageMs) => (ageMs < 2 * HOUR_MS ? 1 : 0));
    const held = holdValue(survival, { ageMs: HOUR_MS, everyMs: HOUR_MS, pingCost: 0.1, saved: 1.9 });
    expect(held).toEqual({ pings: 1, value: 1.9 - 0.1, back: 1 });
  });

  it('does not pay where nobody comes any more', () => {
    const survival = AGES_MS.map(() => 0.6);
    const holding = { ageMs: HOUR_MS, everyMs: HOUR_MS, pingCost: 0.1, saved: 1.9 };
    expect(holdValue(survival, holding)).toEqual({ pings: 0, value: 0, back: 0 });
  });
});
