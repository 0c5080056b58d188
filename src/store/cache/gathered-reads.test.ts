import { describe, expect, it } from 'vitest';

import { StoreError } from '../store.ts';
import { GatheredReads } from './gathered-reads.ts';

interface Reading {
  readonly keys: readonly string[];
  readonly answer: () => void;
  readonly fail: (error: unknown) => void;
}

/** Reads that are answered when the test says so, each key with its own letters. */
function open(): {
  readonly reads: GatheredReads;
  readonly readings: Reading[];
  readonly endTurn: () => void;
} {
  const readings: Reading[] = [];
  const ends: (() => void)[] = [];
  const readMany = (keys: readonly string[]): Promise<readonly (Uint8Array | null)[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (Uint8Array | null)[]>();
    readings.push({
      keys,
      answer: () => resolve(keys.map((key) => (key === 'none' ? null : Buffer.from(key)))),
      fail: reject,
    });
    return promise;
  };
  const reads = new GatheredReads(readMany, (run) => ends.push(run));
  const endTurn = (): void => {
    for (const end of ends.splice(0)) end();
  };
  return { reads, readings, endTurn };
}

const letters = (keys: string): string[] => [...keys];

describe('reads', () => {
  it('go together that are asked for in one turn, or while enough are on their way', async () => {
    const { reads, readings, endTurn } = open();
    const ask = (keys: string): Promise<unknown>[] => letters(keys).map((key) => reads.read(key));
    const asked = ask('ab');
    expect(readings).toEqual([]);
    endTurn();
    asked.push(...ask('c'));
    endTurn();
    asked.push(...ask('def'));
    endTurn();
    expect(readings.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c']]);
    readings[0]?.answer();
    expect(await asked[0]).toEqual(Buffer.from('a'));
    asked.push(...ask('g'));
    endTurn();
    expect(readings.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c'], letters('defg')]);
    readings[1]?.answer();
    readings[2]?.answer();
    expect((await Promise.all(asked)).map(String)).toEqual(letters('abcdefg'));
  });

  it('give each its own value, and null where there is none', async () => {
    const { reads, readings, endTurn } = open();
    const asked = ['a', 'b', 'none', 'c'].map((key) => reads.read(key));
    endTurn();
    readings[0]?.answer();
    expect((await Promise.all(asked)).map((value) => value && String(value))).toEqual(['a', 'b', null, 'c']);
  });

  it('never take too many keys at once', async () => {
    const { reads, readings, endTurn } = open();
    const asked = Array.from({ length: 40 }, (_, index) => reads.read(String(index)));
    endTurn();
    for (let index = 0; index < 3; index += 1) {
      readings[index]?.answer();
      await asked[index * 16];
      endTurn();
    }
    await Promise.all(asked);
    expect(readings.map(({ keys }) => keys.length)).toEqual([16, 16, 8]);
  });

  it('that fail take with them those who waited for them, and nobody after', async () => {
    const { reads, readings, endTurn } = open();
    const asked = letters('abc').map((key) => {
      const reading = reads.read(key).catch(String);
      endTurn();
      return reading;
    });
    readings[0]?.fail(new StoreError('STORE_UNUSABLE', 'it does not answer'));
    expect(await asked[0]).toContain('does not answer');
    expect(await asked[2]).toContain('does not answer');
    const later = reads.read('d');
    endTurn();
    expect(readings.map(({ keys }) => keys)).toEqual([['a'], ['b'], ['d']]);
    readings[1]?.answer();
    readings[2]?.answer();
    expect([String(await asked[1]), String(await later)]).toEqual(['b', 'd']);
  });
});
