import fc from 'fast-check';
import { expect, it } from 'vitest';

import { findAhead, forget, lookFor } from './lookahead.ts';

it('finds what indexOf finds, from any place in any order', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40, max: 3 }),
      fc.array(fc.nat(40), { maxLength: 20 }),
      (bytes, places) => {
        const lookahead = lookFor(2);
        for (const from of places) {
          const found = bytes.indexOf(2, from);
          expect(findAhead(lookahead, bytes, from)).toBe(found < 0 ? bytes.length : found);
        }
      },
    ),
  );
});

it('tells one body from another, and forgets', () => {
  const lookahead = lookFor(7);
  expect(findAhead(lookahead, Uint8Array.of(1, 7), 0)).toBe(1);
  expect(findAhead(lookahead, Uint8Array.of(7, 1), 0)).toBe(0);
  forget(lookahead);
  expect(lookahead.bytes).toBeNull();
});
