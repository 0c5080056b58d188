import { KIND, kindAt } from './char-kinds.ts';
import {
  ACCENT_TOKENS,
  APOSTROPHE_TOKENS,
  capitalsTokens,
  characterTokens,
  digitsTokens,
  newlinesTokens,
  pieceTokens,
  punctuationTokens,
  spacesTokens,
  spaceTokens,
  wordTokens,
} from './run-tokens.ts';
import type { Tally } from './tally.ts';

const OPENING_PARENTHESIS = 0x28;
const APOSTROPHE = 0x27;
const QUOTE = 0x22;

/** Shortest run of letters and digits that is taken for base64 or a hash, and how restless it must be. */
const MIN_BASE64_CHARS = 32;
const MIN_BASE64_SWITCHES_PER_CHAR = 0.22;
const MIN_SKIPPED_BASE64_CHARS = 1_024;

function isWordKind(kind: number): boolean {
  return kind >= KIND.lower && kind <= KIND.accented;
}

function isSmallKind(kind: number): boolean {
  return kind === KIND.lower || kind === KIND.accented;
}

function isPunctuationKind(kind: number): boolean {
  return kind >= KIND.jsonPunct && kind <= KIND.plainPunct;
}

function isJoiningKind(kind: number): boolean {
  return kind === KIND.joinPunct || kind === KIND.joinOperator;
}

function isAbsorbingKind(kind: number): boolean {
  return isWordKind(kind) || isPunctuationKind(kind) || kind === KIND.newline;
}

/** First position from `start` on whose kind differs. */
function runEnd(text: string, start: number, kind: number): number {
  let end = start;
  while (end < text.length && kindAt(text, end) === kind) end += 1;
  return end;
}

function kindAfter(text: string, end: number): number {
  return end < text.length ? kindAt(text, end) : KIND.newline;
}

/**
 * Closes the unbroken run of letters, digits and joining punctuation before `end`. Where letters, digits and cases
 * change as often as chance makes them, it is base64, a hash or a key: its tokens move to that class.
 */
export function endSpan(tally: Tally, end: number): void {
  const start = tally.spanStart;
  if (start < 0) return;
  tally.spanStart = -1;
  if (!isBase64(tally, end - start)) return;
  tally.base64Tokens += tally.tokens - tally.spanTokens;
  tally.tokens = tally.spanTokens;
  tally.wordTokens = tally.spanWordTokens;
}

function continueSpan(tally: Tally, start: number): void {
  if (tally.spanStart >= 0) return;
  tally.spanStart = start;
  tally.spanTokens = tally.tokens;
  tally.spanWordTokens = tally.wordTokens;
  tally.spanSwitches = 0;
}

/**
 * Inside a long span that has proved to be base64, goes to its end at the rate of the part already scanned: base64
 * is alike throughout, and a megabyte of it need not be taken apart. Returns the new position.
 */
export function skipBase64(text: string, position: number, tally: Tally): number {
  const scanned = position - tally.spanStart;
  if (tally.spanStart < 0 || scanned < MIN_SKIPPED_BASE64_CHARS || !isBase64(tally, scanned)) return position;
  let end = position;
  while (isSpanKind(kindAfter(text, end))) end += 1;
  const growth = (end - position) / scanned;
  tally.tokens += Math.round((tally.tokens - tally.spanTokens) * growth);
  tally.spanSwitches += Math.round(tally.spanSwitches * growth);
  return end;
}

function isBase64(tally: Tally, chars: number): boolean {
  return chars >= MIN_BASE64_CHARS && tally.spanSwitches >= chars * MIN_BASE64_SWITCHES_PER_CHAR;
}

function isSpanKind(kind: number): boolean {
  return isWordKind(kind) || kind === KIND.digit || isJoiningKind(kind);
}

function chargeWord(tally: Tally, length: number, tokens: number): void {
  if (tally.previousKind === KIND.digit) tally.spanSwitches += 1;
  tally.letters += length;
  tally.tokens += tokens;
  tally.wordTokens += tokens;
}

function scanWord(text: string, start: number, kind: number, tally: Tally): number {
  continueSpan(tally, start);
  let end = start + 1;
  let next = kindAfter(text, end);
  while (next === KIND.lower) {
    end += 1;
    next = kindAfter(text, end);
  }
  if (kind === KIND.accented || isWordKind(next)) return scanMixedWord(text, start, tally);
  chargeWord(tally, end - start, wordTokens(end - start));
  return end;
}

