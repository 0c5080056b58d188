import { BREAKPOINTS_MAX } from '../../core/index.ts';
import { ttlMsOf, type BelievedEntries } from './believed-entries.ts';
import { holdValue, type HoldValue } from './hold-value.ts';
import { findReader, isFound, reachesMinimum } from './lookback.ts';
import type { Boundary } from './boundaries.ts';
import type { PlannedBreakpoint, PlannedRequest, PlanPrices } from './request.ts';
import type { Extent, Stretch } from './weigh.ts';

/** What lies behind the hit, boundary by boundary; one below the minimum is part of the next. */
export function stretchesBehind(
  hit: number,
  boundaries: readonly Boundary[],
  request: PlannedRequest,
  entries: BelievedEntries,
  keepsAlive = false,
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let from = request.cumulativeTokens[hit] ?? 0;
  for (const boundary of boundaries) {
    const { index, tokens, run } = boundary;
    if (index <= hit || !reachesMinimum(request, index)) continue;
    const isInFlight = entries.isPendingFrom(run, index, request.atMs);
    const hold = keepsAlive && boundary.place !== 'tail' ? holdOf(boundary.survival, request.prices) : null;
    stretches.push({ boundary, tokens: tokens - from, isInFlight, hold });
    from = tokens;
  }
  return stretches;
}

/** What keeping an hour's entry of a shared prefix alive is worth, per token. */
function holdOf(survival: readonly number[], prices: PlanPrices): HoldValue {
  const everyMs = ttlMsOf(true);
  const saved = prices.write1h - prices.read;
  return holdValue(survival, { ageMs: everyMs, everyMs, pingCost: prices.read, saved });
}

/** Tokens of the hit above the last hour's entry, each stretch weighed by how likely no other request keeps it alive. */
export function tokensAtRisk(
  request: PlannedRequest,
  boundaries: readonly Boundary[],
  hit: number,
  hourHit: number,
): number {
  let atRisk = 0;
  let from = hourHit;
  for (const boundary of boundaries) {
    const end = Math.min(boundary.index, hit);
    if (end <= from) continue;
    const isKept = boundary.place !== 'tail' && boundary.index <= hit ? boundary.within5m : 0;
    atRisk += tokensBetween(request, from, end) * (1 - isKept);
    from = end;
  }
  return atRisk;
}

function tokensBetween({ cumulativeTokens }: PlannedRequest, from: number, to: number): number {
  return (cumulativeTokens[to] ?? 0) - (from < 0 ? 0 : (cumulativeTokens[from] ?? 0));
}

/** The ends of what is written, what is needed to find what is read, and for nothing more the shared places between. */
export function toBreakpoints(
  { hourCount, count }: Extent,
  stretches: readonly Stretch[],
  hit: number,
  request: PlannedRequest,
): readonly PlannedBreakpoint[] {
  const chosen: PlannedBreakpoint[] = [];
  const lastHour = stretches[hourCount - 1]?.boundary.index ?? -1;
  const add = (boundary: Stretch['boundary'] | undefined): void => {
    if (!boundary || chosen.some(({ index }) => index === boundary.index)) return;
    const { index, place, chance } = boundary;
    chosen.push({ index, place, isHour: index <= lastHour, ...chance });
  };
  add(stretches[count - 1]?.boundary);
  add(stretches[hourCount - 1]?.boundary);
  const reader = hit < 0 || isFound(hit, chosen, request) ? -1 : findReader(hit, request);
  if (reader >= 0)
    chosen.push({ index: reader, place: 'read', isHour: reader <= lastHour, within5m: 1, within1h: 1 });
  for (let order = count - 1; order > 0; order -= 1) add(stretches[order - 1]?.boundary);
  return chosen.slice(0, BREAKPOINTS_MAX);
}
