import type { Clock, Timers } from '../../runtime/index.ts';
import {
  LedgerError,
  type Ledger,
  type LedgerHealth,
  type ListFilter,
  type RecordFilter,
} from '../ledger.ts';
import type { Summary, TimelineRow } from '../ledger.ts';
import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import type { Reuse } from '../reuse.ts';
import { keepingOptions, Retention, type KeepingOptions } from '../keeping.ts';
import { HURRY_MS, RowQueue } from '../row-queue.ts';
import { toOwnRow, toRow, type LedgerRow } from '../rows.ts';
import { PostgresConnection, PostgresError } from './connection.ts';
import { insertRows } from './insert-rows.ts';
import { PostgresReader } from './postgres-reader.ts';
import { removeOld } from './retention.ts';
import { migratePostgres } from './schema.ts';
import { Spool } from './spool.ts';
import { SpoolingSink } from './spooling-sink.ts';

export interface PostgresLedgerOptions extends KeepingOptions {
  /** `postgres://user:password@host:port/database`; it is never shown. */
  readonly url: string;
  /** File in which records wait while the server is away; its folder is made where it is missing. */
  readonly spoolFile: string;
  /** The most that it may become, in bytes. @default 1 GiB */
  readonly spoolBytesMax?: number;
  /** How long an answer of the server may take, in ms. @default 25_000 */
  readonly answerMs?: number;
}

/** The world outside. */
export interface PostgresLedgerPorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Rows in one transaction: they are made into a statement on the thread that serves requests. */
const BATCH_ROWS_MAX = 300;

const WAITING_CHARACTERS_MAX = 64 * 1024 * 1024;
const SPOOL_BYTES_MAX = 1024 * 1024 * 1024;

/** When what is too old is removed, and the pause between two parts of it, in ms. */
const RETENTION = { firstMs: 60_000, pauseMs: 250 };

/** Classes of the server's codes for what lies in the rows: data, constraints, limits of the program. */
const ROW_ERROR = /^(?:22|23|54)/;

/**
 * A ledger in Postgres, for any number of gateways. Records wait in memory and, while the server is away, in a file of this
 * gateway; each is stored once, however often it is sent.
 */
export class PostgresLedger implements Ledger {
  readonly #connection: PostgresConnection;
  readonly #reader: PostgresReader;
  readonly #sink: SpoolingSink;
  readonly #queue: RowQueue;
  #isMigrated = false;
  #isClosed = false;
  readonly #retention: Retention;

  private constructor(
    options: PostgresLedgerOptions,
    ports: PostgresLedgerPorts,
    connection: PostgresConnection,
    spool: Spool,
  ) {
    this.#connection = connection;
    this.#reader = new PostgresReader(connection);
    const { tell, waitingMax, ...days } = keepingOptions(options);
    const store = (rows: readonly LedgerRow[]): Promise<number> => this.#store(rows);
    this.#sink = new SpoolingSink({ store, spool, timers: ports.timers, tell });
    this.#queue = new RowQueue({
      sink: this.#sink,
      timers: ports.timers,
      tell,
      rowsMax: waitingMax,
      charactersMax: WAITING_CHARACTERS_MAX,
      batchRowsMax: BATCH_ROWS_MAX,
    });
    this.#retention = new Retention({
      ...ports,
      ...days,
      ...RETENTION,
      // One gateway at a time does.
      remove: (recordsMs, sumsMs) =>
        connection.transact('BEGIN', (client) => removeOld(client, recordsMs, sumsMs)),
    });
    this.#retention.start();
  }

  /**
   * Opens the ledger. A server that is not there is no error: records wait for it.
   *
   * @throws RangeError for a URL that is none; LedgerError `LEDGER_FOREIGN` for a database of a newer version,
   *   `LEDGER_UNUSABLE` when the package pg is not installed or the file to wait in cannot be had.
   */
  static async open(options: PostgresLedgerOptions, ports: PostgresLedgerPorts): Promise<PostgresLedger> {
    const connection = await PostgresConnection.open(options);
    const spool = await Spool.open(options.spoolFile, options.spoolBytesMax ?? SPOOL_BYTES_MAX).catch(
      (error: unknown) => {
        throw new LedgerError(
          'LEDGER_UNUSABLE',
          `${options.spoolFile} cannot be used: ${String(error)}`,
          error,
        );
      },
    );
    const ledger = new PostgresLedger(options, ports, connection, spool);
    try {
      await ledger.#migrate();
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'LEDGER_FOREIGN') {
        await ledger.close();
        throw error;
      }
      ledger.#sink.fail(error);
    }
    return ledger;
  }

  add(record: RequestRecord): void {
    if (this.#isClosed) this.#queue.drop(1);
    else this.#queue.addLater(() => toRow(record));
  }

  addOwn(cost: OwnCost): void {
    this.#take(() => toOwnRow(cost));
  }

  async summary(filter: RecordFilter = {}): Promise<Summary> {
    await this.#queue.hurry(HURRY_MS);
    return this.#reader.summary(filter);
  }

  async timeline(filter: RecordFilter, bucketMs: number): Promise<readonly TimelineRow[]> {
    await this.#queue.hurry(HURRY_MS);
    return this.#reader.timeline(filter, bucketMs);
  }

  async reuse(filter: RecordFilter = {}): Promise<Reuse> {
    await this.#queue.hurry(HURRY_MS);
    return this.#reader.reuse(filter);
  }

  async list(limit: number, before?: string, filter: ListFilter = {}): Promise<readonly RequestRecord[]> {
    await this.#queue.hurry(HURRY_MS);
    return this.#reader.list(limit, before, filter);
  }

  export(filter: RecordFilter = {}): AsyncIterable<RequestRecord> {
    return this.#reader.export(filter);
  }

  exportOwn(filter: RecordFilter = {}): AsyncIterable<OwnCost> {
    return this.#reader.exportOwn(filter);
  }

  health(): LedgerHealth {
    const { waiting, dropped, problem } = this.#queue.health();
    return {
      waiting: waiting + this.#sink.waiting,
      dropped: dropped + this.#sink.dropped,
      problem: problem ?? this.#sink.problem,
    };
  }

  async flush(): Promise<void> {
    await this.#queue.flush();
    await this.#sink.drain();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#retention.stop();
    // What the server does not take now is in the file for the next time.
    await this.#queue.flush();
    await this.#queue.stop();
    await this.#sink.close();
    await this.#connection.close();
  }

  #take(makeRow: () => LedgerRow): void {
    try {
      if (this.#isClosed) throw new LedgerError('LEDGER_CLOSED', 'the ledger is closed');
      this.#queue.add(makeRow());
    } catch {
      this.#queue.drop(1);
    }
  }

  async #migrate(): Promise<void> {
    if (this.#isMigrated) return;
    await this.#connection.transact('BEGIN', migratePostgres);
    this.#isMigrated = true;
  }

  async #store(rows: readonly LedgerRow[]): Promise<number> {
    await this.#migrate();
    return this.#storeAll(rows);
  }

  async #storeAll(rows: readonly LedgerRow[]): Promise<number> {
    try {
      await this.#connection.transact('BEGIN', (client) => insertRows(client, rows));
      return 0;
    } catch (error) {
      if (!(error instanceof PostgresError) || !ROW_ERROR.test(error.sqlState ?? '')) throw error;
      if (rows.length === 1) return 1;
      // Halves, until what cannot be stored is alone.
      const middle = rows.length >> 1;
      return (await this.#storeAll(rows.slice(0, middle))) + (await this.#storeAll(rows.slice(middle)));
    }
  }
}
