import { describe, expect, test } from 'vitest';

import { seededRandom } from '../../runtime/index.ts';
import { exponential, logNormal, uniformInteger, ZipfRanks } from './distributions.ts';

const DRAWS = 40_000;

function drawMany(draw: () => number): readonly number[] {
  return Array.from({ length: DRAWS }, draw);
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length / 2] ?? 0;
const isNear = (actual: number, expected: number, share: number): void => {
  expect(Math.abs(actual / expected - 1)).toBeLessThan(share);
};

describe('distributions', () => {
  test('exponential: mean and spread', () => {
    const random = seededRandom(1);
    const values = drawMany(() => exponential(random, 50));
    isNear(mean(values), 50, 0.02);
    isNear(mean(values.map((value) => value ** 2)), 2 * 50 ** 2, 0.04);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  });

  test('log-normal: median, mean and spread of the logarithm', () => {
    const random = seededRandom(2);
    const values = drawMany(() => logNormal(random, 90, 0.8));
    isNear(median(values), 90, 0.02);
    isNear(mean(values), 90 * Math.exp(0.8 ** 2 / 2), 0.02);
    isNear(mean(values.map((value) => Math.log(value / 90) ** 2)), 0.8 ** 2, 0.03);
  });

  test('whole numbers: both ends, each equally often', () => {
    const random = seededRandom(3);
    const counts = new Map<number, number>();
    for (const value of drawMany(() => uniformInteger(random, 3, 6))) {
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    expect(new Set(counts.keys())).toEqual(new Set([3, 4, 5, 6]));
    for (const count of counts.values()) isNear(count, DRAWS / 4, 0.04);
  });

  test('Zipf: ranks as often as their share', () => {
    const random = seededRandom(4);
    const ranks = new ZipfRanks(20, 1.1);
    const values = drawMany(() => ranks.draw(random));
    for (const rank of [0, 1, 5]) {
      isNear(values.filter((value) => value === rank).length / DRAWS, ranks.share(rank), 0.06);
    }
    isNear(ranks.share(0) / ranks.share(3), 4 ** 1.1, 1e-9);
    expect(Math.max(...values)).toBeLessThan(20);
  });
});
