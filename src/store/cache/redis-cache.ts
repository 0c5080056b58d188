import { StoreError } from '../store.ts';
import { RedisFlights } from '../redis/redis-flights.ts';
import type { RedisLink } from '../redis/redis-link.ts';
import { GatheredReads } from './gathered-reads.ts';
import { checkSize, checkTtl, MARK_TTL_MS, type CacheStore } from './cache-store.ts';

export interface RedisCacheOptions {
  /** `redis://[user][:password]@host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Caches of different names know nothing of each other. @default 'cache' */
  readonly name?: string;
  /** The most that one call may take, in ms. @default 50 */
  readonly timeoutMs?: number;
  /** @default 16 MiB */
  readonly valueBytesMax?: number;
}

const VALUE_BYTES_MAX = 16 * 1024 * 1024;
const NAME_PATTERN = /^[\w.-]{1,64}$/;

/** A cache on a Redis server, with its plain commands: the server drops what has expired, and what it has no room for. */
export class RedisCache implements CacheStore {
  readonly kind = 'redis' as const;
  readonly flights: RedisFlights;
  readonly #link: RedisLink;
  readonly #reads = new GatheredReads((keys) => this.#readMany(keys));
  readonly #prefix: string;
  readonly #valueBytesMax: number;

  /** @throws RangeError for a name that is none. */
  constructor(
    link: RedisLink,
    { name = 'cache', valueBytesMax = VALUE_BYTES_MAX }: Omit<RedisCacheOptions, 'url'>,
  ) {
    if (!NAME_PATTERN.test(name))
      throw new RangeError('a name has 1 to 64 letters, digits, dots, dashes or underscores');
    this.#link = link;
    this.flights = new RedisFlights(link, name);
    this.#prefix = `cachewright:${name}:`;
    this.#valueBytesMax = valueBytesMax;
  }

  async get(key: string): Promise<Uint8Array | null> {
    return this.#reads.read(this.#valueKey(key));
  }

  async put(key: string, bytes: Uint8Array, ttlMs: number): Promise<void> {
    checkSize(key, bytes, this.#valueBytesMax);
    await this.#link.call('SET', [this.#valueKey(key), bytes, 'PX', checkTtl(ttlMs)]);
  }

  async remove(key: string): Promise<void> {
    await this.#link.call('DEL', [this.#valueKey(key)]);
  }

  async readMarks(names: readonly string[]): Promise<readonly (string | null)[]> {
    if (names.length === 0) return [];
    const found = await this.#readMany(names.map((name) => this.#markKey(name)));
    return found.map((value) => value?.toString('utf8') ?? null);
  }

  async setMark(name: string, value: string, isOnlyIfAbsent: boolean): Promise<void> {
    const condition = isOnlyIfAbsent ? ['NX'] : [];
    await this.#link.call('SET', [this.#markKey(name), value, 'PX', MARK_TTL_MS, ...condition]);
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  async #readMany(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const found = await this.#link.call('MGET', keys);
    if (!Array.isArray(found))
      throw new StoreError('STORE_UNUSABLE', `${this.#link.shown} answers in another form`);
    return found.map((value: unknown) => (Buffer.isBuffer(value) ? value : null));
  }

  #valueKey(key: string): string {
    return `${this.#prefix}v:${key}`;
  }

  /** In braces is what a cluster places keys by: marks are read together. */
  #markKey(name: string): string {
    return `{${this.#prefix}m}:${name}`;
  }
}
