import { describe, expect, it } from 'vitest';

import { StoreError } from '../store.ts';
import { GatheredReads } from './gathered-reads.ts';

interface Reading {
  readonly keys: readonly string[];
  readonly answer: () => void;
  readonly fail: (error: unknown) => void;
}

/** Reads that are answered when the test says so, each key with its own letters. */
function open(): { readonly reads: GatheredReads; readonly readings: Reading[] } {
  const readings: Reading[] = [];
  const reads = new GatheredReads((keys) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (Uint8Array | null)[]>();
    readings.push({
      keys,
      answer: () => resolve(keys.map((key) => (key === 'none' ? null : Buffer.from(key)))),
      fail: reject,
    });
    return promise;
  });
  return { reads, readings };
}

const letters = (keys: string): string[] => [...keys];

describe('reads', () => {
  it('go at once while few are on their way, then together', async () => {
    const { reads, readings } = open();
    const asked = letters('abcdef').map((key) => reads.read(key));
    expect(readings.map(({ keys }) => keys)).toEqual([['a'], ['b']]);
    readings[0]?.answer();
    expect(await asked[0]).toEqual(Buffer.from('a'));
    expect(readings.map(({ keys }) => keys)).toEqual([['a'], ['b'], letters('cdef')]);
    readings[1]?.answer();
    readings[2]?.answer();
    expect((await Promise.all(asked)).map(String)).toEqual(letters('abcdef'));
  });

  it('give each its own value, and null where there is none', async () => {
    const { reads, readings } = open();
    const asked = ['a', 'b', 'none', 'c'].map((key) => reads.read(key));
    for (const reading of readings) reading.answer();
    await asked[0];
    readings[2]?.answer();
    expect((await Promise.all(asked)).map((value) => value && String(value))).toEqual(['a', 'b', null, 'c']);
  });

  it('never take too many keys at once', async () => {
    const { reads, readings } = open();
    const asked = Array.from({ length: 40 }, (_, index) => reads.read(String(index)));
    for (let index = 0; index < readings.length; index += 1) {
      readings[index]?.answer();
      await asked[index];
    }
    await Promise.all(asked);
    expect(Math.max(...readings.map(({ keys }) => keys.length))).toBe(16);
  });

  it('that fail take with them those who waited for them, and nobody after', async () => {
    const { reads, readings } = open();
    const asked = letters('abc').map((key) => reads.read(key).catch(String));
    readings[0]?.fail(new StoreError('STORE_UNUSABLE', 'it does not answer'));
    expect(await asked[0]).toContain('does not answer');
    expect(await asked[2]).toContain('does not answer');
    const later = reads.read('d');
    expect(readings.map(({ keys }) => keys)).toEqual([['a'], ['b'], ['d']]);
    readings[1]?.answer();
    readings[2]?.answer();
    expect([String(await asked[1]), String(await later)]).toEqual(['b', 'd']);
  });
});
