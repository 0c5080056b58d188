import { LedgerError, type OpenLedger, type RecordFilter, type Summary } from '../ledger.ts';
import type { ListFilter, TimelineRow } from '../ledger.ts';
import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import type { Reuse } from '../reuse.ts';
import { decodeBody } from '../rows.ts';
import type { LedgerQueries } from './ledger-queries.ts';
import { ReopeningReader } from './reopening-reader.ts';
import type { Cursor } from './run-queries.ts';

/** A ledger file that is read by this thread, while another process may be writing it. */
export class LedgerFile implements OpenLedger {
  readonly #file: string;
  readonly #reader: ReopeningReader;

  /** @throws LedgerError `LEDGER_MISSING`, `LEDGER_FOREIGN`, `LEDGER_UNUSABLE`. */
  constructor(file: string) {
    this.#file = file;
    this.#reader = new ReopeningReader(file);
    this.#ask(() => null);
  }

  async summary(filter: RecordFilter = {}): Promise<Summary> {
    return this.#ask((queries) => queries.summary(filter));
  }

  async timeline(filter: RecordFilter, bucketMs: number): Promise<readonly TimelineRow[]> {
    return this.#ask((queries) => queries.timeline(filter, bucketMs));
  }

  async reuse(filter: RecordFilter = {}): Promise<Reuse> {
    return this.#ask((queries) => queries.reuse(filter));
  }

  async scopes(): Promise<readonly string[]> {
    return this.#ask((queries) => queries.scopes());
  }

  async list(limit: number, before?: string, filter: ListFilter = {}): Promise<readonly RequestRecord[]> {
    const bodies = this.#ask((queries) => queries.list(limit, before, filter));
    return bodies.map((body) => decodeBody<RequestRecord>(body));
  }

  export(filter: RecordFilter = {}): AsyncIterable<RequestRecord> {
    return this.#pages<RequestRecord>(filter, false);
  }

  exportOwn(filter: RecordFilter = {}): AsyncIterable<OwnCost> {
    return this.#pages<OwnCost>(filter, true);
  }

  async close(): Promise<void> {
    this.#reader.close();
  }

  async *#pages<Kind extends RequestRecord | OwnCost>(
    filter: RecordFilter,
    isOwn: boolean,
  ): AsyncIterable<Kind> {
    for (let after: Cursor | null | undefined; after !== null;) {
      const from: Cursor | null = after ?? null;
      const { bodies, next } = this.#ask((queries) => queries.page(filter, isOwn, from));
      for (const body of bodies) yield decodeBody<Kind>(body);
      after = next;
    }
  }

  #ask<Result>(run: (queries: LedgerQueries) => Result): Result {
    try {
      return this.#reader.ask(run);
    } catch (error) {
      if (error instanceof LedgerError || error instanceof RangeError) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      throw new LedgerError('LEDGER_UNUSABLE', `${this.#file} cannot be read: ${detail}`, error);
    }
  }
}
