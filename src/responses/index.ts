/** Whole answers to identical requests, kept for their caller in memory and in a store. */
export type { ResponseSummary, StoreAccount } from './accounts.ts';
export type { CachedAnswer, PreparedCall } from './cached-answer.ts';
export type { EntryKey } from './entry.ts';
export { cachedFetch, type CachedFetchOptions } from './fetch.ts';
export type { Send, UpstreamAnswer } from './flight.ts';
export type { ResponseCacheOptions, SavedRequest, Served } from './options.ts';
export type { BypassReason, MessageCall } from './request.ts';
export type { PurgeTarget } from './marks.ts';
export type { CallSettings, ResponseRule } from './rules.ts';
export { responseCache, type ResponseCache } from './response-cache.ts';
export {
  createMemoryCache,
  openMemcachedCache,
  openRedisCache,
  openSqliteCache,
  type CacheStore,
  type MemcachedCacheOptions,
  type RedisCacheOptions,
  type SqliteCacheOptions,
} from '../store/index.ts';
