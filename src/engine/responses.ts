import {
  responseCache,
  type MessageCall,
  type PreparedCall,
  type ResponseCache,
  type ResponseCacheOptions,
} from '../responses/index.ts';

export type { CachedAnswer, UpstreamAnswer } from '../responses/index.ts';

/** What the tier of exact answers is made of. */
export interface ResponseTierOptions extends ResponseCacheOptions {
  /** false: only requests whose header asks for it. */
  readonly isOn: boolean;
}

/** Answers that were given before, in front of everything else. */
export interface ResponseTier {
  readonly cache: ResponseCache;
  /** null: the request has nothing to do with the tier. */
  prepare(call: MessageCall): PreparedCall | null;
}

/** The header by which a request turns the tier on or off. */
const DIRECTIVE = 'x-cachewright-response-cache';

export function createResponseTier({ isOn, ...options }: ResponseTierOptions): ResponseTier {
  const cache = responseCache(options);
  return {
    cache,
    prepare: (call) => (isOn || call.headers[DIRECTIVE] !== undefined ? cache.prepare(call) : null),
  };
}
