import type { ModelFacts, Ttl } from '../../core/index.ts';
import type { PlaceAdvice, PlaceReason } from './advice.ts';
import type { BreakEvens } from './break-even.ts';
import type { Choice } from './choices.ts';
import type { KeptPlace, KeptRequest } from './family.ts';

interface Measured {
  readonly place: string;
  readonly uses: number;
  readonly meanTokens: number;
  readonly most: number;
  readonly within5m: number;
  readonly within1h: number;
}

type TtlMs = Readonly<Record<Ttl, number>>;

function measure(place: string, seen: readonly KeptPlace[], ttlMs: TtlMs): Measured {
  const shareWithin = (limitMs: number): number =>
    seen.filter(({ gapMs }) => gapMs < limitMs).length / Math.max(1, seen.length);
  return {
    place,
    uses: seen.length,
    meanTokens: seen.reduce((sum, { tokens }) => sum + tokens, 0) / Math.max(1, seen.length),
    most: seen.reduce((most, { tokens }) => Math.max(most, tokens), 0),
    within5m: shareWithin(ttlMs['5m']),
    within1h: shareWithin(ttlMs['1h']),
  };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const count = (value: number): string => Math.round(value).toLocaleString('en-US');

function reasonOf(measured: Measured, ttl: Ttl | null, minimum: number, evens: BreakEvens): PlaceReason {
  if (ttl !== null) return `cheapest-${ttl}`;
  if (measured.most < minimum) return 'below-minimum';
  const repays = measured.within5m > evens['5m'].readShare || measured.within1h > evens['1h'].readShare;
  return repays ? 'no-gain' : 'reads-do-not-repay';
}

function explain(measured: Measured, reason: PlaceReason, minimum: number, evens: BreakEvens): string {
  const { place, uses, within5m, within1h, most } = measured;
  if (reason === 'below-minimum')
    return `${place} ends at ${count(most)} tokens at most, below the minimum of ${count(minimum)}`;
  const facts = `of ${count(uses)} uses of ${place}, ${percent(within5m)} came within 5 minutes of the one before and ${percent(within1h)} within an hour`;
  const needed = `alone, 5m pays from ${percent(evens['5m'].readShare)} on and 1h from ${percent(evens['1h'].readShare)}`;
  if (reason === 'reads-do-not-repay') return `${facts}; ${needed}`;
  if (reason === 'no-gain') return `${facts}; ${needed}; beside the other breakpoints it saves nothing`;
  return `${facts}; ${needed}; ${reason === 'cheapest-1h' ? '1h' : '5m'} is part of the cheapest choice`;
}

/** What was measured at each place, and why it gets what it gets. */
export function advisePlaces(
  places: readonly string[],
  requests: readonly KeptRequest[],
  choice: Choice,
  context: { readonly facts: ModelFacts; readonly evens: BreakEvens; readonly ttlMs: TtlMs },
): readonly PlaceAdvice[] {
  const minimum = context.facts.minCacheableTokens;
  return places.map((place) => {
    const seen = requests.flatMap((request) => request.places.filter(({ name }) => name === place));
    const measured = measure(place, seen, context.ttlMs);
    const ttl = choice.find((breakpoint) => breakpoint.place === place)?.ttl ?? null;
    const reason = reasonOf(measured, ttl, minimum, context.evens);
    const { uses, meanTokens, within5m, within1h } = measured;
    const why = explain(measured, reason, minimum, context.evens);
    return { place, uses, meanTokens, within5m, within1h, ttl, reason, why };
  });
}
