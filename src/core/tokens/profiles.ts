import type { TextEstimate } from './estimate-text.ts';
import { CONTENT_CLASSES, type ContentClass } from './tally.ts';

/** `classic`: Claude 3 to 4.6. `modern`: Opus 4.7 and later, all 5.x: more tokens for words of Latin script. */
export type TokenizerGeneration = 'classic' | 'modern';

/** An estimate with its error band. Integers, `0 <= low <= tokens <= high`. */
export interface TokenEstimate {
  readonly tokens: number;
  readonly low: number;
  readonly high: number;
}

/** How one tokenizer differs from the counts of `estimateText` on one content class. */
export interface ClassProfile {
  /** Tokens per token of `estimateText`. */
  readonly factor: number;
  /** Share by which the true count may lie off on either side, for about nine texts in ten. */
  readonly band: number;
}

/** What the estimator knows of one tokenizer generation and of the vision input that came with it. */
export interface TokenizerProfile {
  readonly classes: Readonly<Record<ContentClass, ClassProfile>>;
  /** An image is scaled down to this long edge and to about this many tokens before it is billed. */
  readonly maxImageEdgePixels: number;
  readonly maxImageTokens: number;
  /** Text and picture of one page of a PDF. */
  readonly pdfPageTokens: number;
}

/**
 * Factors of `modern` are measured ratios of `count_tokens` between the generations: English 1.44, German 1.39, code
 * 1.13-1.33, JSON 1.15-1.31, hashes and UUIDs 1.05, Chinese, Japanese, Korean, Cyrillic, Arabic and numbers 1.00.
 */
export const TOKENIZER_PROFILES: Readonly<Record<TokenizerGeneration, TokenizerProfile>> = {
  classic: {
    classes: {
      prose: { factor: 1, band: 0.14 },
      code: { factor: 1, band: 0.14 },
      json: { factor: 1, band: 0.15 },
      cjk: { factor: 1, band: 0.15 },
      base64: { factor: 1, band: 0.15 },
      other: { factor: 1, band: 0.25 },
    },
    maxImageEdgePixels: 1_568,
    maxImageTokens: 1_600,
    pdfPageTokens: 2_000,
  },
  modern: {
    classes: {
      prose: { factor: 1.44, band: 0.18 },
      code: { factor: 1.24, band: 0.18 },
      json: { factor: 1.22, band: 0.2 },
      cjk: { factor: 1, band: 0.15 },
      base64: { factor: 1.06, band: 0.2 },
      other: { factor: 1.03, band: 0.25 },
    },
    maxImageEdgePixels: 2_576,
    maxImageTokens: 4_784,
    pdfPageTokens: 2_300,
  },
};

/**
 * An estimate whose parts are known as real numbers: the middle is rounded, the edges are rounded away from it.
 * Never negative, never fractional.
 */
export function makeEstimate(tokens: number, low: number, high: number): TokenEstimate {
  const middle = Math.max(0, Math.round(tokens));
  return {
    tokens: middle,
    low: Math.min(middle, Math.max(0, Math.floor(low))),
    high: Math.max(middle, Math.ceil(high)),
  };
}

/** The band is that of every class at once: a text that is dear in its prose is dear in its code as well. */
export function applyFactors(
  classes: Readonly<Record<ContentClass, number>>,
  generation: TokenizerGeneration,
): { tokens: number; low: number; high: number } {
  const profile = TOKENIZER_PROFILES[generation];
  let tokens = 0;
  let margin = 0;
  for (const name of CONTENT_CLASSES) {
    const { factor, band } = profile.classes[name];
    tokens += classes[name] * factor;
    margin += classes[name] * factor * band;
  }
  return { tokens, low: tokens - margin, high: tokens + margin };
}

/**
 * The tokens of a text for one tokenizer generation, with their band.
 *
 * @example applyProfile(estimateText('hello world'), 'modern') // { tokens: 3, low: 2, high: 4 }
 */
export function applyProfile(estimate: TextEstimate, generation: TokenizerGeneration): TokenEstimate {
  const { tokens, low, high } = applyFactors(estimate.classes, generation);
  return makeEstimate(estimate.tokens > 0 ? Math.max(1, tokens) : 0, low, high);
}

/**
 * Adds estimates, bands included: errors of one tokenizer point the same way, so they do not average out. A number
 * known exactly, such as the tool overhead of a model (spec 9.6), joins as `{ tokens: n, low: n, high: n }`.
 */
export function sumEstimates(estimates: Iterable<TokenEstimate>): TokenEstimate {
  let tokens = 0;
  let low = 0;
  let high = 0;
  for (const estimate of estimates) {
    tokens += estimate.tokens;
    low += estimate.low;
    high += estimate.high;
  }
  return { tokens, low, high };
}
