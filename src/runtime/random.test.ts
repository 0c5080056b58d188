import { describe, expect, it } from 'vitest';
import { createId, createTimedId, secretBytes, seededRandom, systemRandom } from './random.ts';

const take = (random: () => number, count: number): number[] => Array.from({ length: count }, random);

describe('a seeded source', () => {
  it('repeats itself for the same seed, for ever', () => {
    expect(take(seededRandom(1), 100)).toEqual(take(seededRandom(1), 100));
    // Written down: a change would make every recorded seed mean something else.
    expect(take(seededRandom(1), 3)).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522]);
  });

  it('differs for another seed', () => {
    const firsts = new Set(Array.from({ length: 1_000 }, (_, seed) => seededRandom(seed)()));
    expect(firsts.size).toBe(1_000);
  });

  it('stays in [0, 1) and spreads evenly', () => {
    const numbers = take(seededRandom(7), 20_000);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    const tenths = Array.from(
      { length: 10 },
      (_, tenth) => numbers.filter((number) => Math.floor(number * 10) === tenth).length,
    );
    for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(250);
  });
});

describe('ids', () => {
  it("look like the API's own, and repeat for a repeated source", () => {
    expect(createId('req', seededRandom(1))).toMatch(/^req_01[A-Za-z2-9]{22}$/);
    expect(createId('req', seededRandom(1))).toBe(createId('req', seededRandom(1)));
    expect(createId('msg', seededRandom(2), 5)).toHaveLength('msg_01'.length + 5);
  });

  it('have at most 64 letters', () => {
    expect(createId('a', systemRandom, 64)).toHaveLength('a_01'.length + 64);
    expect(() => createId('a', systemRandom, 65)).toThrow(RangeError);
  });

  it("of the platform's randomness do not repeat", () => {
    expect(new Set(Array.from({ length: 1_000 }, () => createId('req', systemRandom))).size).toBe(1_000);
  });

  it('with a time are sorted by it, and differ within a millisecond', () => {
    const random = seededRandom(3);
    const times = [0, 1, 56, 57, 3_248, 1_795_000_000_000, 1_795_000_000_001, 1e14];
    const made = times.map((timeMs) => createTimedId('req', random, timeMs));
    expect(made.toSorted()).toEqual(made);
    for (const id of made) expect(id).toMatch(/^req_01[A-Za-z2-9]{22}$/);
    expect(new Set(Array.from({ length: 1_000 }, () => createTimedId('req', systemRandom, 5))).size).toBe(
      1_000,
    );
    expect(createTimedId('req', random, -1)).toHaveLength(28);
  });

  it('hold at the ends of the range', () => {
    expect(createId('a', () => 0, 3)).toBe('a_01AAA');
    expect(createId('a', () => 1 - 2 ** -53, 3)).toBe('a_01999');
  });
});

describe('secrets', () => {
  it('are as long as asked for, and never the same', () => {
    expect(secretBytes(32)).toHaveLength(32);
    expect(secretBytes(32).equals(secretBytes(32))).toBe(false);
  });
});
