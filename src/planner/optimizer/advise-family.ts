import {
  billTokens,
  priceAt,
  toUsd,
  type CacheRules,
  type PicoUsd,
  type PricingContext,
} from '../../core/index.ts';
import type { AdviceFinding, FamilyAdvice, MonthProjection, Projected } from './advice.ts';
import { breakEvens } from './break-even.ts';
import { cheapestOf, costOf, listChoices, type ChoiceCost } from './choices.ts';
import type { Family } from './family.ts';
import { dividePeriods, MONTH_MS, periodAt, type Periods } from './periods.ts';
import { advisePlaces } from './place-advice.ts';
import { resample, type Interval, type Resampled } from './resample.ts';

/** What advice draws on besides the requests. */
export interface AdviceContext {
  /** Kinds of places in prompt order. */
  readonly order: readonly string[];
  readonly rules: CacheRules;
  readonly pricingAt: (atMs: number) => PricingContext;
  readonly random: () => number;
}

/** What was billed in each period; null unless every request tells its bill. */
function billedByPeriod(family: Family, periods: Periods, context: AdviceContext): readonly PicoUsd[] | null {
  const billed = Array.from({ length: periods.count }, () => 0n);
  for (const request of family.requests) {
    if (!request.billed) return null;
    const tokens = { ...request.billed, outputTokens: 0 };
    const bill = billTokens(family.facts, tokens, context.pricingAt(request.atMs));
    const period = periodAt(periods, request.atMs);
    billed[period] = (billed[period] ?? 0n) + bill.totalPicoUsd;
  }
  return billed;
}

const usdOf = (costs: readonly PicoUsd[]): readonly number[] => costs.map(toUsd);
const sumOf = (costs: readonly PicoUsd[]): PicoUsd => costs.reduce((sum, cost) => sum + cost, 0n);

/** All that was worked out of the requests of one family. */
interface Evaluated {
  readonly periods: Periods;
  readonly best: ChoiceCost;
  readonly plain: ChoiceCost;
  readonly billed: readonly PicoUsd[] | null;
  readonly resampled: Resampled | null;
}

function evaluate(family: Family, places: readonly string[], context: AdviceContext): Evaluated {
  const periods = dividePeriods(family.requests.map(({ atMs }) => atMs));
  const costs = listChoices(places).map((choice) =>
    costOf(family.requests, choice, {
      facts: family.facts,
      rules: context.rules,
      pricingAt: context.pricingAt,
      periodCount: periods.count,
      periodOf: (atMs) => periodAt(periods, atMs),
    }),
  );
  const best = cheapestOf(costs);
  const plain = costs.find(({ choice }) => choice.length === 0) ?? best;
  const billed = billedByPeriod(family, periods, context);
  const measured = {
    choicesUsd: costs.map((cost) => usdOf(cost.periodsPicoUsd)),
    chosenIndex: costs.indexOf(best),
    withoutCachingUsd: usdOf(plain.periodsPicoUsd),
    billedUsd: billed && usdOf(billed),
  };
  const resampled = periods.areEnough ? resample(measured, context.random) : null;
  return { periods, best, plain, billed, resampled };
}

/** A month is made of no less: what came in a few seconds says nothing of the rate. */
const PROJECTED_FROM_MS = 3_600_000;

function project(family: Family, evaluated: Evaluated): MonthProjection | null {
  const { periods, best, plain, billed, resampled } = evaluated;
  if (periods.spanMs < PROJECTED_FROM_MS) return null;
  const months = MONTH_MS / periods.spanMs;
  const projected = (picoUsd: PicoUsd, interval: Interval | null | undefined): Projected => ({
    usd: toUsd(picoUsd) * months,
    lowUsd: interval ? interval.lowUsd * months : null,
    highUsd: interval ? interval.highUsd * months : null,
  });
  const cost = best.totalPicoUsd;
  return {
    requests: family.requests.length * months,
    withoutCachingUsd: toUsd(plain.totalPicoUsd) * months,
    costUsd: toUsd(cost) * months,
    saving: projected(plain.totalPicoUsd - cost, resampled?.saving),
    savingOnBill: billed && projected(sumOf(billed) - cost, resampled?.savingOnBill),
  };
}

/** Below this share of resamples another choice may as well be the best. */
const CONFIDENT_SHARE = 0.9;

function findingsOf(
  family: Family,
  { periods, best, billed, resampled }: Evaluated,
  note: string | null,
): AdviceFinding[] {
  const findings: AdviceFinding[] = [];
  if (note !== null) findings.push({ code: 'model-unknown', sentence: note });
  if (family.forgotten > 0) {
    const sentence = `${family.forgotten.toLocaleString('en-US')} older requests were too many to keep and are left out`;
    findings.push({ code: 'requests-forgotten', sentence });
  }
  if (billed && sumOf(billed) < best.totalPicoUsd) {
    const sentence =
      'less was billed than any choice would cost by what was measured: requests share more than could be seen';
    findings.push({ code: 'billed-less', sentence });
  }
  if (!resampled) {
    const sentence =
      periods.spanMs < PROJECTED_FROM_MS
        ? 'less than an hour was measured: what a month would come to cannot be told'
        : 'less than eight hours were measured: how sure the saving is cannot be told';
    findings.push({ code: 'too-short', sentence });
    return findings;
  }
  const percent = Math.round(resampled.confidence * 100);
  if (resampled.confidence < CONFIDENT_SHARE) {
    const sentence = `another choice costs less in ${100 - percent} % of resamples: measure longer`;
    findings.push({ code: 'uncertain', sentence });
  } else if (best.choice.length > 0 && resampled.saving.lowUsd <= 0) {
    findings.push({ code: 'uncertain', sentence: 'the interval of the saving reaches below nothing' });
  }
  return findings;
}

/** Advice for one family: the cheapest of every choice on its own requests, with what speaks for it. */
export function adviseFamily(family: Family, note: string | null, context: AdviceContext): FamilyAdvice {
  const { requests, facts } = family;
  const seen = new Set(requests.flatMap(({ places }) => places.map(({ name }) => name)));
  const places = context.order.filter((name) => seen.has(name));
  const evaluated = evaluate(family, places, context);
  const { best, plain, billed, resampled } = evaluated;
  const toMs = requests.at(-1)?.atMs ?? 0;
  const evens = breakEvens(priceAt(facts, context.pricingAt(toMs).atMs));
  const { ttlMs } = context.rules;
  return {
    family: family.name,
    model: facts.id,
    requests: requests.length,
    fromMs: requests[0]?.atMs ?? 0,
    toMs,
    isWorthCaching: best.choice.length > 0,
    breakpoints: best.choice,
    places: advisePlaces(places, requests, best.choice, { facts, evens, ttlMs }),
    breakEvens: evens,
    measured: {
      withoutCachingUsd: toUsd(plain.totalPicoUsd),
      costUsd: toUsd(best.totalPicoUsd),
      billedUsd: billed && toUsd(sumOf(billed)),
    },
    month: project(family, evaluated),
    confidence: resampled?.confidence ?? null,
    findings: findingsOf(family, evaluated, note),
  };
}
