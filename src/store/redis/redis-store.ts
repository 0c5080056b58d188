import type { Clock } from '../../runtime/index.ts';
import {
  checkKey,
  checkPut,
  defaultStoreLimits,
  fullError,
  listLimit,
  type ListOptions,
  type PutOptions,
  type Store,
  type StoredKey,
  type StoreLimits,
  type StoredValue,
  type StoreVersion,
} from '../store.ts';
import { runScript, type RedisArgument, type RedisLink, type RedisLinkOptions } from './redis-link.ts';
import { STORE_KEYS, STORE_SCRIPTS } from './scripts.ts';

export interface RedisStoreOptions extends Pick<RedisLinkOptions, 'url' | 'timeoutMs'> {
  /** Stores of different names know nothing of each other. @default 'store' */
  readonly name?: string;
  /** @default the server's clock, which is one for all machines */
  readonly clock?: Clock;
  readonly limits?: Partial<StoreLimits>;
}

/** Fields of one key in the answer of `list`. */
const LISTED_FIELDS = 4;
/** Lifetimes are checked before they are sent; when they end is for the server to say. */
const NO_TIME = 0;

const NAME_PATTERN = /^[\w.-]{1,64}$/;

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}

function endOf(value: unknown): number | null {
  const text = textOf(value);
  return text === '' ? null : Number(text);
}

/**
 * A store on a Redis server, for several machines. No call takes longer than its budget; where the server does not
 * answer, calls are refused with `STORE_UNUSABLE` until it is back. A `put` that was refused so may have been done.
 */
export class RedisStore implements Store {
  readonly #link: RedisLink;
  readonly #limits: StoreLimits;
  readonly #clock: Clock | null;
  readonly #keys: readonly string[];

  /** @throws RangeError for a name that is none. */
  constructor(link: RedisLink, { name = 'store', clock, limits }: Omit<RedisStoreOptions, 'url'>) {
    if (!NAME_PATTERN.test(name))
      throw new RangeError('a name has 1 to 64 letters, digits, dots, dashes or underscores');
    this.#link = link;
    this.#limits = { ...defaultStoreLimits, ...limits };
    this.#clock = clock ?? null;
    // In braces is what a cluster places keys by: all of a store on one server.
    this.#keys = STORE_KEYS.map((part) => `{cachewright:${name}}:${part}`);
  }

  async get(key: string): Promise<StoredValue | null> {
    checkKey(key);
    const found = await this.#run('get', [key]);
    if (!Array.isArray(found)) return null;
    const [bytes, version, ends] = found as readonly unknown[];
    if (!Buffer.isBuffer(bytes)) return null;
    return { bytes: new Uint8Array(bytes), version: textOf(version), expiresMs: endOf(ends) };
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<StoreVersion | null> {
    checkPut(key, bytes, options, this.#limits, NO_TIME);
    const { ifVersion, ttlMs } = options;
    const condition = ifVersion === undefined ? 'any' : ifVersion === null ? 'absent' : 'is';
    const { keysMax, bytesMax, whenFull } = this.#limits;
    const ttl = ttlMs === undefined ? '' : Math.ceil(ttlMs);
    const args = [key, condition, ifVersion ?? '', bytes, ttl, keysMax, bytesMax, whenFull];
    const answer = await this.#run('put', args);
    if (answer === null) return null;
    const version = textOf(answer);
    if (version === 'full') throw fullError(this.#limits);
    return version;
  }

  async remove(key: string, ifVersion?: StoreVersion): Promise<boolean> {
    checkKey(key);
    return (await this.#run('remove', [key, ifVersion ?? ''])) === 1;
  }

  async list(prefix: string, options: ListOptions = {}): Promise<readonly StoredKey[]> {
    const limit = listLimit(options);
    const { after = '' } = options;
    const from = after >= prefix && after !== '' ? `(${after}` : `[${prefix}`;
    // ~ is the last character that a key may have.
    const fields = (await this.#run('list', [from, `(${prefix}\x7f`, limit])) as readonly unknown[];
    return Array.from({ length: fields.length / LISTED_FIELDS }, (_, index) => {
      const [key, version, ends, size] = fields.slice(index * LISTED_FIELDS);
      return {
        key: textOf(key),
        version: textOf(version),
        sizeBytes: Number(textOf(size)),
        expiresMs: endOf(ends),
      };
    });
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  #run(name: keyof typeof STORE_SCRIPTS, args: readonly RedisArgument[]): Promise<unknown> {
    const nowMs = this.#clock ? this.#clock.nowMs() : '';
    return runScript(this.#link, STORE_SCRIPTS[name], this.#keys, [nowMs, ...args]);
  }
}
