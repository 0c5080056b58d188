import type { PlannedRequest } from '../learned/index.ts';

/**
 * What can be done with a request: follow our own plan, leave it as the client marked it, mark only its last block as
 * automatic caching does, or send it without a marker.
 */
export const WORLDS = ['own', 'client', 'automatic', 'none'] as const;
export type World = (typeof WORLDS)[number];

/**
 * What one request costs in each world, in uncached input tokens of its model, where each world has the cache that it
 * would have by now. Infinity for a world that cannot be gone to.
 */
export type WorldCosts = Readonly<Record<World, number>>;

/** One request's bill, as far as the guard is concerned. */
export interface Settlement {
  readonly costs: WorldCosts;
  /** What the request did cost, in the cache as it is. */
  readonly sent: number;
  /** Of that, what was paid for writing, over not caching. */
  readonly paidPremium: number;
  /** What writing all of the request for five minutes would cost, over not caching. */
  readonly writePremium: number;
}

/** Breakpoints of a request, and what it reads. */
interface Placed {
  /** Last block of what is read; -1 when nothing is. */
  readonly hitIndex: number;
  readonly breakpoints: readonly { readonly index: number; readonly isHour: boolean }[];
}

/**
 * What a request costs with breakpoints, in uncached input tokens: A the hit, B the last 1h breakpoint after it, C the last one (spec 4.5).
 *
 * @example costOfPlaced(request, planner.plan(request)) // 12_650
 */
export function costOfPlaced(request: PlannedRequest, { hitIndex, breakpoints }: Placed): number {
  const { cumulativeTokens, cumulativeHighTokens, length, prices } = request;
  let hourEnd = hitIndex;
  let end = hitIndex;
  for (const { index, isHour } of breakpoints) {
    if ((cumulativeHighTokens[index] ?? 0) < prices.minCacheableTokens) continue;
    if (index > end) end = index;
    if (isHour && index > hourEnd) hourEnd = index;
  }
  const tokensTo = (index: number): number => (index < 0 ? 0 : (cumulativeTokens[index] ?? 0));
  const read = tokensTo(hitIndex);
  const written1h = tokensTo(hourEnd) - read;
  const written5m = tokensTo(end) - tokensTo(hourEnd);
  const uncached = tokensTo(length - 1) - tokensTo(end);
  return read * prices.read + written1h * prices.write1h + written5m * prices.write5m + uncached;
}
