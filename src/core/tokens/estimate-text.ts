import { KIND } from './char-kinds.ts';
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

function classifyWindow(tally: Tally): ContentClass {
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
function foreignSurcharge(tally: Tally): number {
  const accentShare = tally.accents / tally.letters;
  if (tally.accents < MIN_FOREIGN_ACCENTS || accentShare < MIN_FOREIGN_ACCENT_SHARE) return 0;
  return Math.min(
    MAX_FOREIGN_SURCHARGE,
    FOREIGN_SURCHARGE + FOREIGN_SURCHARGE_PER_ACCENT_SHARE * accentShare,
  );
}

function closeWindow(tally: Tally, sums: ClassSums): void {
  sums[classifyWindow(tally)] += tally.tokens + tally.wordTokens * foreignSurcharge(tally);
  sums.cjk += tally.cjkTokens;
  sums.base64 += tally.base64Tokens;
  sums.other += tally.otherTokens;
  tally.clearWindow();
}

/** Adds the tokens of a text to the sums of a larger whole; `estimateText` without rounding. */
export function addText(text: string, sums: ClassSums): void {
  const tally = new Tally();
  tally.previousKind = KIND.newline;
  let position = 0;
  let windowEnd = WINDOW_CHARS;
  while (position < text.length) {
    position = scanRun(text, position, tally);
    if (position < windowEnd) continue;
    position = skipBase64(text, position, tally);
    if (tally.spanStart >= 0) continue;
    closeWindow(tally, sums);
    windowEnd = position + WINDOW_CHARS;
  }
  endSpan(tally, position);
  closeWindow(tally, sums);
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
