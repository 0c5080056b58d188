/** The kinds of content that tokenizers treat differently. `other`: numbers, logs, hashes, symbols, other scripts. */
export const CONTENT_CLASSES = ['prose', 'code', 'json', 'cjk', 'base64', 'other'] as const;

export type ContentClass = (typeof CONTENT_CLASSES)[number];

/** Hundredths of a token (`TOKEN`) per content class. */
export type ClassSums = Record<ContentClass, number>;

/** All classes at zero. */
export function emptySums(): ClassSums {
  return { prose: 0, code: 0, json: 0, cjk: 0, base64: 0, other: 0 };
}

/**
 * What the scan has seen since the current window began, and where it stands; tokens in hundredths. One mutable
 * object, because the scan must not allocate.
 */
export class Tally {
  /** Words, numbers, ASCII punctuation and whitespace: their class is decided for the window as a whole. */
  tokens = 0;
  /** Of `tokens`, those of words. */
  wordTokens = 0;
  cjkTokens = 0;
  otherTokens = 0;
  base64Tokens = 0;
  letters = 0;
  digits = 0;
  accents = 0;
  spaces = 0;
  punctuation = 0;
  quotes = 0;
  jsonMarks = 0;
  codeMarks = 0;
  /** Kind with which the run before the current one began. */
  previousKind = 0;
  /** Where the current unbroken run of letters, digits and joining punctuation began; -1 outside one. */
  spanStart = -1;
  spanTokens = 0;
  spanWordTokens = 0;
  /** Changes between letters and digits and between cases since `spanStart`. */
  spanSwitches = 0;

  /** Begins a text, as if a line had ended before it. */
  begin(previousKind: number): void {
    this.clearWindow();
    this.previousKind = previousKind;
    this.spanStart = -1;
    this.spanTokens = 0;
    this.spanWordTokens = 0;
    this.spanSwitches = 0;
  }

  /** Begins a new window; span and previous kind go on. */
  clearWindow(): void {
    this.tokens = 0;
    this.wordTokens = 0;
    this.cjkTokens = 0;
    this.otherTokens = 0;
    this.base64Tokens = 0;
    this.letters = 0;
    this.digits = 0;
    this.accents = 0;
    this.spaces = 0;
    this.punctuation = 0;
    this.quotes = 0;
    this.jsonMarks = 0;
    this.codeMarks = 0;
  }
}
