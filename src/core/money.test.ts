import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUsd, picoPerToken, PICO_PER_USD, toUsd } from './money.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

describe('picoPerToken', () => {
  it.each([
    [0, 0],
    [0.01, 10_000],
    [0.025, 25_000],
    [0.125, 125_000],
    [0.1 + 0.2, 300_000],
    [3, 3_000_000],
    [18.75, 18_750_000],
    [125, 125_000_000],
  ])('%f USD per MTok is %i pico-dollars a token', (usd, pico) => expect(picoPerToken(usd)).toBe(pico));

  it.each([-1, Number.NaN, Infinity, 0.000_000_5])('refuses %f and says so', (usd) => {
    expect(() => picoPerToken(usd)).toThrow(RangeError);
    expect(() => picoPerToken(usd)).toThrow(String(usd));
  });

  it('is exact for every price of six decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000 }), (millionths) => {
        expect(picoPerToken(millionths / 1_000_000)).toBe(millionths);
      }),
      { numRuns },
    );
  });
});

describe('toUsd', () => {
  it('divides by a trillion', () => {
    expect(toUsd(0n)).toBe(0);
    expect(toUsd(PICO_PER_USD)).toBe(1);
    expect(toUsd(1n)).toBe(1e-12);
    expect(toUsd(-2_500_000_000_000n)).toBe(-2.5);
  });

  it('keeps cents of sums beyond 2^53 pico-dollars', () => {
    expect(toUsd(123_456_789_250_000_000_000n)).toBe(123_456_789.25);
  });

  it('is as near as a float can be', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }), (pico) => {
        const usd = toUsd(pico);
        expect(Math.abs(usd - Number(pico) / 1e12)).toBeLessThanOrEqual(Math.abs(usd) * 1e-15);
      }),
      { numRuns },
    );
  });
});

describe('formatUsd', () => {
  it.each([
    [0n, '$0.00'],
    [1_234_567_000_000n, '$1.23'],
    [-12_345_000_000n, '-$0.01235'],
    [1_000_000_000_000n, '$1.00'],
    [-1_500_000_000_000n, '-$1.50'],
    [1_234_567_890_000_000_000n, '$1,234,567.89'],
    [500_000_000_000n, '$0.50'],
    [120_000_000_000n, '$0.12'],
    [999_960_000_000n, '$1.00'],
    [999_940_000_000n, '$0.9999'],
    [10_000_000n, '$0.00001'],
    [123_456_789n, '$0.0001235'],
    [1n, '$0.000000000001'],
  ])('%s is %s', (pico, text) => expect(formatUsd(pico)).toBe(text));

  it('never shows an amount as nothing, nor with a digit more than it needs', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n * PICO_PER_USD }), (pico) => {
        const shown = formatUsd(pico);
        expect(shown).toMatch(/^\$\d+\.\d{2,12}$/);
        const value = Number(shown.slice(1));
        expect(Math.abs(value - toUsd(pico))).toBeLessThanOrEqual(
          Math.max(0.0005 * toUsd(pico), 0.005 * Math.floor(toUsd(pico))),
        );
      }),
      { numRuns },
    );
  });
});
