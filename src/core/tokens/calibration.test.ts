import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, MAX_CALIBRATED_MODELS, observe, type Calibration, type TokenEstimate } from './index.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const MODEL = 'claude-opus-5-5';
const ESTIMATE: TokenEstimate = { tokens: 10_000, low: 8_200, high: 11_800 };

/** State after bills at the given factors. */
function learn(factors: readonly number[], from: Calibration = {}): Calibration {
  return factors.reduce<Calibration>(
    (state, factor) =>
      observe(state, { model: MODEL, estimatedTokens: 10_000, billedTokens: Math.round(10_000 * factor) }),
    from,
  );
}

function bandOf(state: Calibration): number {
  const { tokens, low, high } = calibrate(ESTIMATE, state, MODEL);
  return (high - low) / 2 / tokens;
}

function around(factor: number, scatter: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => factor * (1 + scatter * (((index * 7) % 5) - 2) * 0.5));
}

describe('calibration', () => {
  it('leaves an estimate alone while nothing is known of its model', () => {
    expect(calibrate(ESTIMATE, {}, MODEL)).toEqual(ESTIMATE);
    expect(calibrate(ESTIMATE, learn([1.2]), 'claude-haiku-5-5')).toEqual(ESTIMATE);
    expect(calibrate({ tokens: 0, low: 0, high: 0 }, learn([1.2]), MODEL)).toEqual({
      tokens: 0,
      low: 0,
      high: 0,
    });
  });

  it('moves most of the way with the first bill and settles on the mean of many', () => {
    expect(learn([1.1])[MODEL]?.factor).toBeCloseTo(1.079, 3);
    expect(calibrate({ tokens: 1_000, low: 800, high: 1_200 }, learn([1.1]), MODEL).tokens).toBe(1_079);
    expect(learn(around(1.32, 0.04, 60))[MODEL]?.factor).toBeCloseTo(1.32, 1);
    expect(learn(around(0.7, 0.04, 60))[MODEL]?.factor).toBeCloseTo(0.7, 1);
  });

  it('narrows the band as bills agree, and never below 3 %', () => {
    const bands = [0, 1, 4, 12, 40, 400].map((count) => bandOf(learn(around(1.3, 0.01, count))));
    for (const [index, band] of bands.entries())
      expect(band).toBeLessThanOrEqual((bands[index - 1] ?? 1) + 0.002);
    expect(bands.at(-1)).toBeGreaterThanOrEqual(0.0299);
    expect(bands.at(-1)).toBeLessThan(0.06);
    expect(bandOf(learn(around(1, 0, 1_000)))).toBeGreaterThanOrEqual(0.0299);
  });

  it('keeps the band as wide as the bills scatter', () => {
    expect(bandOf(learn(around(1.2, 0.2, 80)))).toBeGreaterThan(0.2);
  });

  it('does not narrow a guess at what cannot be seen', () => {
    const unseen: TokenEstimate = { tokens: 6_000, low: 200, high: 120_000 };
    const { low, high } = calibrate(unseen, learn(around(1, 0.01, 400)), MODEL);
    expect([low < 2_000, high > 100_000]).toEqual([true, true]);
  });

  it('leaves out bills that are about something else', () => {
    const known = learn(around(1.1, 0.02, 20));
    const useless = [
      { estimatedTokens: 10_000, billedTokens: 41_000 },
      { estimatedTokens: 10_000, billedTokens: 2_400 },
      { estimatedTokens: 10_000, billedTokens: 0 },
      { estimatedTokens: 0, billedTokens: 10_000 },
      { estimatedTokens: 50, billedTokens: 60 },
      { estimatedTokens: Number.NaN, billedTokens: 10_000 },
      { estimatedTokens: 10_000, billedTokens: Number.POSITIVE_INFINITY },
    ];
    for (const bill of useless) expect(observe(known, { model: MODEL, ...bill })).toBe(known);
    expect(observe(known, { model: '', estimatedTokens: 1_000, billedTokens: 1_000 })).toBe(known);
    expect(observe(known, { model: 'm'.repeat(201), estimatedTokens: 1_000, billedTokens: 1_000 })).toBe(
      known,
    );
  });

  it('is hardly moved by one wild bill, and follows a change that stays', () => {
    const known = learn(around(1.1, 0.02, 60));
    const before = known[MODEL]?.factor ?? 0;
    expect(Math.abs((learn([3.5], known)[MODEL]?.factor ?? 0) / before - 1)).toBeLessThan(0.02);
    expect(learn(around(1.5, 0.02, 200), known)[MODEL]?.factor).toBeCloseTo(1.5, 1);
  });

  it('keeps a bounded number of models and forgets the least recently observed', () => {
    let state: Calibration = {};
    const bill = { estimatedTokens: 1_000, billedTokens: 1_200 };
    for (let index = 0; index < MAX_CALIBRATED_MODELS; index += 1)
      state = observe(state, { model: `m${index}`, ...bill });
    state = observe(state, { model: 'm0', ...bill });
    state = observe(state, { model: 'new', ...bill });
    expect(Object.keys(state)).toHaveLength(MAX_CALIBRATED_MODELS);
    expect([Object.hasOwn(state, 'm0'), Object.hasOwn(state, 'm1')]).toEqual([true, false]);
  });

  it('survives JSON, does not change the state it was given, and knows no model by accident', () => {
    const known = learn([1.1, 1.2]);
    const copy = structuredClone(known);
    expect(
      JSON.parse(JSON.stringify(observe(known, { model: 'm', estimatedTokens: 500, billedTokens: 600 }))),
    ).toHaveProperty('m');
    expect(known).toEqual(copy);
    expect(calibrate(ESTIMATE, {}, 'constructor')).toEqual(ESTIMATE);
    const hostile = observe({}, { model: '__proto__', estimatedTokens: 1_000, billedTokens: 1_300 });
    expect(calibrate(ESTIMATE, hostile, '__proto__').tokens).toBeGreaterThan(10_000);
    expect(({} as { factor?: number }).factor).toBeUndefined();
  });

  it('gives integers in order, whatever the bills', () => {
    const bills = fc.array(fc.record({ estimatedTokens: fc.double(), billedTokens: fc.double() }), {
      maxLength: 40,
    });
    const realistic = fc.array(
      fc.record({
        estimatedTokens: fc.integer({ min: 200, max: 1e6 }),
        billedTokens: fc.integer({ min: 200, max: 1e6 }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        fc.oneof(bills, realistic),
        fc.nat(200_000),
        fc.nat(50_000),
        fc.nat(50_000),
        (list, tokens, below, above) => {
          const state = list.reduce<Calibration>(
            (known, bill) => observe(known, { model: MODEL, ...bill }),
            {},
          );
          const estimate = { tokens, low: Math.max(0, tokens - below), high: tokens + above };
          const calibrated = calibrate(estimate, state, MODEL);
          expect(Object.values(calibrated).every((part) => Number.isSafeInteger(part) && part >= 0)).toBe(
            true,
          );
          expect(calibrated.low).toBeLessThanOrEqual(calibrated.tokens);
          expect(calibrated.high).toBeGreaterThanOrEqual(calibrated.tokens);
        },
      ),
      { numRuns },
    );
  });
});
