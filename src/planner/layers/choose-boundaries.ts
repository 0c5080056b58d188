import { BREAKPOINTS_MAX, type Ttl } from '../../core/index.ts';
import { pieceCost, type BoundaryChoice, type LayerStack } from './expected-cost.ts';

/** The cheapest way to a breakpoint: a list from the last one backwards. */
interface Trail {
  readonly choice: BoundaryChoice;
  readonly before: Trail | null;
  /** Pico-dollars for everything up to the breakpoint. */
  readonly cost: number;
  readonly prefixTokens: number;
}

const TTLS: readonly Ttl[] = ['5m', '1h'];

/** Sums of floats in another order differ in their last digits; a tie is a tie. */
const TIE_SHARE = 1e-12;

/** Spec 4.6: 1h before 5m. */
function mayFollow(before: Trail, index: number, ttl: Ttl): boolean {
  return before.choice.index < index && (ttl === '5m' || before.choice.ttl === '1h');
}

/** The cheapest trail to one breakpoint through one of the given trails; null when none may come before it. */
function extend(
  stack: LayerStack,
  befores: readonly (Trail | null)[],
  index: number,
  ttl: Ttl,
): Trail | null {
  const boundary = stack.boundaries[index];
  if (!boundary?.isCandidate) return null;
  let best: Trail | null = null;
  for (const before of befores) {
    if (before !== null && !mayFollow(before, index, ttl)) continue;
    const cost = (before?.cost ?? 0) + pieceCost(stack, before?.prefixTokens ?? 0, boundary, ttl);
    if (best === null || cost < best.cost)
      best = { choice: { index, ttl }, before, cost, prefixTokens: boundary.prefixTokens };
  }
  return best;
}

function toChoices(trail: Trail | null): readonly BoundaryChoice[] {
  return trail === null ? [] : [...toChoices(trail.before), trail.choice];
}

/**
 * At most four boundaries and a TTL for each, at the least expected cost (`expectedCost`): the exact optimum over
 * every choice that the API accepts. Among equals the one with fewer breakpoints. The cost is a sum over the pieces
 * between breakpoints, and what a piece costs depends on its two ends and its TTL only; so the cheapest way to a
 * breakpoint as the k-th extends the cheapest ways to those before it as the (k-1)-th.
 */
export function chooseBoundaries(stack: LayerStack): readonly BoundaryChoice[] {
  const uncached = stack.rates.uncachedPicoUsd;
  let best: Trail | null = null;
  let bestCost = stack.totalTokens * uncached;
  let trails: readonly (Trail | null)[] = [null];
  for (let count = 1; count <= BREAKPOINTS_MAX; count += 1) {
    const next: Trail[] = [];
    for (const index of stack.boundaries.keys()) {
      for (const ttl of TTLS) {
        const trail = extend(stack, trails, index, ttl);
        if (trail !== null) next.push(trail);
      }
    }
    for (const trail of next) {
      const cost = trail.cost + (stack.totalTokens - trail.prefixTokens) * uncached;
      if (cost >= bestCost * (1 - TIE_SHARE)) continue;
      best = trail;
      bestCost = cost;
    }
    trails = next;
  }
  return toChoices(best);
}
