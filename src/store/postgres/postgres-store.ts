import type { PoolClient } from 'pg';

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
import type { PostgresLink } from './postgres-link.ts';
import { prepareTables } from './schema.ts';

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:5432/database`; the user may make tables there, once. */
  readonly url: string;
  /** Stores of different names know nothing of each other. @default 'store' */
  readonly name?: string;
  /** How long a call may take, in ms. @default 5,000 */
  readonly timeoutMs?: number;
  /** @default the server's clock, which is one for all machines */
  readonly clock?: Clock;
  readonly limits?: Partial<StoreLimits>;
}

const NAME_PATTERN = /^[\w.-]{1,64}$/;
/** Lifetimes are checked before they are sent; when they end is for the server to say. */
const NO_TIME = 0;
/** Of those that must go for a value: how many are looked at together. */
const OLDEST_AT_ONCE = 100;

/** The caller's time, else the server's. */
const NOW = 'COALESCE($2::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)';
const IS_LIVE = `(expires_ms IS NULL OR expires_ms > ${NOW})`;

/** As the server gives it: whole numbers that may be large are texts. */
interface Row {
  readonly key: string;
  readonly version: string;
  readonly expires_ms: string | null;
  readonly size: number;
  readonly bytes: Buffer;
  readonly is_live: boolean;
}

/** What a store holds; its row is locked while somebody writes. */
interface Total {
  readonly keys: number;
  readonly bytes: number;
}

function without(total: Total, removed: readonly Pick<Row, 'key' | 'size'>[]): Total {
  const bytes = removed.reduce((sum, { key, size }) => sum + key.length + size, 0);
  return { keys: total.keys - removed.length, bytes: total.bytes - bytes };
}

function endOf(expiresMs: string | null): number | null {
  return expiresMs === null ? null : Number(expiresMs);
}

/** The statements of one transaction that writes. */
class Writing {
  readonly #client: PoolClient;
  readonly #name: string;
  readonly #nowMs: number | null;

  constructor(client: PoolClient, name: string, nowMs: number | null) {
    this.#client = client;
    this.#name = name;
    this.#nowMs = nowMs;
  }

  async #rows(text: string, ...values: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.#client.query<Row>(text, [this.#name, this.#nowMs, ...values])).rows;
  }

  /** From here on nobody else writes to this store. */
  async lock(): Promise<Total> {
    const text = 'SELECT keys, bytes FROM cachewright_store WHERE name = $1 FOR UPDATE';
    const { rows } = await this.#client.query<{ readonly keys: string; readonly bytes: string }>(text, [
      this.#name,
    ]);
    return { keys: Number(rows[0]?.keys ?? 0), bytes: Number(rows[0]?.bytes ?? 0) };
  }

  /** A key as it is stored, expired or not. */
  async find(key: string): Promise<Row | null> {
    const text = `SELECT key, version, length(bytes) AS size, ${IS_LIVE} AS is_live
      FROM cachewright_store_entry WHERE store = $1 AND key = $3`;
    return (await this.#rows(text, key))[0] ?? null;
  }

  async remove(keys: readonly string[]): Promise<void> {
    const text = 'DELETE FROM cachewright_store_entry WHERE store = $1 AND key = ANY($2)';
    await this.#client.query(text, [this.#name, keys]);
  }

  async removeExpired(butKey: string): Promise<readonly Row[]> {
    const text = `DELETE FROM cachewright_store_entry WHERE store = $1 AND NOT ${IS_LIVE} AND key <> $3
      RETURNING key, length(bytes) AS size`;
    return this.#rows(text, butKey);
  }

  async oldest(butKey: string): Promise<readonly Pick<Row, 'key' | 'size'>[]> {
    const text = `SELECT key, length(bytes) AS size FROM cachewright_store_entry
      WHERE store = $1 AND key <> $2 ORDER BY version LIMIT ${OLDEST_AT_ONCE}`;
    return (await this.#client.query<Row>(text, [this.#name, butKey])).rows;
  }

  async write(key: string, bytes: Uint8Array, ttlMs: number | null): Promise<StoreVersion> {
    const text = `INSERT INTO cachewright_store_entry (store, key, version, expires_ms, bytes)
      VALUES ($1, $3, nextval('cachewright_store_number'), ${NOW} + $4::bigint, $5)
      ON CONFLICT (store, key) DO UPDATE SET
        version = EXCLUDED.version, expires_ms = EXCLUDED.expires_ms, bytes = EXCLUDED.bytes
      RETURNING version`;
    const [row] = await this.#rows(text, key, ttlMs, Buffer.from(bytes));
    return row?.version ?? '';
  }

  async keepTotal({ keys, bytes }: Total): Promise<void> {
    const text = 'UPDATE cachewright_store SET keys = $2, bytes = $3 WHERE name = $1';
    await this.#client.query(text, [this.#name, keys, bytes]);
  }
}

/**
 * A store in Postgres, for several machines. A server that does not answer in time fails the call with `STORE_UNUSABLE`; a
 * `put` that was refused so may have been done.
 */
export class PostgresStore implements Store {
  readonly #link: PostgresLink;
  readonly #limits: StoreLimits;
  readonly #clock: Clock | null;
  readonly #name: string;
  #prepared: Promise<void> | null = null;

  /** @throws RangeError for a name that is none. */
  constructor(link: PostgresLink, { name = 'store', clock, limits }: Omit<PostgresStoreOptions, 'url'>) {
    if (!NAME_PATTERN.test(name))
      throw new RangeError('a name has 1 to 64 letters, digits, dots, dashes or underscores');
    this.#link = link;
    this.#limits = { ...defaultStoreLimits, ...limits };
    this.#clock = clock ?? null;
    this.#name = name;
  }

  async get(key: string): Promise<StoredValue | null> {
    checkKey(key);
    const text = `SELECT bytes, version, expires_ms FROM cachewright_store_entry
      WHERE store = $1 AND key = $3 AND ${IS_LIVE}`;
    const [row] = await this.#read(text, key);
    if (!row) return null;
    return { bytes: new Uint8Array(row.bytes), version: row.version, expiresMs: endOf(row.expires_ms) };
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<StoreVersion | null> {
    checkPut(key, bytes, options, this.#limits, NO_TIME);
    const { ifVersion, ttlMs } = options;
    // A copy: what the caller does with its own bytes while we wait is not ours.
    const copy = bytes.slice();
    return this.#write(async (writing) => {
      const total = await writing.lock();
      const known = await writing.find(key);
      const version = known?.is_live === true ? known.version : null;
      if (ifVersion !== undefined && ifVersion !== version) return null;
      const base = known ? without(total, [known]) : total;
      const room = await this.#makeRoom(writing, base, key, key.length + copy.length);
      const written = await writing.write(key, copy, ttlMs === undefined ? null : Math.ceil(ttlMs));
      await writing.keepTotal({ keys: room.keys + 1, bytes: room.bytes + key.length + copy.length });
      return written;
    });
  }

  async remove(key: string, ifVersion?: StoreVersion): Promise<boolean> {
    checkKey(key);
    return this.#write(async (writing) => {
      const total = await writing.lock();
      const known = await writing.find(key);
      if (!known?.is_live || (ifVersion !== undefined && ifVersion !== known.version)) return false;
      await writing.remove([key]);
      await writing.keepTotal(without(total, [known]));
      return true;
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<readonly StoredKey[]> {
    const limit = listLimit(options);
    // A pattern has characters of its own; a range of keys has none. ~ is the last one that a key may have.
    const text = `SELECT key, version, expires_ms, length(bytes) AS size FROM cachewright_store_entry
      WHERE store = $1 AND key > $3 AND key >= $4 AND key < $5 AND ${IS_LIVE} ORDER BY key LIMIT $6`;
    const rows = await this.#read(text, options.after ?? '', prefix, `${prefix}\x7f`, limit);
    return rows.map(({ key, version, size, expires_ms: ends }) => ({
      key,
      version,
      sizeBytes: size,
      expiresMs: endOf(ends),
    }));
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  get #nowMs(): number | null {
    return this.#clock?.nowMs() ?? null;
  }

  async #read(text: string, ...values: readonly unknown[]): Promise<readonly Row[]> {
    await this.#prepare();
    const all = [this.#name, this.#nowMs, ...values];
    return this.#link.transact(async (client) => (await client.query<Row>(text, all)).rows);
  }

  async #write<Result>(run: (writing: Writing) => Promise<Result>): Promise<Result> {
    await this.#prepare();
    return this.#link.transact((client) => run(new Writing(client, this.#name, this.#nowMs)));
  }

  /** The tables are made by the first call that reaches the server. */
  async #prepare(): Promise<void> {
    this.#prepared ??= this.#link.transact((client) => prepareTables(client, this.#name));
    try {
      await this.#prepared;
    } catch (error) {
      this.#prepared = null;
      throw error;
    }
  }

  /** What has expired goes first, then, where that is allowed, the oldest. @throws StoreError `STORE_FULL` */
  async #makeRoom(writing: Writing, base: Total, key: string, addedBytes: number): Promise<Total> {
    const { keysMax, bytesMax, whenFull } = this.#limits;
    const isOver = (total: Total): boolean => total.keys + 1 > keysMax || total.bytes + addedBytes > bytesMax;
    let total = base;
    if (!isOver(total)) return total;
    total = without(total, await writing.removeExpired(key));
    while (isOver(total)) {
      const oldest = whenFull === 'drop-oldest' ? await writing.oldest(key) : [];
      if (oldest.length === 0) throw fullError(this.#limits);
      const enough = oldest.findIndex((_row, index) => !isOver(without(total, oldest.slice(0, index + 1))));
      const gone = enough < 0 ? oldest : oldest.slice(0, enough + 1);
      await writing.remove(gone.map((row) => row.key));
      total = without(total, gone);
    }
    return total;
  }
}
