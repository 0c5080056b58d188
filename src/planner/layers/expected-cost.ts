import { defaultCacheRules, type CacheRules, type Rates, type Ttl } from '../../core/index.ts';

/**
 * What the bill of one more request is expected to be. The model, exactly:
 *
 * - Layers stand in a fixed order; layer i has `tokens` and ends the prefix of boundary i.
 * - Requests that share layers 1..i come as a Poisson process of rate `q(i)`, and `q` never grows along the prompt:
 *   who shares a longer prefix shares the shorter one.
 * - Layer i changes as a Poisson process of rate `1 / changeIntervalMs`, independent of requests and of other layers,
 *   and never back to an earlier content. `M(i)` is the sum of the rates of layers 1..i: any of them changes prefix i.
 * - The plan is in force: each request writes or reads an entry at each of its breakpoints, a read renews them
 *   (spec 4.3), entries can be read at once. So when a request comes, the entry at boundary i is as old as the gap to
 *   the request before it that shares the prefix, and lives if that gap is shorter than its TTL and none of layers
 *   1..i changed within it:
 *   `live(i, ttl) = q / (q + M) * (1 - exp(-(q + M) * ttl))`.
 * - 1h stands before 5m (spec 4.6), so whenever an entry lives, those before it do: what lives is a run from the start.
 *   Each piece between two breakpoints is therefore read if the entry at its end lives, and else written at that TTL
 *   (spec 4.5); what comes after the last breakpoint is uncached.
 * - A layer that appends (a conversation) is judged as of the next request: `freshTokens` at its end are written
 *   whatever lives, and no boundary after it is ever found again.
 *
 * The expectation is the sum over the pieces, for a sum of expectations needs no independence.
 */
export interface StackedLayer {
  readonly name: string;
  /** As of the request whose bill is expected. */
  readonly tokens: number;
  readonly changeIntervalMs: number;
  /** Requests per hour that share the prefix up to here; `q`. */
  readonly requestsPerHour: number;
  /** The last so many tokens are new with each request, and the rest stays: a layer that appends. */
  readonly freshTokens: number;
  /** May a breakpoint stand at its end? */
  readonly canCarryMarker: boolean;
}

/** A boundary with what decides its worth. */
export interface Boundary {
  /** Tokens of the prefix up to and including the layer. */
  readonly prefixTokens: number;
  /** Tokens at the end of it that are new with every request. */
  readonly freshTokens: number;
  /** Long enough for the model's minimum (spec 3), on a block that can carry a marker. */
  readonly isCandidate: boolean;
  /** Probability that a request finds the entry alive, by the TTL that it was written with. */
  readonly liveShare: { readonly [T in Ttl]: number };
}

/** Layers in prompt order, ready to be judged. */
export interface LayerStack {
  readonly boundaries: readonly Boundary[];
  readonly totalTokens: number;
  /** Pico-dollars per token. */
  readonly rates: Rates;
}

/** A breakpoint at the end of a layer, by the layer's place in the prompt. */
export interface BoundaryChoice {
  readonly index: number;
  readonly ttl: Ttl;
}

const HOUR_MS = 3_600_000;

/**
 * Probability that the next request comes within the TTL and before a change.
 *
 * @example liveShare(60, Infinity, 300_000) // 0.993: five minutes without a request are rare at one a minute
 */
function liveShare(requestsPerHour: number, changesPerHour: number, ttlMs: number): number {
  if (!Number.isFinite(changesPerHour) || requestsPerHour <= 0) return 0;
  const eitherPerHour = requestsPerHour + changesPerHour;
  return (requestsPerHour / eitherPerHour) * -Math.expm1((-eitherPerHour * ttlMs) / HOUR_MS);
}

/** Judges each boundary of layers in prompt order. */
export function stackLayers(
  layers: readonly StackedLayer[],
  minCacheableTokens: number,
  rates: Rates,
  rules: CacheRules = defaultCacheRules,
): LayerStack {
  let prefixTokens = 0;
  let changesPerHour = 0;
  let requestsPerHour = Number.POSITIVE_INFINITY;
  const boundaries = layers.map((layer): Boundary => {
    prefixTokens += layer.tokens;
    changesPerHour += HOUR_MS / layer.changeIntervalMs;
    requestsPerHour = Math.min(requestsPerHour, layer.requestsPerHour);
    const liveFor = (ttl: Ttl): number => liveShare(requestsPerHour, changesPerHour, rules.ttlMs[ttl]);
    const boundary = {
      prefixTokens,
      freshTokens: Math.min(layer.freshTokens, layer.tokens),
      isCandidate: layer.canCarryMarker && layer.tokens > 0 && prefixTokens >= minCacheableTokens,
      liveShare: { '5m': liveFor('5m'), '1h': liveFor('1h') },
    };
    if (layer.freshTokens > 0) changesPerHour = Number.POSITIVE_INFINITY;
    return boundary;
  });
  return { boundaries, totalTokens: prefixTokens, rates };
}

/** Expected pico-dollars for the piece from one boundary (tokens before it) to another. */
export function pieceCost(stack: LayerStack, fromTokens: number, to: Boundary, ttl: Ttl): number {
  const { readPicoUsd, write5mPicoUsd, write1hPicoUsd } = stack.rates;
  const write = ttl === '1h' ? write1hPicoUsd : write5mPicoUsd;
  const live = to.liveShare[ttl];
  const pieceTokens = to.prefixTokens - fromTokens;
  return (pieceTokens - to.freshTokens) * live * (readPicoUsd - write) + pieceTokens * write;
}

/** Expected pico-dollars of input for one request under a choice of breakpoints in prompt order. */
export function expectedCost(stack: LayerStack, choices: readonly BoundaryChoice[]): number {
  let tokens = 0;
  let cost = 0;
  for (const { index, ttl } of choices) {
    const boundary = stack.boundaries[index];
    if (!boundary) continue;
    cost += pieceCost(stack, tokens, boundary, ttl);
    tokens = boundary.prefixTokens;
  }
  return cost + (stack.totalTokens - tokens) * stack.rates.uncachedPicoUsd;
}
