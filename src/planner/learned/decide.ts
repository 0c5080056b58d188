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
  { entries, runs, layering }: Memory,
  request: PlannedRequest,
  path: readonly Run[],
  boundaries: readonly Boundary[],
  keepsAlive: boolean,
): Pick<LearnedPlan, 'breakpoints' | 'hitIndex' | 'isInFlight'> {
  const hit = deepestReadable(path, request, entries, 'any');
  const stretches = stretchesBehind(hit, boundaries, request, entries, keepsAlive);
  if (stretches.length === 0) {
    const breakpoints = toBreakpoints(NOTHING, stretches, hit, request);
    return { breakpoints, hitIndex: hit, isInFlight: false };
  }
  const hourHit = deepestReadable(path, request, entries, '1h');
  const tail = boundaries.at(-1);
  const conversation = path.at(-1) ?? NONE;
  const debt = runs.debt(conversation);
  const atRisk: AtRisk = { tokens: tokensAtRisk(request, boundaries, hit, hourHit), debt };
  const { isLayered } = layering;
  // What is written above an entry of five minutes ends with it, where entries are layered.
  const countMax = isLayered && !isKeptAlive(boundaries, hit, hourHit) ? 0 : Infinity;
  const extent = chooseExtent(stretches, atRisk, request.prices, { countMax, isLayered });
  if (tail) {
    const written = stretches.slice(0, extent.count).reduce((sum, { tokens }) => sum + tokens, 0);
    const missed = savedByHour(tail, request.prices) * (atRisk.tokens + written);
    runs.setDebt(conversation, extent.hourCount > 0 ? 0 : debt + missed);
  }
  const isInFlight = stretches.some((stretch) => stretch.isInFlight);
  return { breakpoints: toBreakpoints(extent, stretches, hit, request), hitIndex: hit, isInFlight };
}

/** A shared prefix that is used again within five minutes in so many cases does not end within the hour. */
const ALWAYS_USED = 0.97;

/** Do others keep alive what stands between the last hour's entry and the hit? A conversation's own blocks nobody does. */
function isKeptAlive(boundaries: readonly Boundary[], hit: number, hourHit: number): boolean {
  if (hit === hourHit) return true;
  const between = boundaries.filter(({ index }) => index > hourHit && index <= hit);
  const areUsed = between.every((each) => each.place !== 'tail' && each.within5m >= ALWAYS_USED);
  return areUsed && between.at(-1)?.index === hit;
}
