import { KIND, kindAt } from './char-kinds.ts';
import { TOKEN } from './run-tokens.ts';
import { endSpan, scanRun, skipBase64 } from './scan-runs.ts';
import { CONTENT_CLASSES, emptySums, Tally, type ClassSums, type ContentClass } from './tally.ts';

/** Estimated tokens of a text. */
export interface TextEstimate {
  /** Integer >= 0; 0 only for the empty text. The sum of `classes`. */
  readonly tokens: number;
  /** Tokens by content class, integers. */
  readonly classes: Readonly<Record<ContentClass, number>>;
}

/** A text is judged in windows of about this many characters, so that a document with code in it counts as both. */
const WINDOW_CHARS = 256;

/** How much of a long text is read where a sample will do: its beginning, and after that one window of each three. */
const SAMPLED_FROM_CHARS = 1024;
const PASSED_CHARS = 2 * WINDOW_CHARS;
/** How far the end of a word is looked for behind what is passed over. */
const WORD_CHARS_MAX = 32;

const MIN_NUMERIC_DIGIT_SHARE = 0.3;
const MIN_JSON_QUOTE_SHARE = 0.055;
const MIN_JSON_MARK_SHARE = 0.1;
const MIN_CODE_MARK_SHARE = 0.03;
/** Below this share of spaces it is not prose: minified code, addresses, source maps. */
const MIN_PROSE_SPACE_SHARE = 0.08;

/** Accents that show a language other than English, whose words fall into more pieces. */
const MIN_FOREIGN_ACCENTS = 2;
const MIN_FOREIGN_ACCENT_SHARE = 0.008;
/** What such words cost more: a part for being foreign, and more with more accents, up to a limit. */
const FOREIGN_SURCHARGE = 0.15;
const FOREIGN_SURCHARGE_PER_ACCENT_SHARE = 3;
const MAX_FOREIGN_SURCHARGE = 0.5;

/** Texts are scanned one after the other, and JSON has many short ones. */
const tally = /* @__PURE__ */ new Tally();

function classifyWindow(): ContentClass {
  const visible = tally.letters + tally.digits + tally.punctuation;
  if (tally.digits >= visible * MIN_NUMERIC_DIGIT_SHARE && tally.digits > 0) return 'other';
  if (
    tally.quotes > 1 &&
    tally.quotes >= visible * MIN_JSON_QUOTE_SHARE &&
    tally.jsonMarks >= visible * MIN_JSON_MARK_SHARE
  ) {
    return 'json';
  }
  if (tally.codeMarks >= visible * MIN_CODE_MARK_SHARE && tally.codeMarks > 1) return 'code';
  if (visible > 64 && tally.spaces < visible * MIN_PROSE_SPACE_SHARE) return 'code';
  return 'prose';
}

/** Share by which the words of the window cost more because their language is not English. */
function foreignSurcharge(): number {
  const accentShare = tally.accents / tally.letters;
  if (tally.accents < MIN_FOREIGN_ACCENTS || accentShare < MIN_FOREIGN_ACCENT_SHARE) return 0;
  return Math.min(
    MAX_FOREIGN_SURCHARGE,
    FOREIGN_SURCHARGE + FOREIGN_SURCHARGE_PER_ACCENT_SHARE * accentShare,
  );
}

/** Charges the window, which stands for `weight` times as much text as it has. */
function closeWindow(sums: ClassSums, weight: number): void {
  sums[classifyWindow()] += (tally.tokens + tally.wordTokens * foreignSurcharge()) * weight;
  sums.cjk += tally.cjkTokens * weight;
  sums.base64 += tally.base64Tokens * weight;
  sums.other += tally.otherTokens * weight;
  tally.clearWindow();
}

/** Where reading goes on behind a window of a sampled text: at the end of a word, since half a one costs as much as all of it. */
function passOver(text: string, position: number): number {
  const from = position + PASSED_CHARS;
  // The end is read: what is left over is too little to stand for anything.
  if (position < SAMPLED_FROM_CHARS || from + WINDOW_CHARS > text.length) return position;
  let end = from;
  while (
    end < from + WORD_CHARS_MAX &&
    kindAt(text, end) !== KIND.space &&
    kindAt(text, end) !== KIND.newline
  )
    end += 1;
  return end;
}

/**
 * Adds the tokens of a text to the sums of a larger whole; `estimateText` without rounding. Of a long text that is sampled,
 * windows are charged for what is passed over behind them.
 */
export function addText(text: string, sums: ClassSums, isSampled = false): void {
  tally.begin(KIND.newline);
  let position = 0;
  let windowStart = 0;
  while (position < text.length) {
    position = scanRun(text, position, tally);
    if (position < windowStart + WINDOW_CHARS) continue;
    position = skipBase64(text, position, tally);
    if (tally.spanStart >= 0) continue;
    const next = isSampled ? passOver(text, position) : position;
    closeWindow(sums, (next - windowStart) / (position - windowStart));
    position = next;
    windowStart = next;
  }
  endSpan(tally, position);
  closeWindow(sums, 1);
}

/** Rounds so that the parts add up to the rounded whole. */
function roundSums(sums: ClassSums): TextEstimate {
  const classes = emptySums();
  let exact = 0;
  let rounded = 0;
  for (const name of CONTENT_CLASSES) {
    exact += sums[name] / TOKEN;
    classes[name] = Math.round(exact) - rounded;
    rounded += classes[name];
  }
  return { tokens: rounded, classes };
}

/**
 * Estimates the tokens of a text for the classic tokenizer (Claude 3 to 4.6); `applyProfile` turns the
 * counts into those of another. One pass, linear in time and constant in memory for any text. An estimate, never
 * a count: it knows no vocabulary, so texts of rare words or foreign words without accents come out low.
 *
 * @example estimateText('The quick brown fox.').tokens // 5
 */
export function estimateText(text: string): TextEstimate {
  const sums = emptySums();
  addText(text, sums);
  const estimate = roundSums(sums);
  if (estimate.tokens > 0 || text === '') return estimate;
  return { tokens: 1, classes: { ...estimate.classes, other: 1 } };
}
