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
import type { Miss, MissReason, Prediction, RequestRecord, Savings } from '../ledger/index.ts';
import type { BilledUsage } from '../wire/index.ts';
import type { Forecast } from './cache-model.ts';

/** What decides the price, from the answer's own usage. */
function pricingOf(usage: BilledUsage, atMs: number): PricingContext {
  return {
    atMs,
    isBatch: usage.serviceTier === 'batch',
    inferenceGeo: usage.inferenceGeo,
    speed: usage.speed,
    platform: null,
    isRegionalEndpoint: false,
  };
}

/** The bill of an answer. Where it lists iterations they are what is paid for, each at its model (spec 5.3). */
function costOf(usage: BilledUsage, model: ModelFacts, pricing: PricingContext, catalogue: Catalogue): CostParts {
  const searches = usage.serverToolUse.webSearchRequests;
  if (usage.iterations === null || usage.iterations.length === 0) return billTokens(model, usage, pricing, searches);
  const parts = usage.iterations.map((iteration) => {
    const facts = iteration.model === null ? model : resolveModel(iteration.model, catalogue).facts;
    return billTokens(facts, iteration, pricing);
  });
  return addCosts([...parts, billTokens(model, noTokens, pricing, searches)]);
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
  return { readTokens, write5mTokens, write1hTokens, uncachedTokens };
}

/**
 * Saved against each counterfactual, signed. "No caching" follows from the bill alone. For the others the model
 * prices both what was sent and the counterfactual, so that errors of estimation cancel out and
 * a request that we did not change saves exactly nothing.
 */
function savingsOf(
  forecast: Forecast,
  billed: TokenCounts,
  cost: CostParts,
  model: ModelFacts,
  pricing: PricingContext,
): Savings {
  const priceOf = (outcome: CacheOutcome): PicoUsd => billTokens(model, scaleOutcome(outcome, billed), pricing).totalPicoUsd;
  const sent = priceOf(forecast.sent);
  const uncached = billUncached(model, billed, pricing).totalPicoUsd + cost.serverToolsPicoUsd;
  return {
    noCachingPicoUsd: uncached - cost.totalPicoUsd,
    clientPicoUsd: priceOf(forecast.client) - sent,
    automaticPicoUsd: priceOf(forecast.automatic) - sent,
  };
}

function missReason(forecast: Forecast, billed: TokenCounts, minimum: number): MissReason {
  if (totalInputTokens(billed) < minimum) return 'below_minimum';
  if (forecast.sent.readTokens > 0) return 'evicted_or_unknown';
  return forecast.sent.nearMiss?.reason ?? 'never_written';
}

/** Why nothing was read, and what reading the prompt would have spared; null when something was. */
function missOf(
  forecast: Forecast,
  billed: TokenCounts,
  model: ModelFacts,
  pricing: PricingContext,
): Miss | null {
  if (billed.readTokens > 0) return null;
  const tokens = totalInputTokens(billed);
  const paid = billTokens(model, { ...billed, outputTokens: 0 }, pricing).totalPicoUsd;
  const asRead = billTokens(model, { ...noTokens, readTokens: tokens }, pricing).totalPicoUsd;
  return { reason: missReason(forecast, billed, model.minCacheableTokens), tokens, costPicoUsd: paid - asRead };
}

/** The part of a record that is about money; all null without a bill, and no model's part without a forecast. */
export type Account = Pick<RequestRecord, 'usage' | 'cost' | 'prediction' | 'savings' | 'miss'>;

/** Prices what was billed and holds it against the model. */
export function accountFor(
  usage: BilledUsage | null,
  modelId: string,
  forecast: Forecast | null,
  atMs: number,
  catalogue: Catalogue,
): Account {
  if (!usage) return { usage: null, cost: null, prediction: null, savings: null, miss: null };
  const model = resolveModel(modelId, catalogue).facts;
  const pricing = pricingOf(usage, atMs);
  const cost = costOf(usage, model, pricing, catalogue);
  if (!forecast) return { usage, cost, prediction: null, savings: null, miss: null };
  return {
    usage,
    cost,
    prediction: predictionOf(forecast, usage),
    savings: savingsOf(forecast, usage, cost, model, pricing),
    miss: missOf(forecast, usage, model, pricing),
  };
}
