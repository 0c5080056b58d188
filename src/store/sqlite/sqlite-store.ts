import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { formatTime, systemClock, type Clock } from '../../runtime/index.ts';
import {
  checkKey,
  checkPut,
  defaultStoreLimits,
  fullError,
  listLimit,
  StoreError,
  type ListOptions,
  type OnStoreProblem,
  type PutOptions,
  type Store,
  type StoreLimits,
  type StoreVersion,
  type StoredKey,
  type StoredValue,
} from '../store.ts';
import { moveAside } from './move-aside.ts';
import { isCorruption, openDatabase } from './open-database.ts';

export interface SqliteStoreOptions {
  /** Path of the database file; its folder is made where it is missing. */
  readonly file: string;
  /** @default the machine's clock */
  readonly clock?: Clock;
  readonly limits?: Partial<StoreLimits>;
  /** Told when the file was found damaged, moved aside and replaced by an empty one. */
  readonly onProblem?: OnStoreProblem;
}

/** What the statements give; SQLite's integers fit, for they are times, sizes and counts. */
interface Row {
  readonly key: string;
  readonly version: number;
  readonly expires_ms: number | null;
  readonly size: number;
  readonly bytes: Uint8Array;
}

interface Total {
  readonly keys: number;
  readonly bytes: number;
}

const LIVE = '(expires_ms IS NULL OR expires_ms > ?)';

type Statements = Readonly<
  Record<'get' | 'find' | 'insert' | 'remove' | 'list' | 'expire' | 'total' | 'oldest', StatementSync>
>;

function prepareStatements(database: DatabaseSync): Statements {
  return {
    get: database.prepare(`SELECT version, expires_ms, bytes FROM entry WHERE key = ? AND ${LIVE}`),
    find: database.prepare(`SELECT version FROM entry WHERE key = ? AND ${LIVE}`),
    insert: database.prepare('INSERT INTO entry (key, expires_ms, bytes) VALUES (?, ?, ?)'),
    remove: database.prepare('DELETE FROM entry WHERE key = ?'),
    // `GLOB` and `LIKE` have characters of their own; a range of keys has none. ~ is the last one that a key may have.
    list: database.prepare(
      `SELECT key, version, expires_ms, length(bytes) AS size FROM entry WHERE key > ? AND key >= ? AND key < ? AND ${LIVE} ORDER BY key LIMIT ?`,
    ),
    expire: database.prepare('DELETE FROM entry WHERE expires_ms <= ?'),
    total: database.prepare('SELECT keys, bytes FROM total'),
    oldest: database.prepare('SELECT key FROM entry WHERE key <> ? ORDER BY version LIMIT 1'),
  };
}

