/** Escapes of four digits in JSON strings, and how `JSON.stringify` writes what they stand for. */

export const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ZERO = 0x30;
const LOWER_A = 0x61;
export const LOWER_U = 0x75;

/** `\u1234`: bytes of such an escape. */
export const ESCAPE_BYTES = 6;
const SHORT_ESCAPE_BYTES = 2;

const HIGH_SURROGATE = 0xd800;
const LOW_SURROGATE = 0xdc00;
const AFTER_SURROGATES = 0xe000;
/** The first character that takes two units. */
const ASTRAL = 0x10000;
const SURROGATE_BITS = 10;

/** From these values on UTF-8 takes two bytes, and three. */
const TWO_BYTES = 0x80;
const THREE_BYTES = 0x800;

/** The letter of the escape of two bytes that is written for a unit; 0 for those that have none. */
const SHORT_LETTERS = new Uint8Array(TWO_BYTES);
for (const [unit, letter] of ['""', '\\\\', '\bb', '\tt', '\nn', '\ff', '\rr'])
  SHORT_LETTERS[(unit ?? '').charCodeAt(0)] = (letter ?? '').charCodeAt(0);

/** What a byte is worth as a digit; more than any digit where it is none. */
const NO_DIGIT = 0xff;
const DIGIT_MAX = 15;
const DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? NO_DIGIT : value;
});

/** The unit that the four digits at `at` name; below zero where they are none. */
function readUnit(bytes: Uint8Array, at: number): number {
  const first = DIGITS[bytes[at] ?? 0] ?? NO_DIGIT;
  const second = DIGITS[bytes[at + 1] ?? 0] ?? NO_DIGIT;
  const third = DIGITS[bytes[at + 2] ?? 0] ?? NO_DIGIT;
  const fourth = DIGITS[bytes[at + 3] ?? 0] ?? NO_DIGIT;
  if ((first | second | third | fourth) > DIGIT_MAX) return -1;
  return (first << 12) | (second << 8) | (third << 4) | fourth;
}

/** The first of four digits that is none. */
export function findNoDigit(bytes: Uint8Array, at: number): number {
  let i = at;
  while ((DIGITS[bytes[i] ?? 0] ?? NO_DIGIT) <= DIGIT_MAX) i += 1;
  return i;
}

function isSurrogate(unit: number): boolean {
  return unit >= HIGH_SURROGATE && unit < AFTER_SURROGATES;
}

/** The character that the escape at `at` is, or makes with the escape behind it; below zero where it has not four digits. */
export function readEscaped(bytes: Uint8Array, at: number): number {
  const unit = readUnit(bytes, at + 2);
  const next = at + ESCAPE_BYTES;
  const isHigh = unit >= HIGH_SURROGATE && unit < LOW_SURROGATE;
  if (!isHigh || bytes[next] !== BACKSLASH || bytes[next + 1] !== LOWER_U) return unit;
  const low = readUnit(bytes, next + 2);
  if (low < LOW_SURROGATE || low >= AFTER_SURROGATES) return unit;
  return ((unit - HIGH_SURROGATE) << SURROGATE_BITS) + (low - LOW_SURROGATE) + ASTRAL;
}

/** Bytes of the escapes that a character was read from. */
export function escapedBytes(code: number): number {
  return code < ASTRAL ? ESCAPE_BYTES : 2 * ESCAPE_BYTES;
}

/** Bytes that `JSON.stringify` writes a character in. */
export function writtenBytes(code: number): number {
  if (code < TWO_BYTES) {
    if (SHORT_LETTERS[code] !== 0) return SHORT_ESCAPE_BYTES;
    return code < SPACE ? ESCAPE_BYTES : 1;
  }
  if (code < THREE_BYTES) return 2;
  if (isSurrogate(code)) return ESCAPE_BYTES;
  return code < ASTRAL ? 3 : 4;
}

/** Writes a character as `JSON.stringify` does and returns where it ends. */
export function writeCharacter(target: Uint8Array, at: number, code: number): number {
  if (code >= TWO_BYTES)
    return isSurrogate(code) ? writeEscape(target, at, code) : writeUtf8(target, at, code);
  const letter = SHORT_LETTERS[code] ?? 0;
  if (letter !== 0) {
    target[at] = BACKSLASH;
    target[at + 1] = letter;
    return at + SHORT_ESCAPE_BYTES;
  }
  if (code < SPACE) return writeEscape(target, at, code);
  target[at] = code;
  return at + 1;
}

function writeEscape(target: Uint8Array, at: number, unit: number): number {
  target[at] = BACKSLASH;
  target[at + 1] = LOWER_U;
  for (let i = 0; i < 4; i += 1) {
    const digit = (unit >> (12 - i * 4)) & 15;
    target[at + 2 + i] = digit < 10 ? ZERO + digit : LOWER_A + digit - 10;
  }
  return at + ESCAPE_BYTES;
}

/** A character outside ASCII: a first byte that says how many follow, and six bits in each of those. */
function writeUtf8(target: Uint8Array, at: number, code: number): number {
  let to = at;
  if (code < THREE_BYTES) target[to] = 0xc0 | (code >> 6);
  else {
    if (code < ASTRAL) target[to] = 0xe0 | (code >> 12);
    else {
      target[to] = 0xf0 | (code >> 18);
      to += 1;
      target[to] = 0x80 | ((code >> 12) & 0x3f);
    }
    to += 1;
    target[to] = 0x80 | ((code >> 6) & 0x3f);
  }
  target[to + 1] = 0x80 | (code & 0x3f);
  return to + 2;
}
