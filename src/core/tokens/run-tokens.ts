import { KIND } from './char-kinds.ts';

/** One token in the unit of the scan: hundredths, because small integers cost the scan nothing to keep. */
export const TOKEN = 100;

/*
 * What a run of like characters costs, in hundredths of a token of the classic tokenizer. Fitted to 950 excerpts of
 * documents, sources, JSON, logs and hashes, and checked against published `count_tokens` results of Claude 4.5.
 */
const WORD_TOKENS = new Int32Array([0, 103, 103, 103, 103, 104, 106, 109, 113, 118, 124, 130, 138, 145, 152]);
const LONGEST_WORD = WORD_TOKENS.length - 1;
const LONG_WORD_TOKENS_PER_CHAR = 38;
const CAPITALS_TOKENS = new Int32Array([0, 103, 130, 144, 155, 158, 158, 158, 158]);
const LONGEST_CAPITALS = CAPITALS_TOKENS.length - 1;
const PIECE_TOKENS = 106;
const PIECE_CAPITALS_TOKENS = 200;
const PIECE_CAPITALS_TOKENS_PER_CHAR = 42;
export const ACCENT_TOKENS = 50;

const DIGITS_PER_TOKEN = 3;

const SHORT_PUNCTUATION_TOKENS = 112;
const PUNCTUATION_TOKENS = 158;
const LONG_PUNCTUATION_CHARS = 5;
const LONG_PUNCTUATION_TOKENS_PER_CHAR = 44;
const RULER_CHARS_PER_TOKEN = 8;
/** The mark inside `don't`, which shares a token with what follows. */
export const APOSTROPHE_TOKENS = 22;

const SPACE_TOKENS = TOKEN;
const SPACE_AFTER_DIGIT_TOKENS = 60;
const SPACES_TOKENS = 120;
const INDENT_TOKENS = 72;
const SPACES_PER_TOKEN = 32;
const NEWLINE_TOKENS = 113;
const BLANK_LINE_TOKENS = 15;
const NEWLINES_PER_TOKEN = 8;

/** Per character, for kinds that are charged one by one. */
const CHAR_TOKENS: ReadonlyMap<number, number> = new Map([
  [KIND.unknown, 50],
  [KIND.typographic, 115],
  [KIND.symbol, 220],
  [KIND.surrogate, 140],
  [KIND.joiner, 150],
  [KIND.han, 106],
  [KIND.kana, 74],
  [KIND.hangul, 105],
  [KIND.cjkPunct, 100],
  [KIND.cyrillic, 45],
  [KIND.greek, 90],
  [KIND.semitic, 62],
  [KIND.otherScript, 105],
]);

/** A word of small letters, the first of which may be a capital. */
export function wordTokens(length: number): number {
  if (length <= LONGEST_WORD) return WORD_TOKENS[length] ?? 0;
  return (WORD_TOKENS[LONGEST_WORD] ?? 0) + (length - LONGEST_WORD) * LONG_WORD_TOKENS_PER_CHAR;
}

/** A word all in capitals. */
export function capitalsTokens(length: number): number {
  if (length <= LONGEST_CAPITALS) return CAPITALS_TOKENS[length] ?? 0;
  return (CAPITALS_TOKENS[LONGEST_CAPITALS] ?? 0) + (length - LONGEST_CAPITALS) * LONG_WORD_TOKENS_PER_CHAR;
}

/**
 * A piece of a word of several cases, such as `Element` in `getElementById`: capitals, then small letters. The
 * last of several capitals begins the small ones' piece, as in `HTTPServer`.
 */
export function pieceTokens(capitals: number, small: number): number {
  if (capitals <= 1) return PIECE_TOKENS + longTailTokens(small);
  const lead = small > 0 ? capitals - 1 : capitals;
  const tail = small > 0 ? PIECE_TOKENS + longTailTokens(small) : 0;
  return PIECE_CAPITALS_TOKENS + (lead - 1) * PIECE_CAPITALS_TOKENS_PER_CHAR + tail;
}

function longTailTokens(length: number): number {
  return Math.max(0, length - LONGEST_WORD) * LONG_WORD_TOKENS_PER_CHAR;
}

/** Digits go three to a token. */
export function digitsTokens(length: number): number {
  return Math.ceil(length / DIGITS_PER_TOKEN) * TOKEN;
}

/** A run of ASCII punctuation; a ruler is one character again and again. */
export function punctuationTokens(length: number, isRuler: boolean): number {
  if (length < 3) return SHORT_PUNCTUATION_TOKENS;
  if (isRuler && length > 3) return TOKEN + Math.round((length * TOKEN) / RULER_CHARS_PER_TOKEN);
  return PUNCTUATION_TOKENS + Math.max(0, length - LONG_PUNCTUATION_CHARS) * LONG_PUNCTUATION_TOKENS_PER_CHAR;
}

/** One space: free between words and punctuation, which absorb it; digits and ideographs do not. */
export function spaceTokens(
  isAbsorbedBefore: boolean,
  isAbsorbedAfter: boolean,
  isAfterDigit: boolean,
): number {
  if (isAbsorbedBefore && isAbsorbedAfter) return 0;
  return isAfterDigit && isAbsorbedAfter ? SPACE_AFTER_DIGIT_TOKENS : SPACE_TOKENS;
}

/** Two spaces or more. */
export function spacesTokens(length: number, isIndent: boolean): number {
  return (isIndent ? INDENT_TOKENS : SPACES_TOKENS) + Math.floor(length / SPACES_PER_TOKEN) * TOKEN;
}

/** One newline or several. */
export function newlinesTokens(length: number): number {
  const blank = length > 1 ? BLANK_LINE_TOKENS : 0;
  return NEWLINE_TOKENS + blank + Math.floor((length - 1) / NEWLINES_PER_TOKEN) * TOKEN;
}

/** A run of characters of a kind that is charged one by one. */
export function characterTokens(kind: number, length: number): number {
  return length * (CHAR_TOKENS.get(kind) ?? TOKEN);
}
