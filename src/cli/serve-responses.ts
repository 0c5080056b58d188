import { join } from 'node:path';

import { InvalidArgumentError, Option, type Command } from 'commander';

import { createResponseTier, type ResponseRule, type ResponseTier } from '../engine/index.ts';
import {
  openMemcachedCache,
  openRedisCache,
  openRedisFlights,
  openSqliteCache,
  type CacheStore,
  type SharedFlights,
} from '../store/index.ts';
import { CommandError, UsageError } from './errors.ts';

/** What says whether answers are kept, and where. */
export interface ResponseFlags {
  /** Seconds that an answer counts as fresh; `off`: only requests whose header asks for it. */
  readonly responseCache: number | 'off';
  readonly dataDir: string;
  /** May hold a password: it is never printed. */
  readonly redis?: string;
  /** `host:port`. */
  readonly memcached?: string;
  /** What holds for some requests; from the configuration file. */
  readonly responses?: readonly ResponseRuleConfig[];
}

/** The tier of exact answers of a gateway. */
export interface ServeResponses {
  readonly tier: ResponseTier;
  /** Brings to the store what is on its way there. */
  close(): Promise<void>;
}

/** A rule of the configuration file: the first that is for a request holds. */
export interface ResponseRuleConfig extends Omit<
  { readonly [Name in keyof ResponseRule]: ResponseRule[Name] | undefined },
  'ttlMs' | 'staleWhileRevalidateMs' | 'staleIfErrorMs'
> {
  readonly ttlS: number | 'off';
  readonly staleWhileRevalidateS?: number | undefined;
  readonly staleIfErrorS?: number | undefined;
}

/** What all gateways call their store. */
const STORE_NAME = 'responses';
/** Name of the file in the data folder. */
const CACHE_FILE = 'responses.db';

async function openMemcached(server: string): Promise<CacheStore> {
  try {
    return await openMemcachedCache({ server });
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--memcached: ${error.message}`) : error;
  }
}

/** Where answers are kept besides memory: the place that most gateways share; null: nobody asks for one. */
async function openStore(
  { dataDir, redis, memcached }: ResponseFlags,
  isAsked: boolean,
): Promise<CacheStore | null> {
  if (memcached !== undefined) return openMemcached(memcached);
  if (redis !== undefined) return openRedisCache({ url: redis, name: STORE_NAME });
  return isAsked ? openSqliteCache({ file: join(dataDir, CACHE_FILE) }) : null;
}

/** Where gateways agree on who sends what, where the store itself is no place for that. */
async function openFlights({ redis, memcached }: ResponseFlags): Promise<SharedFlights | null> {
  return redis !== undefined && memcached !== undefined
    ? openRedisFlights({ url: redis, name: STORE_NAME })
    : null;
}

/** A rule as a configuration file has it, which counts in seconds. */
function toRule(rule: ResponseRuleConfig): ResponseRule {
  const { ttlS, staleWhileRevalidateS, staleIfErrorS, ...rest } = rule;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given),
    ttlMs: ttlS === 'off' ? ttlS : ttlS * 1000,
    ...(staleWhileRevalidateS === undefined ? {} : { staleWhileRevalidateMs: staleWhileRevalidateS * 1000 }),
    ...(staleIfErrorS === undefined ? {} : { staleIfErrorMs: staleIfErrorS * 1000 }),
  };
}

/** The tier as flags and rules want it. While it is off, only what requests ask for is kept. */
export async function openServeResponses(flags: ResponseFlags, secret: Uint8Array): Promise<ServeResponses> {
  const { responseCache } = flags;
  const rules = (flags.responses ?? []).map(toRule);
  const isOn = responseCache !== 'off';
  const isAsked = isOn || rules.some(({ ttlMs }) => ttlMs !== 'off');
  const store = await openStore(flags, isAsked);
  const flights = await openFlights(flags);
  const tier = createResponseTier({
    isOn,
    secret,
    rules,
    ...(store ? { store } : {}),
    ...(flights ? { flights } : {}),
    ...(isOn ? { ttlMs: responseCache * 1000 } : {}),
  });
  return {
    tier,
    async close() {
      await tier.cache.settle();
      await Promise.all([store?.close(), flights?.close()]);
    },
  };
}

/** `--check`: does Memcached answer, where there is one? */
export async function checkMemcached({ memcached }: ResponseFlags): Promise<void> {
  if (memcached === undefined) return;
  const store = await openMemcached(memcached);
  try {
    await store.get('cachewright-check');
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  } finally {
    await store.close();
  }
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
