import { BACKSLASH, escapedBytes, LOWER_U, readEscaped, writeCharacter } from './json-escapes.ts';

/** Bytes, and the offsets of what in them `JSON.stringify` would write otherwise: white space, escapes and numbers. */
export interface SpelledBytes {
  readonly bytes: Buffer;
  /** Ascending; escapes that follow each other at once have one. */
  readonly rewrites: Int32Array;
}

/** Pieces up to this long are copied byte by byte, since to call for a copy takes as long. */
const SHORT_BYTES = 24;
const SLASH = 0x2f;
/** Bytes up to this one are white space where values may stand. */
const SPACE = 0x20;

/** Every byte that a number may have. */
const IS_OF_NUMBER = Uint8Array.from({ length: 256 }, (_, byte) =>
  '+-.0123456789Ee'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

function copyPiece(source: Buffer, start: number, end: number, target: Uint8Array, at: number): number {
  if (end - start > SHORT_BYTES) return at + source.copy(target, at, start, end);
  for (let i = start; i < end; i += 1) target[at + i - start] = source[i] ?? 0;
  return at + end - start;
}

/** The first of the rewrites at or after an offset. */
function firstFrom(rewrites: Int32Array, offset: number): number {
  let low = 0;
  let high = rewrites.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rewrites[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where a copy stands: what is read next, and what is written next. */
interface Cursor {
  from: number;
  to: number;
}

/** Writes a run of escapes. */
function rewriteEscapes(bytes: Buffer, target: Uint8Array, cursor: Cursor): void {
  while (bytes[cursor.from] === BACKSLASH) {
    const letter = bytes[cursor.from + 1];
    if (letter === LOWER_U) {
      const code = readEscaped(bytes, cursor.from);
      cursor.to = writeCharacter(target, cursor.to, code);
      cursor.from += escapedBytes(code);
    } else if (letter === SLASH) {
      target[cursor.to] = SLASH;
      cursor.to += 1;
      cursor.from += 2;
    } else return;
  }
}

function rewriteNumber(bytes: Buffer, target: Uint8Array, cursor: Cursor): void {
  const start = cursor.from;
  while (IS_OF_NUMBER[bytes[cursor.from] ?? 0] === 1) cursor.from += 1;
  const written = JSON.stringify(Number(bytes.toString('latin1', start, cursor.from)));
  for (let i = 0; i < written.length; i += 1) target[cursor.to + i] = written.charCodeAt(i);
  cursor.to += written.length;
}

/**
 * Copies `[start, end)`, the bounds of values or members, as `JSON.stringify` writes it, and returns where the copy ends. It is
 * not longer than what is copied.
 */
export function copyRewritten(
  { bytes, rewrites }: SpelledBytes,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  const cursor: Cursor = { from: start, to: at };
  for (let index = firstFrom(rewrites, start); index < rewrites.length; index += 1) {
    const place = rewrites[index] ?? end;
    if (place >= end) break;
    // An escape that needs no rewriting may stand between two that do, and all are read at once.
    if (place < cursor.from) continue;
    cursor.to = copyPiece(bytes, cursor.from, place, target, cursor.to);
    cursor.from = place;
    const byte = bytes[place] ?? 0;
    if (byte === BACKSLASH) rewriteEscapes(bytes, target, cursor);
    else if (byte > SPACE) rewriteNumber(bytes, target, cursor);
    else while ((bytes[cursor.from] ?? end) <= SPACE) cursor.from += 1;
  }
  return copyPiece(bytes, cursor.from, end, target, cursor.to);
}
