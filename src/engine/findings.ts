import { noTokens, ratesFor, standardPricing, type Block, type CacheRules } from '../core/index.ts';
import {
  TrafficWatch,
  type TrafficFinding,
  type TrafficWatchLimits,
  type WatchedRequest,
} from '../planner/index.ts';
import type { Analysis } from './analysis.ts';
import type { Forecast } from './cache-model.ts';

/** Watches the requests of one engine for what keeps them from being read from the cache. */
export interface FindingsWatch {
  /** Takes note of a request and of what the model of the cache says to it. */
  observe(scope: string, analysis: Analysis, forecast: Forecast, atMs: number): void;
  /** Blocks of an earlier request of a scope and model by its last prefix, while they are held; null otherwise. */
  blocksOf(scope: string, model: string, tailId: string): readonly Block[] | null;
  /** What was found so far, the dearest first. */
  list(): readonly TrafficFinding[];
}

function watchedRequest(
  scope: string,
  { prompt, clientPrompt, chain, learned }: Analysis,
  forecast: Pick<Forecast, 'sent' | 'client'>,
  atMs: number,
  rules: CacheRules,
): WatchedRequest {
  const { facts } = prompt.model;
  const total = chain.cumulativeTokens.at(-1) ?? 0;
  const { cumulativeHighTokens, length } = learned.request;
  return {
    scope,
    model: facts.id,
    atMs,
    blocks: prompt.blocks,
    prefixIds: chain.prefixIds,
    cumulativeTokens: chain.cumulativeTokens,
    highTokens: cumulativeHighTokens[length - 1] ?? total,
    minCacheableTokens: facts.minCacheableTokens,
    readTokens: forecast.sent.readTokens,
    client: {
      breakpoints: clientPrompt.breakpoints,
      hitIndex: forecast.client.hit?.blockIndex ?? -1,
    },
    rates: ratesFor(facts, { ...noTokens, uncachedTokens: total }, standardPricing(atMs), rules.open),
  };
}

/** A watch that has seen nothing. */
export function createFindingsWatch(rules: CacheRules, limits: TrafficWatchLimits = {}): FindingsWatch {
  let watch: TrafficWatch | null = null;
  return {
    observe(scope, analysis, forecast, atMs) {
      watch ??= new TrafficWatch(rules.ttlMs, limits);
      watch.observe(watchedRequest(scope, analysis, forecast, atMs, rules));
    },
    blocksOf: (scope, model, tailId) => watch?.blocksOf(scope, model, tailId) ?? null,
    list: () => watch?.findings() ?? [],
  };
}
