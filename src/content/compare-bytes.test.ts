import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareBytes } from './compare-bytes.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const compare = (before: string, after: string): ReturnType<typeof compareBytes> =>
  compareBytes(encode(before), encode(after));

describe('which bytes changed', () => {
  it('tells the range in both, with what stands there', () => {
    expect(compare('on Monday', 'on Friday')).toEqual({
      startByte: 3,
      endByte: 6,
      newEndByte: 6,
      before: 'Mon',
      after: 'Fri',
    });
    expect(compare('same', 'same')).toBeNull();
  });

  it('tells insertions and removals, at the ends too', () => {
    expect(compare('ac', 'abc')).toMatchObject({ startByte: 1, endByte: 1, newEndByte: 2, after: 'b' });
    expect(compare('', 'x')).toMatchObject({ startByte: 0, endByte: 0, newEndByte: 1 });
    expect(compare('abc', 'ab')).toMatchObject({ startByte: 2, endByte: 3, newEndByte: 2, before: 'c' });
    expect(compare('aaa', 'aa')).toMatchObject({ startByte: 2, endByte: 3, newEndByte: 2 });
  });

  it('never cuts a character', () => {
    // é is c3 a9, è is c3 a8: they share their first byte. € and ₪ share two.
    expect(compare('café!', 'cafè!')).toMatchObject({ startByte: 3, endByte: 5, before: 'é', after: 'è' });
    expect(compare('1€', '1₪')).toMatchObject({ startByte: 1, endByte: 4, before: '€', after: '₪' });
    // é and ũ share their last byte.
    expect(compare('é', 'ũ')).toMatchObject({ startByte: 0, endByte: 2, newEndByte: 2, after: 'ũ' });
  });

  it('cuts long excerpts between characters', () => {
    const found = compare('', 'ü'.repeat(100));
    expect(found?.after).toBe('ü'.repeat(30));
    expect(found?.newEndByte).toBe(200);
  });

  it('gives what turns one text into the other, for any two', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'é', 'è', 'ũ', '€', '😀', '😁') });
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const change = compare(before, after);
        if (change === null) return before === after;
        const [old, next] = [Buffer.from(before), Buffer.from(after)];
        const patched = Buffer.concat([
          old.subarray(0, change.startByte),
          next.subarray(change.startByte, change.newEndByte),
          old.subarray(change.endByte),
        ]);
        const isWhole = [old.subarray(0, change.startByte), old.subarray(change.endByte)].every((part) =>
          Buffer.from(part.toString('utf8')).equals(part),
        );
        return patched.equals(next) && isWhole;
      }),
      { numRuns: Math.ceil(300 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) },
    );
  });
});
