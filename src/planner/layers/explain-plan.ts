import { pathText, type Level, type Ttl } from '../../core/index.ts';
import { pieceCost, type Boundary } from './expected-cost.ts';
import { makeFinding, type LayerFinding } from './finding.ts';
import { describeChanges } from './order-layers.ts';
import type { OrderedPlan, PlanningContext } from './plan-layers.ts';

/** Why a breakpoint has its TTL: it is the cheaper one there, or the API's order of TTLs asks for it (spec 4.6). */
export type BreakpointReason = 'cheapest-ttl' | 'before-1h' | 'after-5m';

/** A breakpoint of the plan. */
export interface LayerBreakpoint {
  /** The layer at whose end it stands. */
  readonly layer: string;
  /** The marked block, e.g. `system.1`. */
  readonly path: string;
  readonly ttl: Ttl;
  /** Tokens of the prefix up to there. */
  readonly prefixTokens: number;
  /** Share of requests that are expected to find its entry alive. */
  readonly liveShare: number;
  readonly reason: BreakpointReason;
  /** The sentence for people. */
  readonly why: string;
}

/** What becomes of a layer: it ends at a breakpoint, is part of the piece up to a later one, or is not cached and why. */
export type LayerFate = 'breakpoint' | 'covered' | 'below-minimum' | 'cannot-carry-marker' | 'uncached';

/** A layer of the plan. */
export interface PlannedLayer {
  readonly name: string;
  readonly level: Level;
  /** As declared, in words. */
  readonly changes: string;
  readonly tokens: number;
  /** Ends of the estimate; equal to `tokens` where those were measured. */
  readonly lowTokens: number;
  readonly highTokens: number;
  /** Tokens of the prompt up to and including it. */
  readonly prefixTokens: number;
  /** TTL of the breakpoint that covers it; null where it is not cached. */
  readonly ttl: Ttl | null;
  readonly fate: LayerFate;
}

/** Where breakpoints go among the layers of a prompt, why, and what a request is expected to cost. */
export interface LayerPlan {
  readonly model: string;
  readonly minCacheableTokens: number;
  /** In prompt order. */
  readonly layers: readonly PlannedLayer[];
  /** In prompt order. */
  readonly breakpoints: readonly LayerBreakpoint[];
  /** USD of input for one request, on average (`expectedCost`), and without any caching. */
  readonly expected: { readonly costUsd: number; readonly withoutCachingUsd: number };
}

const PICO_PER_USD = 1e12;

