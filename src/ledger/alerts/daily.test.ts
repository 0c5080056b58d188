import { describe, expect, it } from 'vitest';

import { Daily } from './daily.ts';

const HOUR_MS = 3_600_000;
const at = (day: number, hour: number): number => (1_000 + day) * 24 * HOUR_MS + hour * HOUR_MS;

/** As bad as this at 02:00 of these days. */
function nightsOf(days: readonly number[], badness = 0.8): Daily {
  const daily = new Daily();
  for (const day of days) daily.learn(at(day, 2), badness);
  return daily;
}

describe('what comes every day', () => {
  it.each([
    ['at the same hour of two days', [1, 2], at(3, 2), true],
    ['an hour early, or late', [1, 2], at(3, 3), true],
    ['at another hour', [1, 2], at(3, 5), false],
    ['on one day alone', [2], at(3, 2), false],
    ['on the day itself', [2, 3], at(3, 2), false],
    ['with days in between on which nobody asked', [1, 2], at(5, 2), true],
    ['longer ago than a week and a day', [1, 2], at(10, 2), false],
  ])('%s', (_when, days, atMs, isUsual) => {
    expect(nightsOf(days).isUsual(atMs, 0.8, 0.3)).toBe(isUsual);
  });

  it('is what it was, and not much worse', () => {
    const daily = nightsOf([1, 2], 0.5);
    expect(daily.isUsual(at(3, 2), 0.65, 0.3)).toBe(true);
    expect(daily.isUsual(at(3, 2), 0.66, 0.3)).toBe(false);
    // Of what falls the less is the worse, told as negative numbers.
    expect(nightsOf([1, 2], -0.5).isUsual(at(3, 2), -0.36, 0.3)).toBe(true);
    expect(nightsOf([1, 2], -0.5).isUsual(at(3, 2), -0.34, 0.3)).toBe(false);
  });

  it('is as bad as the worst window of its hour, about midnight as well', () => {
    const daily = new Daily();
    for (const day of [1, 2]) for (const badness of [0.1, 0.9, 0.2]) daily.learn(at(day, 23), badness);
    expect(daily.isUsual(at(4, 0), 0.9, 0.3)).toBe(true);
    expect(daily.isUsual(at(4, 2), 0.9, 0.3)).toBe(false);
  });

  it('is forgotten when newer days are otherwise', () => {
    const daily = nightsOf([1, 2]);
    for (const day of [3, 4, 5, 6]) daily.learn(at(day, 2), 0.1);
    expect(daily.isUsual(at(7, 2), 0.8, 0.3)).toBe(false);
  });
});
