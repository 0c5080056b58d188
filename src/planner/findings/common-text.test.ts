import fc from 'fast-check';
import { expect, test } from 'vitest';

import { commonEnd, commonStart } from './common-text.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const pieces = fc.array(fc.constantFrom('a', 'ab', 'b'.repeat(17), 'c'.repeat(300), '\u{1F600}'), {
  maxLength: 8,
});

test('beginning and end that two texts share are as long as can be', () => {
  fc.assert(
    fc.property(pieces, pieces, pieces, pieces, (start, a, b, end) => {
      const before = [...start, ...a, ...end].join('');
      const after = [...start, ...b, ...end].join('');
      const most = Math.min(before.length, after.length);
      const begun = commonStart(before, after);
      expect(before.slice(0, begun)).toBe(after.slice(0, begun));
      expect(begun === most || before[begun] !== after[begun]).toBe(true);
      const ended = commonEnd(before, after, most - begun);
      expect(before.slice(before.length - ended)).toBe(after.slice(after.length - ended));
      expect(ended === most - begun || before.at(-1 - ended) !== after.at(-1 - ended)).toBe(true);
    }),
    { numRuns: Math.ceil(100 * EFFORT) },
  );
});
