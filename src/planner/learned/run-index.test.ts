import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RunIndex } from './run-index.ts';
import { NONE, Runs } from './runs.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const step = fc.record({
  // Few keys, so that many are put again and taken away; large ones use the upper half of the hash.
  key: fc.oneof(
    fc.nat({ max: 40 }),
    fc.nat({ max: 40 }).map((at) => at * 2 ** 41 + 7),
  ),
  isPut: fc.boolean(),
});

describe('runs by their first keys', () => {
  it('are found as in a Map, whatever is put and taken away', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const runs = new Runs();
        const index = new RunIndex(runs);
        const expected = new Map<number, number>();
        for (const { key, isPut } of steps) {
          const before = expected.get(key);
          if (isPut) {
            const run = runs.add(NONE, 0, [key]);
            index.set(run);
            expected.set(key, run);
          } else if (before !== undefined) {
            index.remove(before);
            expected.delete(key);
          }
          expect(index.count).toBe(expected.size);
        }
        for (const { key } of steps) expect(index.find(key)).toBe(expected.get(key) ?? NONE);
      }),
      { numRuns },
    );
  });

  it('are found when they are many, and only those that are left', () => {
    const runs = new Runs();
    const index = new RunIndex(runs);
    const keyOf = (at: number): number => at * 3_141_592_653;
    for (let at = 0; at < 20_000; at += 1) index.set(runs.add(NONE, 0, [keyOf(at)]));
    for (let run = 0; run < 20_000; run += 3) index.remove(run);
    const wrong = Array.from({ length: 20_000 }, (_, at) => at).filter(
      (at) => index.find(keyOf(at)) !== (at % 3 === 0 ? NONE : at),
    );
    expect(wrong).toEqual([]);
    expect(index.count).toBe(20_000 - 6667);
  });

  it('take nothing away that is not there', () => {
    const runs = new Runs();
    const index = new RunIndex(runs);
    const [first, second] = [runs.add(NONE, 0, [5]), runs.add(NONE, 0, [5])];
    index.set(first);
    index.set(second);
    index.remove(first);
    expect([index.find(5), index.count]).toEqual([second, 1]);
  });
});
