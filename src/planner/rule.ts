import type { Ttl } from '../core/index.ts';

/** Places for breakpoints, most valuable first: the tail carries a conversation, system and tools what conversations share. */
export const PLACES = ['tail', 'system-end', 'tools-end'] as const;
export type PlaceName = (typeof PLACES)[number];

/** Why a place gets no breakpoint. */
export type Obstacle =
  | 'no-block'
  | 'marked'
  | 'client-conversation'
  | 'single-message'
  | 'below-minimum'
  | 'no-slot';

/** One place of a request, be that a body of blocks or a row of a trace. */
export interface PlaceFacts {
  /** Where the place ends, as a number that grows along the request; negative where there is no such place. */
  readonly end: number;
  /** The most that the prefix up to there may count. */
  readonly tokens: number;
  /** What the caller holds against it. */
  readonly obstacle: Obstacle | null;
}

/** What bounds the rule in one request. */
export interface RuleLimits {
  readonly minCacheableTokens: number;
  /** Breakpoints that may still be added. */
  readonly slots: number;
  /** End of the last 1h breakpoint that is there already; negative without one. */
  readonly last1hEnd: number;
}

/** Takes what the rule decides, place by place. */
export interface RuleSink<Place extends PlaceFacts> {
  choose(place: Place, ttl: Ttl): void;
  decline(place: Place, obstacle: Obstacle): void;
}

/**
 * The first placement rule, on ends and token counts alone, so that the gateway's bodies and the traces of `replay`
 * go through the same lines: mark every place that may reach the model's minimum, in the order given, while slots
 * last. The TTL is 5m, but 1h where a later breakpoint is (spec 4.6).
 */
export function choosePlaces<Place extends PlaceFacts>(
  places: readonly Place[],
  limits: RuleLimits,
  sink: RuleSink<Place>,
): void {
  let slots = limits.slots;
  for (const place of places) {
    const obstacle = obstacleTo(place, places, limits, slots);
    if (obstacle !== null) {
      sink.decline(place, obstacle);
      continue;
    }
    slots -= 1;
    sink.choose(place, place.end < limits.last1hEnd ? '1h' : '5m');
  }
}

function obstacleTo(
  place: PlaceFacts,
  places: readonly PlaceFacts[],
  limits: RuleLimits,
  slots: number,
): Obstacle | null {
  if (place.end < 0) return 'no-block';
  if (place.obstacle !== null) return place.obstacle;
  if (place.tokens < limits.minCacheableTokens) return 'below-minimum';
  if (isSameEndEarlier(place, places)) return 'marked';
  return slots <= 0 ? 'no-slot' : null;
}

/** Layers of a trace may end at one block. */
function isSameEndEarlier(place: PlaceFacts, places: readonly PlaceFacts[]): boolean {
  for (const earlier of places) {
    if (earlier === place) return false;
    if (earlier.end === place.end && earlier.obstacle === null) return true;
  }
  return false;
}
