import { join } from 'node:path';

import { InvalidArgumentError, Option, type Command } from 'commander';

import { createResponseTier, type ResponseTier } from '../engine/index.ts';
import { openMemcachedCache, openRedisCache, openSqliteCache, type CacheStore } from '../store/index.ts';
import { UsageError } from './errors.ts';

/** What says whether answers are kept, and where. */
export interface ResponseFlags {
  /** Seconds that an answer counts as fresh; `off`: only requests whose header asks for it. */
  readonly responseCache: number | 'off';
  readonly dataDir: string;
  /** May hold a password: it is never printed. */
  readonly redis?: string;
  /** `host:port`. */
  readonly memcached?: string;
}

/** The tier of exact answers of a gateway. */
export interface ServeResponses {
  readonly tier: ResponseTier;
  /** Brings to the store what is on its way there. */
  close(): Promise<void>;
}

/** Name of the file in the data folder. */
const CACHE_FILE = 'responses.db';

/** Where answers are kept besides memory: the place that most gateways share. */
async function openStore({ dataDir, redis, memcached }: ResponseFlags): Promise<CacheStore> {
  try {
    if (memcached !== undefined) return await openMemcachedCache({ server: memcached });
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--memcached: ${error.message}`) : error;
  }
  if (redis !== undefined) return openRedisCache({ url: redis, name: 'responses' });
  return openSqliteCache({ file: join(dataDir, CACHE_FILE) });
}

/** The tier as the flags want it. While it is off, what requests ask for is kept in memory. */
export async function openServeResponses(flags: ResponseFlags, secret: Uint8Array): Promise<ServeResponses> {
  const { responseCache } = flags;
  if (responseCache === 'off')
    return { tier: createResponseTier({ isOn: false, secret }), close: async () => undefined };
  const store = await openStore(flags);
  const tier = createResponseTier({ isOn: true, secret, store, ttlMs: responseCache * 1000 });
  return {
    tier,
    async close() {
      await tier.cache.settle();
      await store.close();
    },
  };
}

function parseResponseCache(text: string): number | 'off' {
  if (text === 'off') return text;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('It must be off, or a number of seconds.');
}

/** Adds the options that `ResponseFlags` come from. */
export function addResponseOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--response-cache <seconds>',
        'how long an answer is given again to the same request, or off',
      )
        .default('off')
        .env('CACHEWRIGHT_RESPONSE_CACHE')
        .argParser(parseResponseCache),
    )
    .addOption(
      new Option('--memcached <host:port>', 'keeps answers there, for all gateways on this server').env(
        'CACHEWRIGHT_MEMCACHED',
      ),
    );
}
