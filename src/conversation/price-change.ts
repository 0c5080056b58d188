import { billTokens, noTokens, standardPricing, toUsd, type PicoUsd } from '../core/index.ts';
import type { ChangePrice } from './options.ts';
import type { PlannedRequest } from './prefix-book.ts';

/** What a planned request's input should cost. */
export function inputCost({ outcome, prompt }: PlannedRequest, atMs: number): PicoUsd {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const tokens = { ...noTokens, readTokens, write5mTokens, write1hTokens, uncachedTokens };
  return billTokens(prompt.model.facts, tokens, standardPricing(atMs)).totalPicoUsd;
}

/** The price of sending one request in place of another. */
export function priceChange(before: PlannedRequest, after: PlannedRequest, atMs: number): ChangePrice {
  const lostTokens = Math.max(0, before.outcome.readTokens - after.outcome.readTokens);
  return { lostTokens, rewriteUsd: toUsd(inputCost(after, atMs) - inputCost(before, atMs)) };
}
