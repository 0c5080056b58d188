import { LedgerError, type OpenLedger, type RecordFilter, type Summary } from '../ledger.ts';
import type { ListFilter, TimelineRow } from '../ledger.ts';
import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import type { Reuse } from '../reuse.ts';
import { decodeBody } from '../rows.ts';
import { checkBucket } from '../totals.ts';
import { PostgresConnection, PostgresError, type PostgresTarget } from './connection.ts';
import {
  queryList,
  queryPage,
  queryReuse,
  queryScopes,
  querySummary,
  queryTimeline,
  type PostgresCursor,
  type PostgresPage,
} from './postgres-queries.ts';
import { checkPostgresVersion, migratePostgres } from './schema.ts';

/** One state of the database for all parts of an answer. */
const READ_ONLY = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** The server's code for a table that is not there. */
const NO_TABLE = '42P01';

/** Answers questions from a database. */
export class PostgresReader implements OpenLedger {
  readonly #connection: PostgresConnection;

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  /** @throws RangeError for a URL that is none; LedgerError `LEDGER_MISSING`, `LEDGER_UNUSABLE`. */
  static async open(target: PostgresTarget): Promise<PostgresReader> {
    const connection = await PostgresConnection.open(target);
    const reader = new PostgresReader(connection);
    try {
      await connection.transact(READ_ONLY, checkPostgresVersion);
      return reader;
    } catch (error) {
      await reader.close();
      if (!(error instanceof PostgresError) || error.sqlState !== NO_TABLE) throw error;
      throw new LedgerError('LEDGER_MISSING', 'there is no ledger in this database');
    }
  }

  /** Why a ledger could not be kept there; null when it can. */
  static async reach(target: PostgresTarget): Promise<string | null> {
    const connection = await PostgresConnection.open(target);
    try {
      await connection.transact('BEGIN', migratePostgres);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await connection.close();
    }
  }

  summary(filter: RecordFilter = {}): Promise<Summary> {
    return this.#connection.transact(READ_ONLY, (client) => querySummary(client, filter));
  }

  async timeline(filter: RecordFilter, bucketMs: number): Promise<readonly TimelineRow[]> {
    checkBucket(bucketMs);
    return this.#connection.transact(READ_ONLY, (client) => queryTimeline(client, filter, bucketMs));
  }

  reuse(filter: RecordFilter = {}): Promise<Reuse> {
    return this.#connection.transact(READ_ONLY, (client) => queryReuse(client, filter));
  }

  scopes(): Promise<readonly string[]> {
    return this.#connection.transact(READ_ONLY, queryScopes);
  }

  async list(limit: number, before?: string, filter: ListFilter = {}): Promise<readonly RequestRecord[]> {
    const bodies = await this.#connection.transact(READ_ONLY, (client) =>
      queryList(client, limit, before, filter),
    );
    return bodies.map((body) => decodeBody<RequestRecord>(body));
  }

  export(filter: RecordFilter = {}): AsyncIterable<RequestRecord> {
    return this.#pages<RequestRecord>(filter, false);
  }

  exportOwn(filter: RecordFilter = {}): AsyncIterable<OwnCost> {
    return this.#pages<OwnCost>(filter, true);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async *#pages<Kind extends RequestRecord | OwnCost>(
    filter: RecordFilter,
    isOwn: boolean,
  ): AsyncIterable<Kind> {
    let after: PostgresCursor | null = null;
    do {
      const from: PostgresCursor | null = after;
      const page: PostgresPage = await this.#connection.transact(READ_ONLY, (client) =>
        queryPage(client, filter, isOwn, from),
      );
      for (const body of page.bodies) yield decodeBody<Kind>(body);
      after = page.next;
    } while (after !== null);
  }
}
