import { expect, it } from 'vitest';

import { GateWriters, savedByWaiting } from './gate-writers.ts';

const chain = (...keys: number[]) => ({
  keys,
  cumulativeTokens: keys.map((_, at) => 100 * (at + 1)),
  length: keys.length,
});

it('knows the longest prefix that is being written, and who began first', () => {
  const writers = new GateWriters<number, string>();
  writers.add('first', [1, 2]);
  writers.add('second', [1, 3]);
  expect(writers.deepest(chain(1, 2, 9))).toEqual({ writer: 'first', index: 1 });
  expect(writers.deepest(chain(1, 3))).toEqual({ writer: 'second', index: 1 });
  expect(writers.deepest(chain(1, 9))).toEqual({ writer: 'first', index: 0 });
  expect(writers.deepest(chain(9))).toBeNull();
  writers.remove('first', [1, 2]);
  expect(writers.deepest(chain(1, 2))).toEqual({ writer: 'second', index: 0 });
  writers.remove('second', [1, 3]);
  writers.remove('second', [1, 3]);
  expect([writers.size, writers.deepest(chain(1))]).toEqual([0, null]);
});

it('looks at no more of a request than its length', () => {
  const writers = new GateWriters<number, string>();
  writers.add('first', [1, 2]);
  expect(writers.deepest({ ...chain(1, 2), length: 1 })).toEqual({ writer: 'first', index: 0 });
});

it('holds no more than so many prefixes', () => {
  const writers = new GateWriters<number, string>();
  for (let key = 0; key < 20_000; key += 2) writers.add('one', [key, key + 1]);
  expect(writers.size).toBe(10_000);
});

it('saves what lies between the hit and the prefix', () => {
  expect(savedByWaiting(chain(1, 2, 3), 2, -1)).toBe(300);
  expect(savedByWaiting(chain(1, 2, 3), 2, 0)).toBe(200);
  expect(savedByWaiting(chain(1, 2, 3), 0, 2)).toBe(0);
});
