import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { PrefixInterner } from './prefix-interner.ts';
import { NO_PREFIX, pathOf } from './trace.ts';

const runs = { numRuns: Math.ceil(50 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };

describe('PrefixInterner', () => {
  test('gives equal paths equal numbers, and different ones different numbers', () => {
    // Few names, so that paths share; some keys that 32 bits do not hold.
    const key = fc.constantFrom(0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER);
    const path = fc.tuple(fc.constantFrom(NO_PREFIX, NO_PREFIX - 1), fc.array(key, { maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(path, { maxLength: 60 }), (paths) => {
        const interner = new PrefixInterner();
        const byText = new Map<string, number>();
        for (const [root, keys] of paths) {
          let id = root;
          for (const [depth, next] of keys.entries()) {
            id = interner.intern(id, next, 10);
            const text = `${root}:${keys.slice(0, depth + 1).join()}`;
            expect(byText.get(text) ?? id).toBe(id);
            byText.set(text, id);
          }
        }
        expect(new Set(byText.values()).size).toBe(byText.size);
        expect(interner.count).toBe(byText.size);
      }),
      runs,
    );
  });

  test('keeps parents below children, tokens and depths, over many growths', () => {
    const interner = new PrefixInterner();
    const ids = Array.from({ length: 5000 }, (_none, index) =>
      interner.intern(index === 0 ? NO_PREFIX : index - 1, index * 2 ** 33, 3),
    );
    expect(ids).toEqual(Array.from({ length: 5000 }, (_none, index) => index));
    expect(interner.intern(4998, 4999 * 2 ** 33, 3)).toBe(4999);
    const trie = interner.toTrie();
    expect(trie.count).toBe(5000);
    expect(trie.parents.slice(0, 3)).toEqual(Int32Array.of(NO_PREFIX, 0, 1));
    expect(trie.cumulativeTokens[4999]).toBe(15_000);
    expect(trie.depths[4999]).toBe(4999);
    expect(trie.positions[4999]).toBe(4999);
    expect(pathOf(trie, 2)).toEqual([0, 1, 2]);
  });

  test('takes a position that is given, and goes on from it', () => {
    const interner = new PrefixInterner();
    const first = interner.intern(NO_PREFIX, 1, 5);
    const same = interner.intern(first, 1, 5, 0);
    const next = interner.intern(same, 1, 5);
    expect(interner.toTrie().positions).toEqual(Int32Array.of(0, 0, 1));
    expect(interner.cumulativeTokens(next)).toBe(15);
    expect(interner.cumulativeTokens(NO_PREFIX)).toBe(0);
  });
});
