/** Where state is kept: one small port, in memory, in a file, on a Redis server or in Postgres. */
import type { CacheStore } from './cache/cache-store.ts';
import type { MemcachedCacheOptions } from './cache/memcached-cache.ts';
import type { RedisCacheOptions } from './cache/redis-cache.ts';
import type { PostgresStoreOptions } from './postgres/postgres-store.ts';
import type { ChangeFeed, RedisFeedOptions } from './redis/redis-feed.ts';
import type { Leases, RedisLeasesOptions } from './redis/redis-leases.ts';
import type { RedisFlightsOptions, SharedFlights } from './redis/redis-flights.ts';
import type { Jobs, RedisJobsOptions } from './redis/redis-jobs.ts';
import type { KeepBook, KeepBookOptions } from './redis/keep-book.ts';
import type { RedisStoreOptions } from './redis/redis-store.ts';
import type { SqliteStoreOptions } from './sqlite/sqlite-store.ts';
import type { StatePlace } from './state-place.ts';
import type { Store } from './store.ts';

export { createMemoryCache, openSqliteCache, type SqliteCacheOptions } from './cache/local-caches.ts';
export type { CacheStore } from './cache/cache-store.ts';
export type { MemcachedCacheOptions } from './cache/memcached-cache.ts';
export type { RedisCacheOptions } from './cache/redis-cache.ts';
export { createDocuments, type Documents, type ReadDocument } from './documents.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export { placeInStore } from './place-in-store.ts';
export type { PostgresStoreOptions } from './postgres/postgres-store.ts';
export type { ChangeFeed, FeedBatch, RedisFeedOptions } from './redis/redis-feed.ts';
export type { LedFlight, RedisFlightsOptions, SharedFlights } from './redis/redis-flights.ts';
export type { Leases, RedisLeasesOptions } from './redis/redis-leases.ts';
export type { Claim, DueKey, KeepBook, KeepBookOptions, KnownEntry, Taken } from './redis/keep-book.ts';
export type { Job, Jobs, RedisJobsOptions } from './redis/redis-jobs.ts';
export type { RedisStoreOptions } from './redis/redis-store.ts';
export type { SqliteStoreOptions } from './sqlite/sqlite-store.ts';
export {
  defaultStoreLimits,
  listAll,
  StoreError,
  type ListOptions,
  type OnStoreProblem,
  type PutOptions,
  type Store,
  type StoreErrorCode,
  type StoreLimits,
  type StoreProblem,
  type StoreVersion,
  type StoredKey,
  type StoredValue,
} from './store.ts';
export type { StatePlace } from './state-place.ts';

/**
 * A store in a file, shared by the processes of one machine; the database is loaded by this call, not by importing.
 *
 * @example const store = await openSqliteStore({ file: '/var/lib/my-app/content.db', onProblem: console.warn });
 * @throws StoreError `STORE_UNUSABLE` when the file cannot be had, `STORE_FOREIGN` when it is another program's.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { SqliteStore } = await import('./sqlite/sqlite-store.ts');
  return new SqliteStore(options);
}

/**
 * State in one file for its owner alone, which is replaced as a whole; what reads and writes files is loaded by this call.
 *
 * @example const place = await openStateFile('/var/lib/my-app/learned-state.bin');
 */
export async function openStateFile(file: string): Promise<StatePlace> {
  const { wholeFile } = await import('./whole-file.ts');
  return wholeFile(file);
}

/**
 * A store on a Redis server, shared by many machines; the client is loaded by this call, not by importing. A server that
 * is not there fails calls, quickly, and not the opening: it may come later.
 *
 * @example const store = await openRedisStore({ url: 'redis://10.0.0.5:6379', name: 'content' });
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const [{ openRedisLink }, { RedisStore }] = await Promise.all([
    import('./redis/redis-link.ts'),
    import('./redis/redis-store.ts'),
  ]);
  return new RedisStore(await openRedisLink({ url: options.url, timeoutMs: options.timeoutMs }), options);
}

/**
 * A store in a Postgres database, shared by many machines; the client is loaded by this call, not by importing. The tables
 * are made by the first call that reaches the server, and a server that is not there fails calls, not the opening.
 *
 * @example const store = await openPostgresStore({ url: 'postgres://app@10.0.0.5/app', name: 'chats' });
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package pg is not installed.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const [{ PostgresLink }, { PostgresStore }] = await Promise.all([
    import('./postgres/postgres-link.ts'),
    import('./postgres/postgres-store.ts'),
  ]);
  return new PostgresStore(await PostgresLink.open(options.url, options.timeoutMs), options);
}

/**
 * Changes that the machines of a fleet tell each other through a Redis server; the client is loaded by this call.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function openRedisFeed(options: RedisFeedOptions): Promise<ChangeFeed> {
  const { RedisFeed } = await import('./redis/redis-feed.ts');
  return RedisFeed.open(options);
}

/**
 * Leases that the machines of a fleet take on a Redis server; the client is loaded by this call.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function openRedisLeases(options: RedisLeasesOptions): Promise<Leases> {
  const { RedisLeases } = await import('./redis/redis-leases.ts');
  return RedisLeases.open(options);
}

/**
 * Where the machines of a fleet agree on which of them fetches what, on a Redis server; the client is loaded by this call.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function openRedisFlights(options: RedisFlightsOptions): Promise<SharedFlights> {
  const { RedisFlights } = await import('./redis/redis-flights.ts');
  return RedisFlights.open(options);
}

/**
 * What a fleet knows of entries that pings keep alive; the client is loaded by this call.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function openKeepBook(options: KeepBookOptions): Promise<KeepBook> {
  const { KeepBook: Book } = await import('./redis/keep-book.ts');
  return Book.open(options);
}

/**
 * Jobs that the machines of a fleet do, once each; the queue is loaded by this call.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when bullmq or ioredis is not installed.
 */
export async function openRedisJobs(options: RedisJobsOptions): Promise<Jobs> {
  const { openJobs } = await import('./redis/redis-jobs.ts');
  return openJobs(options);
}

/**
 * Asks a Redis server whether it is there and lets us in: null when it is, else a sentence that says what is wrong.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function reachRedis(url: string): Promise<string | null> {
  const { openRedisLink } = await import('./redis/redis-link.ts');
  const link = await openRedisLink({ url, timeoutMs: 5_000 });
  try {
    await link.call('PING', []);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    link.close();
  }
}

/**
 * A cache on a Redis server, shared by many machines; the client is loaded by this call. A server that is not there fails
 * calls, quickly, and not the opening.
 *
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package ioredis is not installed.
 */
export async function openRedisCache(options: RedisCacheOptions): Promise<CacheStore> {
  const [{ openRedisLink }, { RedisCache }] = await Promise.all([
    import('./redis/redis-link.ts'),
    import('./cache/redis-cache.ts'),
  ]);
  return new RedisCache(await openRedisLink({ url: options.url, timeoutMs: options.timeoutMs }), options);
}

/**
 * A cache on a Memcached server, shared by many machines; the client is loaded by this call.
 *
 * @throws RangeError for an address that is none; StoreError `STORE_UNUSABLE` when the package memcache-client is not installed.
 */
export async function openMemcachedCache(options: MemcachedCacheOptions): Promise<CacheStore> {
  const { MemcachedCache } = await import('./cache/memcached-cache.ts');
  return MemcachedCache.open(options);
}
