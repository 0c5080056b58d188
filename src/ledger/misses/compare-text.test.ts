import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareTexts } from './compare-text.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

describe('compareTexts', () => {
  it('tells the bytes that differ, and that the rest is the same', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    fc.assert(
      fc.property(text, text, text, text, (start, before, after, end) => {
        const { byteRange } = compareTexts(start + before + end, start + after + end);
        const bytes = Buffer.from(start + after + end);
        const head = bytes.subarray(0, byteRange[0]).toString();
        const tail = bytes.subarray(byteRange[1]).toString();
        expect((start + before + end).startsWith(head)).toBe(true);
        expect((start + before + end).endsWith(tail)).toBe(true);
        expect(byteRange[0]).toBeLessThanOrEqual(byteRange[1]);
        // Whole characters, and no more than what was put in.
        expect(Buffer.from(head + bytes.subarray(...byteRange).toString() + tail)).toEqual(bytes);
        expect(byteRange[1] - byteRange[0]).toBeLessThanOrEqual(Buffer.byteLength(after) + 3);
      }),
      { numRuns },
    );
  });

  it.each([
    ['It is Monday.', 'It is Friday.', true],
    ['aaaa', 'bbbb', false],
    ['', '', true],
    ['Tell me of whales.', 'Write a poem about the sea.', false],
  ])('%j and %j: one edited is %s', (before, after, isEdit) => {
    expect(compareTexts(before, after).isEdit).toBe(isEdit);
  });

  it('knows a text that was edited at both ends', () => {
    const middle = Array.from({ length: 40 }, (_, at) => `sentence ${at} of it`).join('. ');
    expect(compareTexts(`On Monday. ${middle}. id 17`, `At noon: ${middle}. number 99`).isEdit).toBe(true);
  });
});
