import type { HoldValue } from './hold-value.ts';
import type { Boundary } from './boundaries.ts';
import type { PlanPrices } from './request.ts';

/** How much of what could be written should be: so many boundaries behind the hit for an hour, so many at all. */
export interface Extent {
  readonly hourCount: number;
  readonly count: number;
}

/** Nothing is written. */
export const NOTHING: Extent = { hourCount: 0, count: 0 };

/** What speaks for writing for an hour besides what is written: prefixes below live for as long (spec 4.5). */
export interface AtRisk {
  /** Tokens of the hit that would be lost after five minutes, weighed by how likely nobody else keeps them. */
  readonly tokens: number;
  /** What missing the hour has cost this conversation so far, in tokens. */
  readonly debt: number;
}

/** A boundary behind the hit, and what lies between it and the one before. */
export interface Stretch {
  readonly boundary: Pick<Boundary, 'index' | 'place' | 'chance'>;
  readonly tokens: number;
  /** Somebody else is writing it right now: to write it too buys nothing. */
  readonly isInFlight: boolean;
  /** What keeping an hour's entry alive is worth beyond its own life, per token; null where that is not done. */
  readonly hold: HoldValue | null;
}

/** What an hour's entry is worth above one of five minutes, and what of a path may be written for an hour. */
export interface HourRules {
  /** Boundaries behind the hit that may be written for an hour. */
  readonly countMax: number;
  /** An hour's entry keeps nothing below it alive: a conversation is of one TTL, chosen for all that will be read of it. */
  readonly isLayered: boolean;
}

/** Expected cost of writing a stretch, over that of not caching it, per token: now, less what the next use saves. */
function costOfWrite(
  { boundary, isInFlight, hold }: Stretch,
  prices: PlanPrices,
  isHour: boolean,
  isLayered = false,
): number {
  const { read, write5m, write1h } = prices;
  if (isInFlight) return (isHour ? write1h : write5m) - 1;
  const { within5m, within1h } = boundary.chance;
  const for5m = write5m - 1 - (write5m - read) * within5m;
  if (!isHour) return for5m;
  // What is shared stays an hour's entry as long as uses keep coming, so its premium is spread over them all.
  const isOnce = boundary.place === 'tail' && !isLayered;
  const back = within1h + (hold?.back ?? 0);
  const premium = (write1h - write5m) * (isOnce ? 1 : 1 - back);
  return for5m + premium - (write5m - read) * (within1h - within5m) - (hold?.value ?? 0);
}

/** What a token at risk is expected to save when the prefix behind it lives for an hour. */
export function savedByHour({ chance }: Pick<Boundary, 'chance'>, prices: PlanPrices): number {
  return (prices.write5m - prices.read) * (chance.within1h - chance.within5m);
}

/**
 * The extent of least expected cost. Writing is a prefix of the path, and what is written for an hour is a prefix of
 * that (spec 4.6), so every pair is tried.
 */
export function chooseExtent(
  stretches: readonly Stretch[],
  atRisk: AtRisk,
  prices: PlanPrices,
  { countMax, isLayered }: HourRules = { countMax: Infinity, isLayered: false },
): Extent {
  let best = NOTHING;
  let bestCost = 0;
  let hourCost = 0;
  const hours = Math.min(stretches.length, countMax);
  for (let hourCount = 0; hourCount <= hours; hourCount += 1) {
    const last = stretches[hourCount - 1];
    let cost = hourCost;
    if (last) {
      hourCost += last.tokens * costOfWrite(last, prices, true, isLayered);
      cost = hourCost;
      if (atRisk.tokens > 0) cost -= savedByHour(last.boundary, prices) * atRisk.tokens + atRisk.debt;
    }
    for (let count = hourCount; count <= stretches.length; count += 1) {
      const added = count > hourCount ? stretches[count - 1] : undefined;
      if (added) cost += added.tokens * costOfWrite(added, prices, false);
      if (cost >= bestCost - 1e-9) continue;
      bestCost = cost;
      best = { hourCount, count };
    }
  }
  return best;
}
