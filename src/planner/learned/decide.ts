import type { Boundary } from './boundaries.ts';
import type { LearnedPlan } from './learned-plan.ts';
import { deepestReadable } from './lookback.ts';
import type { Memory } from './memory.ts';
import type { PlannedRequest } from './request.ts';
import { NONE, type Run } from './runs.ts';
import { stretchesBehind, toBreakpoints, tokensAtRisk } from './stretches.ts';
import { chooseExtent, NOTHING, savedByHour, type AtRisk } from './weigh.ts';

/** What to write, at least expected cost; and what a conversation has lost so far without an hour's entry. */
export function decide(
  { entries, runs }: Memory,
  request: PlannedRequest,
  path: readonly Run[],
  boundaries: readonly Boundary[],
): Pick<LearnedPlan, 'breakpoints' | 'hitIndex' | 'isInFlight'> {
  const hit = deepestReadable(path, request, entries, 'any');
  const stretches = stretchesBehind(hit, boundaries, request, entries);
  if (stretches.length === 0) {
    const breakpoints = toBreakpoints(NOTHING, stretches, hit, request);
    return { breakpoints, hitIndex: hit, isInFlight: false };
  }
  const hourHit = deepestReadable(path, request, entries, '1h');
  const tail = boundaries.at(-1);
  const conversation = path.at(-1) ?? NONE;
  const debt = runs.debt(conversation);
  const atRisk: AtRisk = { tokens: tokensAtRisk(request, boundaries, hit, hourHit), debt };
  const extent = chooseExtent(stretches, atRisk, request.prices);
  if (tail) {
    const written = stretches.slice(0, extent.count).reduce((sum, { tokens }) => sum + tokens, 0);
    const missed = savedByHour(tail, request.prices) * (atRisk.tokens + written);
    runs.setDebt(conversation, extent.hourCount > 0 ? 0 : debt + missed);
  }
  const isInFlight = stretches.some((stretch) => stretch.isInFlight);
  return { breakpoints: toBreakpoints(extent, stretches, hit, request), hitIndex: hit, isInFlight };
}
