import type { ModelFacts, PriceRecord } from '../catalogue/types.ts';
import type { PlatformRules } from '../catalogue/platforms.ts';
import type { OpenQuestions } from '../cache/rules.ts';

/** The five token counters of a bill, never merged (spec 5.1, 5.2). */
export interface TokenCounts {
  readonly uncachedTokens: number;
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly outputTokens: number;
}

/** No tokens at all. */
export const noTokens: TokenCounts = {
  uncachedTokens: 0,
  readTokens: 0,
  write5mTokens: 0,
  write1hTokens: 0,
  outputTokens: 0,
};

/** Total input tokens: uncached + read + both writes (spec 5.1). */
export function totalInputTokens(tokens: TokenCounts): number {
  return tokens.uncachedTokens + tokens.readTokens + tokens.write5mTokens + tokens.write1hTokens;
}

/** What decides the price of a request besides model and tokens (spec 9.1-9.4). */
export interface PricingContext {
  /** Day of the request, ms since 1970 UTC: prices change. */
  readonly atMs: number;
  readonly isBatch: boolean;
  /** `inference_geo` of the request or its usage; `us` costs a tenth more where it is offered. */
  readonly inferenceGeo: string | null;
  readonly speed: string | null;
  /** null: the Claude API. */
  readonly platform: PlatformRules | null;
  readonly isRegionalEndpoint: boolean;
}

/** A plain request on the Claude API at a time. */
export function standardPricing(atMs: number): PricingContext {
  return { atMs, isBatch: false, inferenceGeo: null, speed: null, platform: null, isRegionalEndpoint: false };
}

/** Pico-dollars per token of each kind. */
export interface Rates {
  readonly uncachedPicoUsd: number;
  readonly readPicoUsd: number;
  readonly write5mPicoUsd: number;
  readonly write1hPicoUsd: number;
  readonly outputPicoUsd: number;
}

interface DatedPrice {
  readonly record: PriceRecord;
  readonly fromMs: number;
}

/** Prices in order of their days, by the list they come from: every bill asks for them. */
const orderedPrices = new WeakMap<readonly PriceRecord[], readonly DatedPrice[]>();

function pricesInOrder(prices: readonly PriceRecord[]): readonly DatedPrice[] {
  const known = orderedPrices.get(prices);
  if (known) return known;
  const dated = prices.map((record) => ({ record, fromMs: parseDay(record.validFrom) }));
  const ordered = dated.toSorted((a, b) => a.fromMs - b.fromMs);
  orderedPrices.set(prices, ordered);
  return ordered;
}

/** The price record that holds at a time: the newest that has begun, else the oldest. */
export function priceAt(model: ModelFacts, atMs: number): PriceRecord {
  const ordered = pricesInOrder(model.prices);
  const begun = ordered.findLast(({ fromMs }) => fromMs <= atMs) ?? ordered[0];
  if (!begun) throw new RangeError(`model ${model.id} has no prices`);
  return begun.record;
}

/** Midnight UTC of `YYYY-MM-DD` in ms: days since 1970 by the civil calendar, since core has no `Date`. */
export function parseDay(day: string): number {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + date - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return (era * 146_097 + dayOfEra - 719_468) * 86_400_000;
}

function basePrices(
  record: PriceRecord,
  tokens: TokenCounts,
  context: PricingContext,
  open: OpenQuestions,
): [number, number] {
  if (context.speed === 'fast' && record.fast) return [record.fast.inputPicoUsd, record.fast.outputPicoUsd];
  const step = record.longPrompt;
  const total = totalInputTokens(tokens);
  const measured = open.longPromptCounts === 'total-input' ? total : total - tokens.readTokens;
  if (step && measured > step.aboveTokens) return [step.inputPicoUsd, step.outputPicoUsd];
  return [record.inputPicoUsd, record.outputPicoUsd];
}

function surchargePerMille(model: ModelFacts, context: PricingContext): number {
  const geo = context.inferenceGeo === 'us' && model.hasGeoPricing ? 100 : 0;
  const regional = context.isRegionalEndpoint ? (context.platform?.regionalSurchargePerMille ?? 0) : 0;
  return 1000 + Math.max(geo, regional);
}

/** The rates of one request; the long-prompt step depends on its size, so tokens are needed (spec 9, 9.1-9.4). */
export function ratesFor(
  model: ModelFacts,
  tokens: TokenCounts,
  context: PricingContext,
  open: OpenQuestions,
): Rates {
  const record = priceAt(model, context.atMs);
  const [input, output] = basePrices(record, tokens, context, open);
  const batchShare = context.isBatch ? 2 : 1;
  const surcharge = surchargePerMille(model, context);
  const rate = (base: number, perMille: number): number =>
    Math.round((base * perMille * surcharge) / 1_000_000 / batchShare);
  return {
    uncachedPicoUsd: rate(input, 1000),
    readPicoUsd: rate(input, record.readPerMille),
    write5mPicoUsd: rate(input, record.write5mPerMille),
    write1hPicoUsd: rate(input, record.write1hPerMille),
    outputPicoUsd: rate(output, 1000),
  };
}
