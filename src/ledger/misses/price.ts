import {
  noTokens,
  ratesFor,
  totalInputTokens,
  type CacheRules,
  type ModelFacts,
  type PicoUsd,
  type PricingContext,
  type TokenCounts,
} from '../../core/index.ts';
import type { Miss } from '../record.ts';
import type { MissedParts } from './entry-parts.ts';
import { lengthOf, tokensBefore, type PromptOutline } from './seen-prompt.ts';

/** What a request was billed for, as far as it is about one pass over its prompt. */
export interface BilledPrompt {
  readonly tokens: TokenCounts;
  readonly model: ModelFacts;
  readonly pricing: PricingContext;
  readonly rules: CacheRules;
}

/** So far may a bill be from a place for it to be taken for that place, as a share of the prompt and in tokens. */
const PLACE_SHARE = 0.1;
const PLACE_TOKENS = 64;

/** Billed tokens up to the end of so many parts: estimates are scaled to the bill. */
function billedBefore(prompt: PromptOutline, parts: number, billed: TokenCounts): number {
  const total = totalInputTokens(billed);
  if (parts >= lengthOf(prompt)) return total;
  const estimated = tokensBefore(prompt, lengthOf(prompt));
  return estimated === 0 ? 0 : Math.round((tokensBefore(prompt, parts) / estimated) * total);
}

/**
 * How many parts were read, by the bill: the likeliest place of those that have an entry, since estimates are never exact;
 * else the nearest part. Every part where all was read.
 */
export function partsRead(prompt: PromptOutline, billed: TokenCounts, likely: readonly number[]): number {
  const { readTokens } = billed;
  const total = totalInputTokens(billed);
  if (readTokens === 0 || total === 0) return 0;
  const length = lengthOf(prompt);
  const estimated = tokensBefore(prompt, length);
  // In estimated tokens, so that nothing is scaled part by part.
  const wanted = (readTokens / total) * estimated;
  const distanceTo = (parts: number): number => Math.abs(tokensBefore(prompt, parts) - wanted);
  let place = 0;
  for (const parts of likely) if (parts <= length && distanceTo(parts) < distanceTo(place)) place = parts;
  const tolerance = Math.max(PLACE_TOKENS, total * PLACE_SHARE) * (estimated / total);
  if (place > 0 && distanceTo(place) <= tolerance) return place;
  let below = 0;
  while (below < length && tokensBefore(prompt, below + 1) <= wanted) below += 1;
  const above = Math.min(below + 1, length);
  return distanceTo(above) < distanceTo(below) ? above : below;
}

/** Tokens of a span that lie within another. */
function overlap(from: number, to: number, start: number, end: number): number {
  return Math.max(0, Math.min(to, end) - Math.max(from, start));
}

/**
 * What was paid for a span of the prompt less what reading it would have cost: first come the tokens read, then those written
 * for an hour, then those written for five minutes, then the rest (spec 4.5).
 */
function costBeyondReading(
  from: number,
  to: number,
  { tokens, model, pricing, rules }: BilledPrompt,
): PicoUsd {
  const rates = ratesFor(model, { ...noTokens, ...tokens }, pricing, rules.open);
  const hourEnd = tokens.readTokens + tokens.write1hTokens;
  const writeEnd = hourEnd + tokens.write5mTokens;
  const part = (count: number, rate: number): PicoUsd => BigInt(count) * BigInt(rate - rates.readPicoUsd);
  return (
    part(overlap(from, to, tokens.readTokens, hourEnd), rates.write1hPicoUsd) +
    part(overlap(from, to, hourEnd, writeEnd), rates.write5mPicoUsd) +
    part(overlap(from, to, writeEnd, totalInputTokens(tokens)), rates.uncachedPicoUsd)
  );
}

/** Missed parts as the ledger has them: in billed tokens, with dollars. */
export function priceMisses(
  missed: readonly MissedParts[],
  prompt: PromptOutline,
  billed: BilledPrompt,
): readonly Miss[] {
  return missed.flatMap(({ from, to, reason, evidence }) => {
    const start = Math.max(billed.tokens.readTokens, billedBefore(prompt, from, billed.tokens));
    const end = billedBefore(prompt, to, billed.tokens);
    if (end <= start) return [];
    return [{ reason, tokens: end - start, costPicoUsd: costBeyondReading(start, end, billed), evidence }];
  });
}
