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
import type { Prediction, RequestRecord, Savings } from '../ledger/index.ts';
import { pricingOf, type BilledUsage } from '../wire/index.ts';
import type { Forecast } from './cache-model.ts';
import type { MissTrace } from './miss-trace.ts';

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
  const [only] = parts;
  // What searches cost is the same whatever the model.
  if (only && parts.length === 1) return billTokens(only.model, only.tokens, pricing, webSearches);
  const costs = parts.map((part) => billTokens(part.model, part.tokens, pricing));
  return addCosts([...costs, billTokens(model, noTokens, pricing, webSearches)]);
}

/** What the same bill would be with every input token uncached, less the bill. */
function savedByCaching(parts: readonly BilledPart[], cost: CostParts, pricing: PricingContext): PicoUsd {
  const uncached = parts.reduce(
    (sum, part) => sum + billUncached(part.model, part.tokens, pricing).totalPicoUsd,
    0n,
  );
  return uncached + cost.serverToolsPicoUsd - cost.totalPicoUsd;
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
  const { sent, readEntry, asked } = forecast;
  return {
    readTokens,
    write5mTokens,
    write1hTokens,
    uncachedTokens,
    estimatedTokens: sent.totalTokens,
    readLeftMs: readEntry && Math.max(0, readEntry.expiresMs - asked.startMs),
    readAgeMs: readEntry && Math.max(0, asked.startMs - readEntry.usedMs),
    readTtl: readEntry && readEntry.ttl,
  };
}

/** Without a forecast the bytes went out as they came; and what comes to the same bill saves nothing. */
const NOTHING_PLANNED = { clientPicoUsd: 0n, automaticPicoUsd: 0n };

/** Do two outcomes of one request come to the same bill? */
function areAlike(some: CacheOutcome, other: CacheOutcome): boolean {
  return (
    some.readTokens === other.readTokens &&
    some.write5mTokens === other.write5mTokens &&
    some.write1hTokens === other.write1hTokens
  );
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
  const { sent, client, automatic } = forecast;
  const isClient = areAlike(client, sent);
  const isAutomatic = areAlike(automatic, sent);
  if (isClient && isAutomatic) return NOTHING_PLANNED;
  const priceOf = (outcome: CacheOutcome): PicoUsd =>
    billTokens(model, scaleOutcome(outcome, billed), pricing).totalPicoUsd;
  const sentPicoUsd = priceOf(sent);
  return {
    clientPicoUsd: isClient ? 0n : priceOf(client) - sentPicoUsd,
    automaticPicoUsd: isAutomatic ? 0n : priceOf(automatic) - sentPicoUsd,
  };
}

/**
 * The counters of the pass that was made over the prompt; null where several were, and the bill tells only their sum. The
 * first iteration of an answer is the prompt as it was sent; what server tools add comes after it (spec 5.3).
 */
function firstPass(usage: BilledUsage): TokenCounts | null {
  const { iterations, serverToolUse } = usage;
  if (iterations !== null && iterations.length > 0)
    return iterations.find(({ type, model }) => type === 'message' && model === null) ?? null;
  return Object.values(serverToolUse).every((requests) => requests === 0) ? usage : null;
}

/** The part of a record that is about money; all null without a bill, and nothing predicted without a forecast. */
export type Account = Pick<RequestRecord, 'usage' | 'cost' | 'prediction' | 'savings' | 'misses'>;

/** Prices what was billed and holds it against the model. */
export function accountFor(
  usage: BilledUsage | null,
  modelId: string,
  forecast: Forecast | null,
  trace: Pick<MissTrace, 'misses'> | null,
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
  const pass = firstPass(usage);
  return {
    usage,
    cost,
    prediction: predictionOf(forecast, usage),
    savings: { noCachingPicoUsd, ...savedByPlan(forecast, usage, model, pricing) },
    misses: (pass && trace?.misses(forecast, pass, model, pricing)) ?? [],
  };
}
