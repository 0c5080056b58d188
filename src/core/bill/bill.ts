import { defaultOpenQuestions, type OpenQuestions } from '../cache/rules.ts';
import type { ModelFacts } from '../catalogue/types.ts';
import type { PicoUsd } from '../money.ts';
import { noTokens, ratesFor, totalInputTokens, type PricingContext, type TokenCounts } from './rates.ts';

/** The cost of one request by part, in pico-dollars. */
export interface CostParts {
  readonly uncachedPicoUsd: PicoUsd;
  readonly readPicoUsd: PicoUsd;
  readonly write5mPicoUsd: PicoUsd;
  readonly write1hPicoUsd: PicoUsd;
  readonly outputPicoUsd: PicoUsd;
  readonly serverToolsPicoUsd: PicoUsd;
  readonly totalPicoUsd: PicoUsd;
}

/** Web search costs 10 USD per 1,000 searches; other server tools are free or billed by time (spec 9.6). */
const WEB_SEARCH_PICO_USD = 10_000_000_000n;

/** Bills one set of counters at the prices of its day (spec 9). */
export function billTokens(
  model: ModelFacts,
  tokens: TokenCounts,
  context: PricingContext,
  webSearches = 0,
  open: OpenQuestions = defaultOpenQuestions,
): CostParts {
  const rates = ratesFor(model, tokens, context, open);
  const part = (count: number, rate: number): PicoUsd => BigInt(count) * BigInt(rate);
  const parts = {
    uncachedPicoUsd: part(tokens.uncachedTokens, rates.uncachedPicoUsd),
    readPicoUsd: part(tokens.readTokens, rates.readPicoUsd),
    write5mPicoUsd: part(tokens.write5mTokens, rates.write5mPicoUsd),
    write1hPicoUsd: part(tokens.write1hTokens, rates.write1hPicoUsd),
    outputPicoUsd: part(tokens.outputTokens, rates.outputPicoUsd),
    serverToolsPicoUsd: BigInt(webSearches) * WEB_SEARCH_PICO_USD,
  };
  const input = parts.uncachedPicoUsd + parts.readPicoUsd + parts.write5mPicoUsd + parts.write1hPicoUsd;
  return { ...parts, totalPicoUsd: input + parts.outputPicoUsd + parts.serverToolsPicoUsd };
}

/** The sum of several bills, part by part. */
export function addCosts(costs: readonly CostParts[]): CostParts {
  const sum = (pick: (cost: CostParts) => PicoUsd): PicoUsd =>
    costs.reduce((total, cost) => total + pick(cost), 0n);
  return {
    uncachedPicoUsd: sum((cost) => cost.uncachedPicoUsd),
    readPicoUsd: sum((cost) => cost.readPicoUsd),
    write5mPicoUsd: sum((cost) => cost.write5mPicoUsd),
    write1hPicoUsd: sum((cost) => cost.write1hPicoUsd),
    outputPicoUsd: sum((cost) => cost.outputPicoUsd),
    serverToolsPicoUsd: sum((cost) => cost.serverToolsPicoUsd),
    totalPicoUsd: sum((cost) => cost.totalPicoUsd),
  };
}

/** What the same request would have cost with every input token uncached: the counterfactual "no caching". */
export function billUncached(model: ModelFacts, tokens: TokenCounts, context: PricingContext): CostParts {
  const uncached = {
    ...noTokens,
    uncachedTokens: totalInputTokens(tokens),
    outputTokens: tokens.outputTokens,
  };
  return billTokens(model, uncached, context);
}
