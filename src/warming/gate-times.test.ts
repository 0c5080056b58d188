import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FirstTokenTimes, type FirstTokenClass } from './gate-times.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const LARGE: FirstTokenClass = { model: 'm', freshTokens: 20_000, isStream: true };

function learned(durations: readonly number[], of = LARGE): FirstTokenTimes {
  const times = new FirstTokenTimes();
  for (const duration of durations) times.observe(of, duration);
  return times;
}

describe('how long to wait', () => {
  it('is 30 s until a time is known, for each model, size and kind of answer', () => {
    const times = learned([1_500]);
    expect(times.limitMs(LARGE)).toBeLessThan(10_000);
    const others = [{ model: 'other' }, { freshTokens: 80_000 }];
    for (const other of others) {
      expect(times.limitMs({ ...LARGE, ...other })).toBe(30_000);
      expect(times.totalLimitMs({ ...LARGE, ...other })).toBe(30_000);
    }
  });

  it('goes by streams also for whole answers, whose first token nobody sees', () => {
    const whole = { ...LARGE, isStream: false };
    const times = learned([9_000], whole);
    expect(times.limitMs(LARGE)).toBe(30_000);
    expect(times.limitMs(whole)).toBe(10_000);
    times.observe(LARGE, 1_000);
    expect(times.limitMs(whole)).toBeLessThan(2_300);
  });

  it('is twice the longest of few', () => {
    const limitMs = learned([1_000, 1_500]).limitMs(LARGE);
    expect(limitMs).toBeGreaterThanOrEqual(3_000);
    expect(limitMs).toBeLessThan(3_000 * 1.11);
  });

  it('is from one to ten seconds', () => {
    expect(learned([1]).limitMs(LARGE)).toBe(1_000);
    expect(learned([60_000]).limitMs(LARGE)).toBe(10_000);
    expect(learned([1e9]).limitMs(LARGE)).toBe(10_000);
  });

  it('is the p99 of many, a bin too long at the most', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1_000, max: 8_000 }), { minLength: 20, maxLength: 1_000 }),
        (all) => {
          const limitMs = learned(all).limitMs(LARGE);
          const sorted = all.toSorted((a, b) => a - b);
          const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
          expect(limitMs).toBeGreaterThanOrEqual(p99 * 0.999);
          expect(limitMs).toBeLessThanOrEqual(p99 * 1.101);
        },
      ),
      { numRuns },
    ));

  it('follows a service that becomes faster', () => {
    const times = learned(Array.from({ length: 3_000 }, () => 8_000));
    for (let count = 0; count < 20_000; count += 1) times.observe(LARGE, 1_200);
    expect(times.limitMs(LARGE)).toBeLessThan(1_400);
  });
});

it('forgets the class that was not seen for longest, and never holds many', () => {
  const times = learned([2_000]);
  for (let model = 0; model < 1_000; model += 1) times.observe({ ...LARGE, model: `m${model}` }, 2_000);
  expect(times.limitMs(LARGE)).toBe(30_000);
  expect(times.limitMs({ ...LARGE, model: 'm999' })).toBeLessThan(10_000);
});