/** A word with accents, or with capitals after its first letter. */
function scanMixedWord(text: string, start: number, tally: Tally): number {
  let end = start;
  let pieces = 0;
  let capitals = 0;
  let small = 0;
  let pieceSum = 0;
  let accents = 0;
  while (isWordKind(kindAfter(text, end))) {
    const smallStart = runEnd(text, end, KIND.upper);
    capitals = smallStart - end;
    end = smallStart;
    for (let kind = kindAfter(text, end); isSmallKind(kind); kind = kindAfter(text, end)) {
      if (kind === KIND.accented) accents += 1;
      end += 1;
    }
    small = end - smallStart;
    pieceSum += pieceTokens(capitals, small);
    pieces += 1;
  }
  let tokens = pieceSum;
  if (pieces === 1 && capitals <= 1) tokens = wordTokens(capitals + small);
  else if (pieces === 1 && small === 0) tokens = capitalsTokens(capitals);
  tally.spanSwitches += pieces - 1;
  tally.accents += accents;
  chargeWord(tally, end - start, tokens + accents * ACCENT_TOKENS);
  return end;
}

function scanDigits(text: string, start: number, tally: Tally): number {
  continueSpan(tally, start);
  if (isWordKind(tally.previousKind)) tally.spanSwitches += 1;
  const end = runEnd(text, start, KIND.digit);
  tally.digits += end - start;
  tally.tokens += digitsTokens(end - start);
  return end;
}

function scanPunctuation(text: string, start: number, tally: Tally): number {
  const first = text.charCodeAt(start);
  let end = start;
  let isRuler = true;
  let isJoining = true;
  let kind = kindAt(text, start);
  while (isPunctuationKind(kind)) {
    const code = text.charCodeAt(end);
    if (code !== first) isRuler = false;
    if (kind === KIND.codePunct || kind === KIND.joinOperator) tally.codeMarks += 1;
    if (kind === KIND.jsonPunct) tally.jsonMarks += 1;
    if (code === QUOTE) tally.quotes += 1;
    if (!isJoiningKind(kind)) isJoining = false;
    end += 1;
    kind = kindAfter(text, end);
  }
  if (isJoining) continueSpan(tally, start);
  else endSpan(tally, start);
  const isAfterWord = isWordKind(tally.previousKind);
  if (isAfterWord && first === OPENING_PARENTHESIS) tally.codeMarks += 1;
  const isApostrophe = isAfterWord && first === APOSTROPHE && end - start === 1 && isWordKind(kind);
  tally.punctuation += end - start;
  tally.tokens += isApostrophe ? APOSTROPHE_TOKENS : punctuationTokens(end - start, isRuler);
  return end;
}

function scanSpaces(text: string, start: number, tally: Tally): number {
  const end = runEnd(text, start, KIND.space);
  const before = tally.previousKind;
  tally.spaces += end - start;
  tally.tokens +=
    end - start === 1
      ? spaceTokens(isAbsorbingKind(before), isAbsorbingKind(kindAfter(text, end)), before === KIND.digit)
      : spacesTokens(end - start, before === KIND.newline);
  return end;
}

function scanNewlines(text: string, start: number, tally: Tally): number {
  const end = runEnd(text, start, KIND.newline);
  tally.spaces += end - start;
  tally.tokens += newlinesTokens(end - start);
  return end;
}

function scanCharacters(text: string, start: number, kind: number, tally: Tally): number {
  const end = runEnd(text, start, kind);
  const tokens = characterTokens(kind, end - start);
  if (kind === KIND.typographic) tally.tokens += tokens;
  else if (kind >= KIND.han && kind <= KIND.cjkPunct) tally.cjkTokens += tokens;
  else tally.otherTokens += tokens;
  return end;
}

function scanOther(text: string, start: number, kind: number, tally: Tally): number {
  if (isPunctuationKind(kind)) return scanPunctuation(text, start, tally);
  if (kind === KIND.digit) return scanDigits(text, start, tally);
  endSpan(tally, start);
  if (kind === KIND.space) return scanSpaces(text, start, tally);
  if (kind === KIND.newline) return scanNewlines(text, start, tally);
  return scanCharacters(text, start, kind, tally);
}

/** Takes the free space after a word along: most words are followed by one, and a dispatch each would show. */
function skipAbsorbedSpace(text: string, end: number, tally: Tally): number {
  if (kindAfter(text, end) !== KIND.space || !isAbsorbingKind(kindAfter(text, end + 1))) return end;
  endSpan(tally, end);
  tally.spaces += 1;
  tally.previousKind = KIND.space;
  return end + 1;
}

/** Charges the run that begins at `start` to the tally and returns where it ends, always beyond `start`. */
export function scanRun(text: string, start: number, tally: Tally): number {
  const kind = kindAt(text, start);
  if (!isWordKind(kind)) {
    const end = scanOther(text, start, kind, tally);
    tally.previousKind = kind;
    return end;
  }
  const end = scanWord(text, start, kind, tally);
  tally.previousKind = kind;
  return skipAbsorbedSpace(text, end, tally);
}
