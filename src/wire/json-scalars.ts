/** Strings and numbers of a JSON document over raw UTF-8 bytes, for `json-bytes.ts`, which reads whole documents. */
import {
  BACKSLASH,
  ESCAPE_BYTES,
  escapedBytes,
  findNoDigit,
  LOWER_U,
  readEscaped,
  writtenBytes,
} from './json-escapes.ts';
import { noteDeparture, noteRewrite, noteRun } from './spelling.ts';

export const QUOTE = 0x22;
export const SPACE = 0x20;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const SLASH = 0x2f;
const ZERO = 0x30;
const LOWER_A = 0x61;
const LOWER_E = 0x65;
/** The bit that tells small letters from capitals. */
const CASE_BIT = 0x20;
/** Stands for "past the last byte"; below every real byte, so it fails each test for one. */
const NO_BYTE = -1;

/** Words of four bytes, each of which is the same. */
const EACH_ONE = 0x01010101;
const EACH_QUOTE = 0x22222222;
const EACH_BACKSLASH = 0x5c5c5c5c;
const EACH_SPACE = 0x20202020;
const EACH_HIGH = 0x80808080;
const WORD_BYTES = 4;
const LAST_BIT = 31;
const BYTE_SHIFT = 3;

/** 1 for each byte that stands for itself in a string. */
export const IS_PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < SPACE || byte === QUOTE || byte === BACKSLASH ? 0 : 1,
);
/** 1 for each letter of an escape that `JSON.stringify` writes. */
const SHORT_ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
/** 1 for each last digit of `\u000X` where it writes that, and has no shorter escape. */
const LONG_ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) =>
  '01234567bef'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
/** Integers of so many digits are exact, and written as they are read. */
const EXACT_DIGITS = 15;

/** Says what was wrong with the bytes and where; `offset` never exceeds their length. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(reason);
    this.offset = offset;
  }
}

/** Throws; what was wrong past the last byte is that there are no more. */
export function fail(reason: string, offset: number, bytes?: Uint8Array): never {
  const isPastEnd = bytes !== undefined && offset >= bytes.length;
  throw new JsonSyntaxError(isPastEnd ? 'unexpected end' : reason, isPastEnd ? bytes.length : offset);
}

const NOTHING = new DataView(new ArrayBuffer(0));
/** The document being read, for reading words of it. */
let words: DataView = NOTHING;

/** Sets the document that `skipString` reads; null once it is read, for bytes are not kept longer than that. */
export function lookAt(bytes: Uint8Array | null): void {
  words = bytes ? new DataView(bytes.buffer, bytes.byteOffset, bytes.length) : NOTHING;
}

/**
 * Offset of the first byte at or after `at` that does not stand for itself in a string, or close before the end of the
 * document. Four bytes at a time: a byte's high bit is set where it is a quote, a backslash or a control character. Borrows
 * reach higher bytes only, so the lowest bit is right.
 */
function skipPlainWords(at: number): number {
  const view = words;
  const end = view.byteLength - WORD_BYTES;
  let i = at;
  while (i <= end) {
    const word = view.getInt32(i, true);
    const stops =
      (((word ^ EACH_QUOTE) - EACH_ONE) | ((word ^ EACH_BACKSLASH) - EACH_ONE) | (word - EACH_SPACE)) &
      ~word &
      EACH_HIGH;
    if (stops !== 0) return i + ((LAST_BIT - Math.clz32(stops & -stops)) >> BYTE_SHIFT);
    i += WORD_BYTES;
  }
  return i;
}

/** Reads the string whose opening quote is at `at`, in the document that was set. */
export function skipString(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  for (;;) {
    i = skipPlainWords(i);
    while (IS_PLAIN[bytes[i] ?? 0] === 1) i += 1;
    if (bytes[i] === QUOTE) return i + 1;
    if (bytes[i] !== BACKSLASH)
      fail(i < bytes.length ? 'control character in a string' : 'unterminated string', i);
    i = SHORT_ESCAPES[bytes[i + 1] ?? 0] === 1 ? i + 2 : skipEscape(bytes, i);
  }
}

/** Reads an escape that `JSON.stringify` seldom or never writes, whose backslash is at `at`. */
function skipEscape(bytes: Uint8Array, at: number): number {
  const byte = bytes[at + 1] ?? NO_BYTE;
  if (byte === SLASH) {
    noteRun(at, at + 2, 1);
    return at + 2;
  }
  if (byte !== LOWER_U) fail('bad escape in a string', at + 1, bytes);
  const code = readEscaped(bytes, at);
  if (code < 0) fail('bad escape in a string', findNoDigit(bytes, at + 2), bytes);
  if (code < SPACE && isControlEscape(bytes, at + 2)) return at + ESCAPE_BYTES;
  const end = at + escapedBytes(code);
  noteRun(at, end, end - at - writtenBytes(code));
  return end;
}

/** Whether the four digits at `at` are those of a control character as `JSON.stringify` writes it. */
function isControlEscape(bytes: Uint8Array, at: number): boolean {
  const last = bytes[at + 3] ?? 0;
  if (bytes[at] !== ZERO || bytes[at + 1] !== ZERO) return false;
  if (bytes[at + 2] === ZERO) return LONG_ESCAPES[last] === 1;
  return bytes[at + 2] === ZERO + 1 && (isDigit(last) || last >= LOWER_A);
}

/** Reads the number at `at`. */
export function skipNumber(bytes: Uint8Array, at: number): number {
  const end = skipDecimal(bytes, at);
  if (end - at > EXACT_DIGITS || skipAnyDigits(bytes, at) !== end) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
    const written = JSON.stringify(Number(text));
    if (written.length > text.length) noteDeparture();
    else if (written !== text) noteRewrite(at, text.length - written.length);
  }
  return end;
}

function skipDecimal(bytes: Uint8Array, at: number): number {
  let i = bytes[at] === MINUS ? at + 1 : at;
  if (bytes[i] === ZERO) i += 1;
  else i = skipDigits(bytes, i, i === at ? 'expected a value' : 'bad number');
  if (bytes[i] === POINT) i = skipDigits(bytes, i + 1, 'bad number');
  if (((bytes[i] ?? 0) | CASE_BIT) !== LOWER_E) return i;
  i += 1;
  if (bytes[i] === PLUS || bytes[i] === MINUS) i += 1;
  return skipDigits(bytes, i, 'bad number');
}

function skipDigits(bytes: Uint8Array, at: number, reason: string): number {
  const end = skipAnyDigits(bytes, at);
  return end === at ? fail(reason, at, bytes) : end;
}

function skipAnyDigits(bytes: Uint8Array, at: number): number {
  let i = at;
  while (isDigit(bytes[i])) i += 1;
  return i;
}

/** Is it a decimal digit? */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}
