import {
  billTokens,
  billUncached,
  defaultCatalogue,
  resolveModel,
  standardPricing,
  toUsd,
  type Catalogue,
  type PricingContext,
  type TokenCounts,
} from '../../core/index.ts';
import type { MonthProjection, Projected } from './advice.ts';
import { MONTH_MS } from './periods.ts';

/** What was billed since an advice is followed. */
export interface BilledTime {
  readonly fromMs: number;
  readonly toMs: number;
  /** Every request of the family and model in that time. */
  readonly requests: readonly { readonly atMs: number; readonly billed: TokenCounts }[];
}

/** What is needed of an advice to be held against bills, as `FamilyAdvice` has it. */
export interface ProjectedFamily {
  readonly family: string;
  readonly model: string;
  readonly month: Pick<MonthProjection, 'withoutCachingUsd' | 'saving'> | null;
}

/** A projection beside what came of it; savings are of input, against no caching, for 30 days. */
export interface ProjectionCheck {
  readonly requests: number;
  /** USD of input in the time itself, as billed and had nothing been cached. */
  readonly billedUsd: number;
  readonly withoutCachingUsd: number;
  readonly projected: Projected;
  /** At the rate of the time itself. */
  readonly savingUsd: number;
  /** Is it in the projected interval? null where there was none. */
  readonly isWithinInterval: boolean | null;
  /** What the difference to the projection comes of: more or less traffic, and a larger or smaller share saved. */
  readonly byTrafficUsd: number;
  readonly bySavedShareUsd: number;
  /** The sentence for people. */
  readonly sentence: string;
}

/** What a check draws on; as given to the optimiser. */
export interface CheckOptions {
  readonly catalogue?: Catalogue;
  readonly pricingAt?: (atMs: number) => PricingContext;
}

const shareOf = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
const usd = (amount: number): string => `$${amount.toFixed(2)}`;

function describe(check: Omit<ProjectionCheck, 'sentence'>): string {
  const { savingUsd, projected, isWithinInterval, byTrafficUsd, bySavedShareUsd } = check;
  const facts = `saves ${usd(savingUsd)} a month where ${usd(projected.usd)} were projected`;
  if (isWithinInterval === true) return `${facts}, within the interval`;
  const cause =
    Math.abs(byTrafficUsd) >= Math.abs(bySavedShareUsd)
      ? 'there was more or less traffic'
      : 'another share of it was saved';
  return `${facts}, mostly because ${cause}`;
}

/**
 * Holds the projection of an advice against what was billed since it is followed. The two causes add up to the whole
 * difference: traffic at the projected share saved, then the difference in the share saved on the traffic that came.
 *
 * @throws RangeError where the time is empty, or the advice has no projection
 */
export function checkProjection(
  advice: ProjectedFamily,
  { fromMs, toMs, requests }: BilledTime,
  { catalogue = defaultCatalogue, pricingAt = standardPricing }: CheckOptions = {},
): ProjectionCheck {
  if (!(toMs > fromMs)) throw new RangeError(`the time from ${fromMs} to ${toMs} is empty`);
  if (!advice.month) throw new RangeError(`the advice for ${advice.family} projects nothing`);
  const { facts } = resolveModel(advice.model, catalogue);
  let billed = 0n;
  let uncached = 0n;
  for (const request of requests) {
    const tokens = { ...request.billed, outputTokens: 0 };
    billed += billTokens(facts, tokens, pricingAt(request.atMs)).totalPicoUsd;
    uncached += billUncached(facts, tokens, pricingAt(request.atMs)).totalPicoUsd;
  }
  const months = MONTH_MS / (toMs - fromMs);
  const { saving: projected, withoutCachingUsd: projectedUncachedUsd } = advice.month;
  const savingUsd = toUsd(uncached - billed) * months;
  const uncachedUsd = toUsd(uncached) * months;
  const projectedShare = shareOf(projected.usd, projectedUncachedUsd);
  const byTrafficUsd = (uncachedUsd - projectedUncachedUsd) * projectedShare;
  const { lowUsd, highUsd } = projected;
  const check = {
    requests: requests.length,
    billedUsd: toUsd(billed),
    withoutCachingUsd: toUsd(uncached),
    projected,
    savingUsd,
    isWithinInterval:
      lowUsd === null || highUsd === null ? null : savingUsd >= lowUsd && savingUsd <= highUsd,
    byTrafficUsd,
    bySavedShareUsd: savingUsd - projected.usd - byTrafficUsd,
  };
  return { ...check, sentence: describe(check) };
}
