import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { NumberQueue } from './number-queue.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

describe('a queue of numbers', () => {
  it('is as an array, wherever its ring begins and however often it grows', () => {
    const step = fc.oneof(fc.nat({ max: 1000 }), fc.constant(null));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        const queue = new NumberQueue();
        const expected: number[] = [];
        for (const value of steps) {
          expect(queue.first()).toBe(expected[0] ?? -1);
          if (value === null) {
            queue.removeFirst();
            expected.shift();
          } else {
            queue.add(value);
            expected.push(value);
          }
          expect(queue.count).toBe(expected.length);
        }
        expect([...queue.values()]).toEqual(expected);
      }),
      { numRuns },
    );
  });
});
