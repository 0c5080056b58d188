import { hash } from 'node:crypto';

import type { MemcacheClient } from 'memcache-client';

import { isObject } from '../../core/index.ts';
import {
  afterPatience,
  systemClock,
  systemTimers,
  type Clock,
  type Time,
  type Timers,
} from '../../runtime/index.ts';
import { Breaker } from '../redis/breaker.ts';
import { StoreError } from '../store.ts';
import { checkSize, checkTtl, MARK_TTL_MS, type CacheStore } from './cache-store.ts';

export interface MemcachedCacheOptions {
  /** `host:port`. */
  readonly server: string;
  /** Caches of different names know nothing of each other. @default 'cache' */
  readonly name?: string;
  /** The most that one call may take, in ms. @default 50 */
  readonly timeoutMs?: number;
  /** The server's limit on items, less what it needs beside the value. @default 1 MiB less 1 KiB */
  readonly valueBytesMax?: number;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** @default the machine's timers */
  readonly timers?: Timers;
}

const DEFAULT_TIMEOUT_MS = 50;
const VALUE_BYTES_MAX = 1024 * 1024 - 1024;
/** A connection on which a command is not answered for so long is given up. */
const SILENCE_MS = 1_000;
const KEY_LENGTH_MAX = 250;
/** A longer lifetime is taken for a date, of January 1970. */
const RELATIVE_SECONDS_MAX = 30 * 24 * 3600;

const NAME_PATTERN = /^[\w.-]{1,64}$/;
const KEY_PATTERN = /^[\x21-\x7e]+$/;
const SERVER_PATTERN = /^[\w.-]+:\d{1,5}$/;

async function loadClient(): Promise<typeof MemcacheClient> {
  try {
    return (await import('memcache-client')).MemcacheClient;
  } catch (error) {
    const message = 'Memcached needs the package memcache-client, which is not installed';
    throw new StoreError('STORE_UNUSABLE', message, error);
  }
}

/** A cache on a Memcached server. It cannot list what it holds, which is what marks are for. */
export class MemcachedCache implements CacheStore {
  readonly kind = 'memcached' as const;
  readonly #client: MemcacheClient;
  readonly #shown: string;
  readonly #prefix: string;
  readonly #time: Time;
  readonly #timeoutMs: number;
  readonly #valueBytesMax: number;
  readonly #breaker: Breaker;
  #isClosed = false;

  /** @throws RangeError for a name or an address that is none. */
  static async open(options: MemcachedCacheOptions): Promise<MemcachedCache> {
    if (!NAME_PATTERN.test(options.name ?? 'cache'))
      throw new RangeError('a name has 1 to 64 letters, digits, dots, dashes or underscores');
    if (!SERVER_PATTERN.test(options.server)) throw new RangeError('the server must be given as host:port');
    const Client = await loadClient();
    const client = new Client({
      server: { server: options.server, maxConnections: 2 },
      cmdTimeout: SILENCE_MS,
      connectTimeout: SILENCE_MS,
      noDelay: true,
    });
    // What fails is told to the call that it fails; without a listener it would end the process.
    client.on('error', () => undefined);
    return new MemcachedCache(client, options);
  }

  private constructor(client: MemcacheClient, options: MemcachedCacheOptions) {
    this.#client = client;
    this.#shown = `memcached ${options.server}`;
    this.#prefix = `cachewright:${options.name ?? 'cache'}:`;
    this.#time = { timers: options.timers ?? systemTimers, clock: options.clock ?? systemClock };
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#valueBytesMax = options.valueBytesMax ?? VALUE_BYTES_MAX;
    this.#breaker = new Breaker(this.#time.clock);
  }

  async get(key: string): Promise<Uint8Array | null> {
    const itemKey = this.#itemKey('v', key);
    return (await this.#read([itemKey]))[0] ?? null;
  }

  async put(key: string, bytes: Uint8Array, ttlMs: number): Promise<void> {
    checkSize(key, bytes, this.#valueBytesMax);
    const lifetime = this.#lifetime(checkTtl(ttlMs));
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await this.#run(() => this.#client.set(this.#itemKey('v', key), value, { lifetime }));
  }

  async remove(key: string): Promise<void> {
    await this.#run(() => this.#client.delete(this.#itemKey('v', key)), /^NOT_FOUND/);
  }

  async readMarks(names: readonly string[]): Promise<readonly (string | null)[]> {
    if (names.length === 0) return [];
    const keys = names.map((name) => this.#itemKey('m', name));
    return (await this.#read(keys)).map((value) => value?.toString('utf8') ?? null);
  }

  async setMark(name: string, value: string, isOnlyIfAbsent: boolean): Promise<void> {
    const key = this.#itemKey('m', name);
    const options = { lifetime: this.#lifetime(MARK_TTL_MS) };
    const bytes = Buffer.from(value);
    if (isOnlyIfAbsent) await this.#run(() => this.#client.add(key, bytes, options), /^NOT_STORED/);
    else await this.#run(() => this.#client.set(key, bytes, options));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#client.shutdown();
  }

  async #read(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const found: unknown = await this.#run(() => this.#client.get<unknown>([...keys]));
    return keys.map((key) => {
      const item = isObject(found) ? found[key] : null;
      const value = isObject(item) ? item['value'] : null;
      return Buffer.isBuffer(value) ? value : null;
    });
  }

  #itemKey(kind: 'v' | 'm', key: string): string {
    const plain = `${this.#prefix}${kind}:${key}`;
    if (plain.length <= KEY_LENGTH_MAX && KEY_PATTERN.test(plain)) return plain;
    return `${this.#prefix}${kind}:sha256.${hash('sha256', key, 'hex')}`;
  }

  /** Seconds from now, or the time of the end where they are too many. */
  #lifetime(ttlMs: number): number {
    const seconds = Math.ceil(ttlMs / 1000);
    return seconds <= RELATIVE_SECONDS_MAX ? seconds : Math.floor(this.#time.clock.nowMs() / 1000) + seconds;
  }

  /** @param fine errors by which the server says that there was nothing to do */
  async #run<Result>(work: () => Promise<Result>, fine?: RegExp): Promise<Result | null> {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'the store is closed');
    if (!this.#breaker.admits()) throw new StoreError('STORE_UNUSABLE', `${this.#shown} cannot be reached`);
    try {
      const result = await this.#inTime(work);
      this.#breaker.succeed();
      return result;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const isAnswer = /^(NOT_FOUND|NOT_STORED|EXISTS|ERROR|CLIENT_ERROR|SERVER_ERROR)/.test(text);
      // A server that refuses is a server that answers.
      if (isAnswer) this.#breaker.succeed();
      else this.#breaker.fail();
      if (fine?.test(text)) return null;
      throw this.#describe(error, text);
    }
  }

  #describe(error: unknown, text: string): StoreError {
    if (error instanceof StoreError) return error;
    if (/too large/i.test(text)) return new StoreError('STORE_VALUE_TOO_LARGE', `${this.#shown}: ${text}`);
    if (/out of memory/i.test(text)) return new StoreError('STORE_FULL', `${this.#shown} has no memory left`);
    return new StoreError('STORE_UNUSABLE', `${this.#shown} cannot be used: ${text}`, error);
  }

  #inTime<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = afterPatience(this.#time, this.#timeoutMs, () => {
        const message = `${this.#shown} did not answer within ${this.#timeoutMs} ms`;
        reject(new StoreError('STORE_UNUSABLE', message));
      });
      // The client throws where others reject.
      const working = (async () => work())();
      working.then(resolve, reject).finally(cancel);
    });
  }
}
