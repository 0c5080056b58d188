/** Where two versions of one content differ: everything outside is the same in both. Bytes of UTF-8, ends exclusive. */
export interface ByteChange {
  readonly startByte: number;
  /** End of what is gone, in the old version. */
  readonly endByte: number;
  /** End of what stands there now, in the new version. */
  readonly newEndByte: number;
  /** The beginning of both, for people. */
  readonly before: string;
  readonly after: string;
}

/** Bytes shown of what is gone and of what is new. */
const EXCERPT_BYTES = 60;

/** The first byte of the character that a position is inside of. */
function characterStart(bytes: Uint8Array, position: number): number {
  let start = position;
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  return start;
}

/** The end of the character that a position is inside of. */
function characterEnd(bytes: Uint8Array, position: number): number {
  let end = position;
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end += 1;
  return end;
}

function excerpt(bytes: Uint8Array, start: number, end: number): string {
  const stop = end - start > EXCERPT_BYTES ? characterStart(bytes, start + EXCERPT_BYTES) : end;
  return new TextDecoder().decode(bytes.subarray(start, stop));
}

function sharedStart(before: Uint8Array, after: Uint8Array): number {
  const length = Math.min(before.length, after.length);
  let at = 0;
  while (at < length && before[at] === after[at]) at += 1;
  return at;
}

function sharedEnd(before: Uint8Array, after: Uint8Array, start: number): number {
  const length = Math.min(before.length, after.length) - start;
  let count = 0;
  while (count < length && before[before.length - 1 - count] === after[after.length - 1 - count]) count += 1;
  return count;
}

/**
 * The one range, in whole characters, outside of which two texts are the same; null when they are the same. For the
 * cache its beginning is what counts: every prefix that reaches beyond it is another one (spec 1.2).
 *
 * @example compareBytes(encode('on Monday'), encode('on Friday')) // bytes 3-6: "Mon" became "Fri"
 */
export function compareBytes(before: Uint8Array, after: Uint8Array): ByteChange | null {
  const first = sharedStart(before, after);
  if (first === before.length && first === after.length) return null;
  // Both are the same before it, so a character begins in both where it begins in one; at an end, look at the other.
  const start = Math.min(characterStart(before, first), characterStart(after, first));
  const tail = sharedEnd(before, after, start);
  const end = characterEnd(before, before.length - tail);
  const newEnd = characterEnd(after, after.length - tail);
  return {
    startByte: start,
    endByte: end,
    newEndByte: newEnd,
    before: excerpt(before, start, end),
    after: excerpt(after, start, newEnd),
  };
}
