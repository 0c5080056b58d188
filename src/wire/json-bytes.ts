/**
 * A reader of JSON over raw UTF-8 bytes: it finds where values begin and end and builds nothing.
 *
 * Every function takes the offset of the first byte of something and returns the offset just after it. What is not JSON
 * throws `JsonSyntaxError`; callers of this module turn that into a typed failure. It is as strict as `JSON.parse`.
 */
import { BACKSLASH } from './json-escapes.ts';
import { fail, isDigit, IS_PLAIN, lookAt, QUOTE, skipNumber, skipString, SPACE } from './json-scalars.ts';
export { JsonSyntaxError, QUOTE, skipString } from './json-scalars.ts';
import { createMemberNames, type MemberNames } from './member-names.ts';
import { beginSpelling, endSpelling, noteDeparture, noteRewrite } from './spelling.ts';

/** Half-open range of byte offsets: `start` is the first byte, `end` the one after the last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Called for each member of an object; returns the offset after its value. What it works on may be handed through to it. */
export type MemberVisitor<Context = unknown> = (
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  context: Context,
) => number;

/** Called for each element of an array; returns the offset after it. */
export type ElementVisitor<Context = unknown> = (
  index: number,
  valueStart: number,
  context: Context,
) => number;

/** Containers that may be open at once. Deeper bodies are refused: whatever walks the value later may recurse. */
export const JSON_DEPTH_MAX = 512;

export const COMMA = 0x2c;
export const OPEN_BRACE = 0x7b;
export const OPEN_BRACKET = 0x5b;
const COLON = 0x3a;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
/** Stands for "past the last byte"; below every real byte, so it fails each test for one. */
const NO_BYTE = -1;

const LITERALS: ReadonlyMap<number, Uint8Array> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);
const names: MemberNames = createMemberNames();

/** Offset of the first byte at or after `at` that is not JSON white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while (isSpace(bytes[i])) i += 1;
  if (i !== at) noteRewrite(at, i - at);
  return i;
}

/** Offset just after the last byte before `at` that is not JSON white space. */
export function skipSpaceBack(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i > 0 && isSpace(bytes[i - 1])) i -= 1;
  return i;
}

/** Of the document being read: no member name so far begins with a digit or holds a backslash. */
let hasPlainKeys = true;

/** Reads the member name whose opening quote is at `at`. */
function skipKey(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  while (IS_PLAIN[bytes[i] ?? 0] === 1) i += 1;
  if (bytes[i] === QUOTE && !isDigit(bytes[at + 1])) return i + 1;
  hasPlainKeys = false;
  return skipString(bytes, at);
}

/** Reads any value. `depth` is the number of containers already open around it. */
export function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  const byte = bytes[at] ?? NO_BYTE;
  if (byte === QUOTE) return skipString(bytes, at);
  if (byte === OPEN_BRACE) return walkObject(bytes, at, depth, null, null);
  if (byte === OPEN_BRACKET) return walkArray(bytes, at, depth, null, null);
  const literal = LITERALS.get(byte);
  return literal === undefined ? skipNumber(bytes, at) : skipLiteral(bytes, at, literal);
}

/** Reads the object at `at`, handing each member to `visit` with `context` (null: its values are only skipped). */
export function walkObject<Context>(
  bytes: Uint8Array,
  at: number,
  depth: number,
  visit: MemberVisitor<Context> | null,
  context: Context,
): number {
  const inside = enter(at, depth);
  let i = skipSpace(bytes, at + 1);
  if (bytes[i] === CLOSE_BRACE) return i + 1;
  const outer = names.open();
  for (;;) {
    if (bytes[i] !== QUOTE) fail('expected a member name', i, bytes);
    const keyStart = i;
    const keyEnd = skipKey(bytes, i);
    if (!names.enter(bytes, keyStart, keyEnd)) noteDeparture();
    i = skipSpace(bytes, keyEnd);
    if (bytes[i] !== COLON) fail('expected ":"', i, bytes);
    const valueStart = skipSpace(bytes, i + 1);
    i = visit === null ? skipValue(bytes, valueStart, inside) : visit(keyStart, keyEnd, valueStart, context);
    i = skipSpace(bytes, i);
    if (bytes[i] === CLOSE_BRACE) {
      names.close(outer);
      return i + 1;
    }
    if (bytes[i] !== COMMA) fail('expected "," or "}"', i, bytes);
    i = skipSpace(bytes, i + 1);
  }
}

