import { COMMA, skipSpace, skipSpaceBack, type Span } from './json-bytes.ts';

/**
 * The bytes to cut so that the members from `start` to `end` (neighbours in one object) go and valid JSON stays: with the
 * comma before them where there is one, otherwise with the one after.
 */
export function removalSpan(bytes: Uint8Array, start: number, end: number): Span {
  const before = skipSpaceBack(bytes, start) - 1;
  if (bytes[before] === COMMA) return { start: before, end };
  const after = skipSpace(bytes, end);
  return { start, end: bytes[after] === COMMA ? skipSpace(bytes, after + 1) : end };
}
