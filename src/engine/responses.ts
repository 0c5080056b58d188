import { createSecretKey } from 'node:crypto';

import type { PicoUsd } from '../core/index.ts';
import {
  responseCache,
  type MessageCall,
  type PreparedCall,
  type ResponseCache,
  type ResponseCacheOptions,
  type SavedRequest,
} from '../responses/index.ts';
import { scopeOf } from './request-facts.ts';

export type {
  CachedAnswer,
  PurgeTarget,
  ResponseRule,
  ResponseSummary,
  UpstreamAnswer,
} from '../responses/index.ts';

/** What the tier of exact answers is made of. */
export interface ResponseTierOptions extends Omit<ResponseCacheOptions, 'scopeName' | 'cost'> {
  /** false: only requests that a rule turns it on for, or whose header asks for it. */
  readonly isOn: boolean;
}

/** Answers that were given before, in front of everything else. */
export interface ResponseTier {
  readonly cache: ResponseCache;
  readonly isOn: boolean;
  /** What kind of store the second level is; null: there is none. */
  readonly storeKind: string | null;
  /** null: the request has nothing to do with the tier. */
  prepare(call: MessageCall): PreparedCall | null;
  /** Has hits priced by whoever knows the prompt cache. */
  priceWith(cost: (saved: SavedRequest) => PicoUsd | null): void;
}

/** The header by which a request turns the tier on or off. */
const DIRECTIVE = 'x-cachewright-response-cache';

/** The tier of exact answers; its scopes have the names that records have, where it has the secret of the engine. */
export function createResponseTier(options: ResponseTierOptions): ResponseTier {
  const { isOn, rules = [], secret, store } = options;
  let cost: (saved: SavedRequest) => PicoUsd | null = () => null;
  const key =
    secret === undefined ? null : createSecretKey(typeof secret === 'string' ? Buffer.from(secret) : secret);
  const cache = responseCache({
    ...options,
    cost: (saved) => cost(saved),
    ...(key ? { scopeName: (headers) => scopeOf(headers, key) } : {}),
  });
  const isAsked = isOn || rules.some(({ ttlMs }) => ttlMs !== 'off');
  return {
    cache,
    isOn,
    storeKind: store?.kind ?? null,
    prepare: (call) => (isAsked || call.headers[DIRECTIVE] !== undefined ? cache.prepare(call) : null),
    priceWith: (given) => (cost = given),
  };
}
