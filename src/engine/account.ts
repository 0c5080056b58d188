import {
  addCosts,
  billTokens,
  billUncached,
  noTokens,
  resolveModel,
  totalInputTokens,
  type CacheOutcome,
  type Catalogue,
  type CostParts,
  type ModelFacts,
  type PicoUsd,
  type PricingContext,
  type TokenCounts,
} from '../core/index.ts';
import {
  nothingKnown,
  type Miss,
  type MissReason,
  type Prediction,
  type RequestRecord,
  type Savings,
} from '../ledger/index.ts';
import { pricingOf, type BilledUsage } from '../wire/index.ts';
import type { Forecast } from './cache-model.ts';

/** Tokens that are paid for, at the prices of a model. */
interface BilledPart {
  readonly tokens: TokenCounts;
  readonly model: ModelFacts;
}

/** What is paid for: where an answer lists iterations these, each at its model, and not their sum (spec 5.3). */
function billedParts(usage: BilledUsage, model: ModelFacts, catalogue: Catalogue): readonly BilledPart[] {
  if (usage.iterations === null || usage.iterations.length === 0) return [{ tokens: usage, model }];
  return usage.iterations.map((tokens) => ({
    tokens,
    model: tokens.model === null ? model : resolveModel(tokens.model, catalogue).facts,
  }));
}

/** The bill of an answer. */
function costOf(
  parts: readonly BilledPart[],
  webSearches: number,
  model: ModelFacts,
  pricing: PricingContext,
): CostParts {
  const costs = parts.map((part) => billTokens(part.model, part.tokens, pricing));
  return addCosts([...costs, billTokens(model, noTokens, pricing, webSearches)]);
}

/** What the same bill would be with every input token uncached, less the bill. */
function savedByCaching(parts: readonly BilledPart[], cost: CostParts, pricing: PricingContext): PicoUsd {
  const uncached = parts.map((part) => billUncached(part.model, part.tokens, pricing));
  return addCosts(uncached).totalPicoUsd + cost.serverToolsPicoUsd - cost.totalPicoUsd;
}

/** A modelled outcome in the proportions of the model, scaled to the billed total: estimates never add up exactly. */
export function scaleOutcome(outcome: CacheOutcome, billed: TokenCounts): TokenCounts {
  const total = totalInputTokens(billed);
  const share = (tokens: number): number =>
    outcome.totalTokens === 0 ? 0 : Math.round((tokens / outcome.totalTokens) * total);
  const readTokens = share(outcome.readTokens);
  const write1hTokens = Math.min(share(outcome.write1hTokens), total - readTokens);
  const write5mTokens = Math.min(share(outcome.write5mTokens), total - readTokens - write1hTokens);
  return {
    readTokens,
    write1hTokens,
    write5mTokens,
    uncachedTokens: total - readTokens - write1hTokens - write5mTokens,
    outputTokens: billed.outputTokens,
  };
}

/** The prediction for the request as sent, in billed tokens. */
function predictionOf(forecast: Forecast, billed: TokenCounts): Prediction {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = scaleOutcome(forecast.sent, billed);
  const { sent, readLeftMs } = forecast;
  return {
    readTokens,
    write5mTokens,
    write1hTokens,
    uncachedTokens,
    estimatedTokens: sent.totalTokens,
    readLeftMs,
  };
}

/**
 * Saved against the counterfactuals of the model, signed. It prices both what was sent and the counterfactual,
 * so that errors of estimation cancel out and a request that we did not change saves exactly nothing.
 */
function savedByPlan(
  forecast: Forecast,
  billed: TokenCounts,
  model: ModelFacts,
  pricing: PricingContext,
): Omit<Savings, 'noCachingPicoUsd'> {
  const priceOf = (outcome: CacheOutcome): PicoUsd =>
    billTokens(model, scaleOutcome(outcome, billed), pricing).totalPicoUsd;
  const sent = priceOf(forecast.sent);
  return {
    clientPicoUsd: priceOf(forecast.client) - sent,
    automaticPicoUsd: priceOf(forecast.automatic) - sent,
  };
}

/** Without a forecast the bytes went out as they came. */
const NOTHING_PLANNED = { clientPicoUsd: 0n, automaticPicoUsd: 0n };

function missReason(forecast: Forecast, billed: TokenCounts, minimum: number): MissReason {
  if (totalInputTokens(billed) < minimum) return 'below_minimum';
  if (forecast.sent.readTokens > 0) return 'evicted_or_unknown';
  return forecast.sent.nearMiss?.reason ?? (forecast.isInFlight ? 'in_flight' : 'never_written');
}

/** Why nothing was read, and what reading the prompt would have spared; nothing when something was. */
function missesOf(
  forecast: Forecast,
  billed: TokenCounts,
  model: ModelFacts,
  pricing: PricingContext,
): readonly Miss[] {
  if (billed.readTokens > 0) return [];
  const tokens = totalInputTokens(billed);
  const paid = billTokens(model, { ...billed, outputTokens: 0 }, pricing).totalPicoUsd;
  const asRead = billTokens(model, { ...noTokens, readTokens: tokens }, pricing).totalPicoUsd;
  return [
    {
      reason: missReason(forecast, billed, model.minCacheableTokens),
      tokens,
      costPicoUsd: paid - asRead,
      evidence: nothingKnown,
    },
  ];
}

/** The part of a record that is about money; all null without a bill, and nothing predicted without a forecast. */
export type Account = Pick<RequestRecord, 'usage' | 'cost' | 'prediction' | 'savings' | 'misses'>;

/** Prices what was billed and holds it against the model. */
export function accountFor(
  usage: BilledUsage | null,
  modelId: string,
  forecast: Forecast | null,
  atMs: number,
  catalogue: Catalogue,
): Account {
  if (!usage) return { usage: null, cost: null, prediction: null, savings: null, misses: [] };
  const model = resolveModel(modelId, catalogue).facts;
  const pricing = pricingOf(usage, atMs);
  const parts = billedParts(usage, model, catalogue);
  const cost = costOf(parts, usage.serverToolUse.webSearchRequests, model, pricing);
  const noCachingPicoUsd = savedByCaching(parts, cost, pricing);
  if (!forecast) {
    return { usage, cost, prediction: null, savings: { noCachingPicoUsd, ...NOTHING_PLANNED }, misses: [] };
  }
  return {
    usage,
    cost,
    prediction: predictionOf(forecast, usage),
    savings: { noCachingPicoUsd, ...savedByPlan(forecast, usage, model, pricing) },
    misses: missesOf(forecast, usage, model, pricing),
  };
}