/** Reads the array at `at`, handing each element to `visit` with `context` (null: they are only skipped). */
export function walkArray<Context>(
  bytes: Uint8Array,
  at: number,
  depth: number,
  visit: ElementVisitor<Context> | null,
  context: Context,
): number {
  const inside = enter(at, depth);
  let i = skipSpace(bytes, at + 1);
  if (bytes[i] === CLOSE_BRACKET) return i + 1;
  for (let index = 0; ; index += 1) {
    i = visit === null ? skipValue(bytes, i, inside) : visit(index, i, context);
    i = skipSpace(bytes, i);
    if (bytes[i] === CLOSE_BRACKET) return i + 1;
    if (bytes[i] !== COMMA) fail('expected "," or "]"', i, bytes);
    i = skipSpace(bytes, i + 1);
  }
}

/** The root of a document, and whether no member name in it begins with a digit or is spelled with an escape. */
export interface DocumentRoot {
  readonly root: Span;
  readonly hasPlainKeys: boolean;
  /** Offsets of what `JSON.stringify` would write otherwise: white space, escapes and numbers. */
  readonly rewrites: Int32Array;
}

/**
 * Reads a whole document whose root is an object, white space around it allowed. `visit` gets the root's members
 * (at depth 1).
 */
export function walkDocument(bytes: Uint8Array, visit: MemberVisitor | null): DocumentRoot {
  try {
    hasPlainKeys = true;
    names.clear();
    beginSpelling();
    lookAt(bytes);
    const root = walkRoot(bytes, visit);
    return { root, hasPlainKeys, rewrites: endSpelling() };
  } finally {
    lookAt(null);
  }
}

function walkRoot(bytes: Uint8Array, visit: MemberVisitor | null): Span {
  if (hasByteOrderMark(bytes)) fail('byte order mark', 0);
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== OPEN_BRACE) {
    // Reads the value first: bytes that are not JSON at all deserve the more precise reason.
    skipValue(bytes, start, 0);
    fail('the root is not an object', start);
  }
  const end = walkObject(bytes, start, 0, visit, null);
  const rest = skipSpace(bytes, end);
  if (rest < bytes.length) fail('bytes after the end of the root', rest);
  return { start, end };
}

/** True where the bytes begin with the UTF-8 byte order mark, which JSON does not allow. */
export function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** The JavaScript string that the literal in `[start, end)` (quotes included) stands for; bad UTF-8 is replaced. */
export function decodeString(bytes: Uint8Array, start: number, end: number): string {
  if (!hasBackslash(bytes, start, end)) return decodeUtf8(bytes, start + 1, end - 1);
  return String(JSON.parse(decodeUtf8(bytes, start, end)));
}

/** The text of `[start, end)`; bad UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether those bytes stand at `at`. */
export function hasBytesAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i += 1) {
    if (bytes[at + i] !== wanted[i]) return false;
  }
  return true;
}

/** Whether a backslash is among the bytes of `[start, end)`. */
export function hasBackslash(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    if (bytes[i] === BACKSLASH) return true;
  }
  return false;
}

function skipLiteral(bytes: Uint8Array, at: number, literal: Uint8Array): number {
  return hasBytesAt(bytes, at, literal) ? at + literal.length : fail('expected a value', at);
}

function enter(at: number, depth: number): number {
  return depth < JSON_DEPTH_MAX ? depth + 1 : fail(`nested deeper than ${JSON_DEPTH_MAX}`, at);
}