/** One open file with its statements. */
class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #limits: StoreLimits;

  constructor(database: DatabaseSync, limits: StoreLimits) {
    this.#database = database;
    this.#statements = prepareStatements(database);
    this.#limits = limits;
  }

  get(key: string, nowMs: number): StoredValue | null {
    const row = this.#statements.get.get(key, nowMs) as unknown as Row | undefined;
    return row ? { bytes: row.bytes, version: String(row.version), expiresMs: row.expires_ms } : null;
  }

  put(
    key: string,
    bytes: Uint8Array,
    expiresMs: number | null,
    ifVersion: PutOptions['ifVersion'],
    nowMs: number,
  ): StoreVersion | null {
    return this.#inTransaction(() => {
      const known = this.#versionOf(key, nowMs);
      if (ifVersion !== undefined && ifVersion !== known) return null;
      this.#statements.remove.run(key);
      const { lastInsertRowid } = this.#statements.insert.run(key, expiresMs, bytes);
      this.#makeRoom(key, nowMs);
      return String(lastInsertRowid);
    });
  }

  remove(key: string, ifVersion: StoreVersion | undefined, nowMs: number): boolean {
    return this.#inTransaction(() => {
      const known = this.#versionOf(key, nowMs);
      if (known === null || (ifVersion !== undefined && ifVersion !== known)) return false;
      this.#statements.remove.run(key);
      return true;
    });
  }

  list(prefix: string, after: string, limit: number, nowMs: number): readonly StoredKey[] {
    const end = `${prefix}\x7f`;
    const rows = this.#statements.list.all(after, prefix, end, nowMs, limit) as unknown as readonly Row[];
    return rows.map((row) => ({
      key: row.key,
      version: String(row.version),
      sizeBytes: row.size,
      expiresMs: row.expires_ms,
    }));
  }

  close(): void {
    this.#database.close();
  }

  #versionOf(key: string, nowMs: number): StoreVersion | null {
    const row = this.#statements.find.get(key, nowMs) as unknown as Row | undefined;
    return row ? String(row.version) : null;
  }

  #isOver(): boolean {
    const total = this.#statements.total.get() as unknown as Total;
    return total.keys > this.#limits.keysMax || total.bytes > this.#limits.bytesMax;
  }

  /** What has expired goes first, then, where that is allowed, the oldest; never the key that was just written. */
  #makeRoom(key: string, nowMs: number): void {
    if (!this.#isOver()) return;
    this.#statements.expire.run(nowMs);
    while (this.#isOver()) {
      const oldest = this.#statements.oldest.get(key) as unknown as Row | undefined;
      if (this.#limits.whenFull === 'refuse' || !oldest) throw fullError(this.#limits);
      this.#statements.remove.run(oldest.key);
    }
  }

  #inTransaction<Result>(run: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = run();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // A damaged file ends the transaction by itself, and a second end would hide the first error.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

/**
 * A store in a file, through `node:sqlite`: it survives restarts, and several processes of one machine may share it.
 * A file that turns out damaged, at opening or at any later call, is moved aside and told to `onProblem`; the store
 * goes on with an empty one, and the call that met the damage is answered from it.
 *
 * Calls run at once on this thread and take tens of microseconds: it is for state, not for a log of every request.
 */
export class SqliteStore implements Store {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #limits: StoreLimits;
  readonly #onProblem: OnStoreProblem | undefined;
  #connection: SqliteConnection | null;

  /** @throws StoreError `STORE_UNUSABLE` when the file cannot be had, `STORE_FOREIGN` when it is not ours. */
  constructor(options: SqliteStoreOptions) {
    this.#file = options.file;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...defaultStoreLimits, ...options.limits };
    this.#onProblem = options.onProblem;
    this.#connection = this.#connect();
  }

  async get(key: string): Promise<StoredValue | null> {
    checkKey(key);
    return this.#run((connection, nowMs) => connection.get(key, nowMs));
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<StoreVersion | null> {
    const expiresMs = checkPut(key, bytes, options, this.#limits, this.#clock.nowMs());
    return this.#run((connection, nowMs) => connection.put(key, bytes, expiresMs, options.ifVersion, nowMs));
  }

  async remove(key: string, ifVersion?: StoreVersion): Promise<boolean> {
    checkKey(key);
    return this.#run((connection, nowMs) => connection.remove(key, ifVersion, nowMs));
  }

  async list(prefix: string, options: ListOptions = {}): Promise<readonly StoredKey[]> {
    const limit = listLimit(options);
    return this.#run((connection, nowMs) => connection.list(prefix, options.after ?? '', limit, nowMs));
  }

  async close(): Promise<void> {
    this.#connection?.close();
    this.#connection = null;
  }

  #run<Result>(work: (connection: SqliteConnection, nowMs: number) => Result): Result {
    const connection = this.#connection;
    if (!connection) throw new StoreError('STORE_CLOSED', 'the store is closed');
    const nowMs = this.#clock.nowMs();
    try {
      return work(connection, nowMs);
    } catch (error) {
      if (!isCorruption(error)) throw this.#describe(error);
      this.#connection = null;
      connection.close();
      this.#connection = this.#replace(error);
      return work(this.#connection, nowMs);
    }
  }

  #connect(): SqliteConnection {
    try {
      return new SqliteConnection(openDatabase(this.#file, this.#clock.nowMs()), this.#limits);
    } catch (error) {
      if (!isCorruption(error)) throw this.#describe(error);
      return this.#replace(error);
    }
  }

  /** Begins anew in an empty file; a second failure is not met with a third try. */
  #replace(reason: unknown): SqliteConnection {
    try {
      const movedTo = moveAside(this.#file, formatTime(this.#clock.nowMs()));
      const connection = new SqliteConnection(openDatabase(this.#file, this.#clock.nowMs()), this.#limits);
      const message = `${this.#file} is damaged (${String(reason)}): it was moved to ${movedTo}, and the store begins empty`;
      this.#onProblem?.({ kind: 'corrupt-file', what: this.#file, movedTo, message });
      return connection;
    } catch (error) {
      throw this.#describe(error);
    }
  }

  #describe(error: unknown): unknown {
    if (error instanceof StoreError) return error;
    const detail = error instanceof Error ? error.message : String(error);
    return new StoreError('STORE_UNUSABLE', `${this.#file} cannot be used: ${detail}`, error);
  }
}
