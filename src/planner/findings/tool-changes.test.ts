import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { findMoved } from './tool-changes.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);

/** The same by trying every set of tools that stay. */
function fewestMoved(places: readonly number[]): number {
  let most = 0;
  for (let chosen = 0; chosen < 2 ** places.length; chosen += 1) {
    const kept = places.filter((_, at) => (chosen >> at) % 2 === 1);
    if (kept.every((place, at) => at === 0 || place > (kept[at - 1] ?? 0)))
      most = Math.max(most, kept.length);
  }
  return places.length - most;
}

describe('findMoved', () => {
  it('names the one tool that went from the front to the end', () => {
    expect(findMoved([1, 2, 3, 4, 0])).toEqual([4]);
  });

  it('names nothing where all kept their order', () => {
    expect(findMoved([0, 1, 2])).toEqual([]);
    expect(findMoved([])).toEqual([]);
  });

  test('as few as can be, and the others are in order', () => {
    const orders = fc.integer({ min: 0, max: 9 }).chain((length) =>
      fc.shuffledSubarray(
        Array.from({ length }, (_, at) => at),
        { minLength: length },
      ),
    );
    fc.assert(
      fc.property(orders, (places) => {
        const moved = findMoved(places);
        const kept = places.filter((_, at) => !moved.includes(at));
        expect(kept).toEqual(kept.toSorted((a, b) => a - b));
        expect(moved.length).toBe(fewestMoved(places));
      }),
      { numRuns: Math.ceil(60 * EFFORT) },
    );
  });
});
