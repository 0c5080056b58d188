import type { Breakpoint, CacheRequest, ModelFacts, TokenCounts } from '../core/index.ts';

/** A step of a conversation as the policies see it. */
export interface WhatIfStep {
  readonly model: ModelFacts;
  readonly atMs: number;
  readonly readyMs: number;
  readonly tokens: TokenCounts;
  readonly totalTokens: number;
  /** Up to here the next call repeats the prompt. */
  readonly endTokens: number;
  /** Up to here the prompt is that of the call before; what was read where the log does not say. */
  readonly sharedTokens: number;
}

/** The beginning of a prompt, up to the end of a call or of what conversations share. */
export interface Prefix {
  readonly id: string;
  readonly tokens: number;
}

/** A request whose blocks end with these prefixes, shortest first. */
export function requestOf(
  prefixes: readonly Prefix[],
  breakpoints: readonly Breakpoint[],
  minCacheableTokens: number,
): CacheRequest {
  return {
    partition: '',
    prefixIds: prefixes.map((prefix) => prefix.id),
    cumulativeTokens: prefixes.map((prefix) => prefix.tokens),
    positions: prefixes.map((_prefix, index) => index),
    breakpoints,
    minCacheableTokens,
  };
}