/** Pico-dollars of an expectation as USD: it is no sum of bills, so nothing is lost by rounding. */
export function expectedUsd(picoUsd: number): number {
  return picoUsd / PICO_PER_USD;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const count = (tokens: number): string => tokens.toLocaleString('en-US');

function reasonOf(plan: OrderedPlan, boundary: Boundary, fromTokens: number, ttl: Ttl): BreakpointReason {
  const other = ttl === '5m' ? '1h' : '5m';
  const isCheaper =
    pieceCost(plan.stack, fromTokens, boundary, ttl) <= pieceCost(plan.stack, fromTokens, boundary, other);
  if (isCheaper) return 'cheapest-ttl';
  return ttl === '1h' ? 'before-1h' : 'after-5m';
}

const REASONS: Readonly<Record<BreakpointReason, string>> = {
  'cheapest-ttl': 'the cheaper TTL here',
  'before-1h': '1h because a later breakpoint is, and 1h must not come after 5m',
  'after-5m': '5m because an earlier breakpoint is, and 1h must not come after 5m',
};

function explainBreakpoints(plan: OrderedPlan): readonly LayerBreakpoint[] {
  let fromTokens = 0;
  return plan.choices.flatMap(({ index, ttl }) => {
    const layer = plan.layers[index];
    const boundary = plan.stack.boundaries[index];
    if (!layer || !boundary) return [];
    const reason = reasonOf(plan, boundary, fromTokens, ttl);
    fromTokens = boundary.prefixTokens;
    const share = boundary.liveShare[ttl];
    const why = `${layer.name} changes ${describeChanges(layer)}: ${percent(share)} of requests should find the prefix up to here alive at ${ttl}, ${REASONS[reason]}`;
    const path = pathText(plan.ends[index]?.path ?? []);
    return [
      {
        layer: layer.name,
        path,
        ttl,
        prefixTokens: prefixTokensOf(plan, index),
        liveShare: share,
        reason,
        why,
      },
    ];
  });
}

/** Tokens of this request up to and including a layer, without what a layer will append. */
function prefixTokensOf(plan: OrderedPlan, index: number): number {
  return plan.sizes.slice(0, index + 1).reduce((sum, size) => sum + size.tokens, 0);
}

function fateOf(plan: OrderedPlan, index: number, covering: Ttl | null): LayerFate {
  if (plan.choices.some((choice) => choice.index === index)) return 'breakpoint';
  if (covering !== null) return 'covered';
  const boundary = plan.stack.boundaries[index];
  if (!boundary || boundary.isCandidate) return 'uncached';
  return plan.stacked[index]?.canCarryMarker === true ? 'below-minimum' : 'cannot-carry-marker';
}

function explainLayers(plan: OrderedPlan): readonly PlannedLayer[] {
  return plan.layers.map((layer, index) => {
    const ttl = plan.choices.find((choice) => choice.index >= index)?.ttl ?? null;
    const size = plan.sizes[index] ?? { tokens: 0, low: 0, high: 0 };
    return {
      name: layer.name,
      level: layer.level,
      changes: describeChanges(layer),
      tokens: size.tokens,
      lowTokens: size.low,
      highTokens: size.high,
      prefixTokens: prefixTokensOf(plan, index),
      ttl,
      fate: fateOf(plan, index, ttl),
    };
  });
}

/** The plan for people and programs. */
export function explainPlan(plan: OrderedPlan, context: PlanningContext): LayerPlan {
  const uncached = plan.stack.totalTokens * plan.stack.rates.uncachedPicoUsd;
  return {
    model: context.facts.id,
    minCacheableTokens: context.facts.minCacheableTokens,
    layers: explainLayers(plan),
    breakpoints: explainBreakpoints(plan),
    expected: { costUsd: expectedUsd(plan.costPicoUsd), withoutCachingUsd: expectedUsd(uncached) },
  };
}

/** Layers that cannot end at a breakpoint, and estimates too close to the minimum to be sure. */
export function reportSizes(plan: OrderedPlan, { facts }: PlanningContext): readonly LayerFinding[] {
  const minimum = facts.minCacheableTokens;
  let low = 0;
  let high = 0;
  return plan.layers.flatMap((layer, index): readonly LayerFinding[] => {
    low += plan.sizes[index]?.low ?? 0;
    high += plan.sizes[index]?.high ?? 0;
    const tokens = prefixTokensOf(plan, index);
    const next = plan.layers[index + 1]?.name;
    const merged = next === undefined ? 'and nothing comes after it' : `so it is one piece with ${next}`;
    if (tokens === 0 || layer.changeIntervalMs === 0) return [];
    if (tokens < minimum) {
      const sentence = `${layer.name} ends at ${count(tokens)} tokens, below the minimum of ${count(minimum)} of ${facts.id}, ${merged}`;
      const near = `; by the estimate it may be as many as ${count(high)}: measure it`;
      return [makeFinding('below-minimum', layer.name, high >= minimum ? sentence + near : sentence)];
    }
    if (plan.stacked[index]?.canCarryMarker === false)
      return [
        makeFinding(
          'cannot-carry-marker',
          layer.name,
          `the last block of ${layer.name} can carry no marker, ${merged}`,
        ),
      ];
    if (low >= minimum) return [];
    const sentence = `${layer.name} ends at an estimated ${count(tokens)} tokens, but it may be as few as ${count(low)}, below the minimum of ${count(minimum)}: measure it`;
    return [makeFinding('near-minimum', layer.name, sentence)];
  });
}
