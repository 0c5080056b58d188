import { formatTime, type CancelTimer, type Clock, type Timers } from '../../runtime/index.ts';
import { BUCKET_MS, LedgerError, type Ledger, type LedgerHealth, type RecordFilter } from '../ledger.ts';
import type { Summary, TimelineRow } from '../ledger.ts';
import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import { HURRY_MS, RowQueue } from '../row-queue.ts';
import { decodeBody, toOwnRow, toRow, type LedgerRow } from '../rows.ts';
import { checkBucket } from '../totals.ts';
import { packRows } from './batch.ts';
import type { AddResult } from './guarded-writer.ts';
import type { BodyPage, Cursor } from './ledger-queries.ts';
import type { ReadMethods } from './read-worker.ts';
import { WorkerLink } from './worker-link.ts';
import type { WriteMethods } from './write-worker.ts';

export interface SqliteLedgerOptions {
  /** Path of the database file; its folder is made where it is missing. */
  readonly file: string;
  /** Days that records are kept. @default 90 */
  readonly recordDays?: number;
  /** Days that their sums are kept, at least as long as records. @default 400 */
  readonly sumDays?: number;
  /** Records that may wait to be stored. @default 100_000 */
  readonly waitingMax?: number;
  /** Characters of records that may wait. @default 64 Mi */
  readonly waitingCharactersMax?: number;
  /** Takes a sentence for people when records cannot be stored, and when they can again. */
  readonly tell?: (sentence: string) => void;
}

/** The world outside. */
export interface SqliteLedgerPorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

const DAY_MS = 86_400_000;

/** How often what is too old is removed, in ms, and the pause between two parts of it. */
const RETENTION_MS = 3_600_000;
const RETENTION_PAUSE_MS = 50;

/** How long after the opening that begins: a start is not the time for it. */
const RETENTION_FIRST_MS = 30_000;

/** Rows in one transaction: the more there are, the fewer pages are written for each. */
const BATCH_ROWS_MAX = 16_000;

/** Rows that are handed to the other thread in one go: copying many would hold up everything else. */
const PART_ROWS = 250;

/** Records of a list that are asked for in one go: turning many into objects would hold up everything else. */
const LIST_PART = 100;

const defaults = {
  recordDays: 90,
  sumDays: 400,
  waitingMax: 100_000,
  waitingCharactersMax: 64 * 1024 * 1024,
  tell: (): void => undefined,
};

/**
 * A ledger in a SQLite file. One thread writes and another answers questions, so that neither a slow disk nor a question
 * holds up this one; all that is done here for a record is to put it into words.
 */
export class SqliteLedger implements Ledger {
  readonly #options: Required<SqliteLedgerOptions>;
  readonly #ports: SqliteLedgerPorts;
  readonly #writing: WorkerLink<WriteMethods>;
  readonly #reading: WorkerLink<ReadMethods>;
  readonly #queue: RowQueue;
  #cancelRetention: CancelTimer | null = null;
  #isClosed = false;

  private constructor(options: SqliteLedgerOptions, ports: SqliteLedgerPorts) {
    const settings = { ...defaults, ...options };
    this.#options = settings;
    this.#ports = ports;
    this.#writing = new WorkerLink('write-worker', settings.file);
    this.#reading = new WorkerLink('read-worker', settings.file);
    this.#queue = new RowQueue({
      sink: { store: (rows) => this.#store(rows) },
      timers: ports.timers,
      tell: settings.tell,
      rowsMax: settings.waitingMax,
      charactersMax: settings.waitingCharactersMax,
      batchRowsMax: BATCH_ROWS_MAX,
    });
  }

  /** @throws LedgerError `LEDGER_FOREIGN`. A file that cannot be had now is no error: it is tried again. */
  static async open(options: SqliteLedgerOptions, ports: SqliteLedgerPorts): Promise<SqliteLedger> {
    const ledger = new SqliteLedger(options, ports);
    try {
      ledger.#tellMoved(await ledger.#writing.call('open', { time: ledger.#time() }));
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'LEDGER_FOREIGN') {
        await ledger.#writing.end();
        throw error;
      }
      ledger.#queue.fail(error instanceof Error ? error.message : String(error));
    }
    ledger.#retainAfter(RETENTION_FIRST_MS);
    return ledger;
  }

  add(record: RequestRecord): void {
    this.#take(() => toRow(record));
  }

  addOwn(cost: OwnCost): void {
    this.#take(() => toOwnRow(cost));
  }

  async summary(filter: RecordFilter = {}): Promise<Summary> {
    await this.#queue.hurry(HURRY_MS);
    return this.#reading.call('summary', { filter });
  }

  async timeline(filter: RecordFilter, bucketMs: number): Promise<readonly TimelineRow[]> {
    checkBucket(bucketMs);
    await this.#queue.hurry(HURRY_MS);
    return this.#reading.call('timeline', { filter, bucketMs });
  }

  async list(limit: number, before?: string): Promise<readonly RequestRecord[]> {
    await this.#queue.hurry(HURRY_MS);
    const records: RequestRecord[] = [];
    let last = before;
    while (records.length < limit) {
      const part = Math.min(LIST_PART, limit - records.length);
      const bodies = await this.#reading.call('list', { limit: part, before: last });
      records.push(...bodies.map((body) => decodeBody<RequestRecord>(body)));
      if (bodies.length < part) break;
      last = records.at(-1)?.id;
    }
    return records;
  }

  export(filter: RecordFilter = {}): AsyncIterable<RequestRecord> {
    return this.#pages<RequestRecord>(filter, false);
  }

  exportOwn(filter: RecordFilter = {}): AsyncIterable<OwnCost> {
    return this.#pages<OwnCost>(filter, true);
  }

  health(): LedgerHealth {
    return this.#queue.health();
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRetention?.();
    await this.#queue.flush();
    await this.#queue.stop();
    const { waiting, problem } = this.#queue.health();
    if (waiting > 0) this.#options.tell(`${waiting} records are lost, for they cannot be stored: ${problem}`);
    await Promise.allSettled([this.#writing.call('close', null), this.#reading.end()]);
    await this.#writing.end();
  }

  #time(): string {
    return formatTime(this.#ports.clock.nowMs());
  }

  #take(makeRow: () => LedgerRow): void {
    try {
      if (this.#isClosed) throw new LedgerError('LEDGER_CLOSED', 'the ledger is closed');
      this.#queue.add(makeRow());
    } catch {
      this.#queue.drop(1);
    }
  }

  async #store(rows: readonly LedgerRow[]): Promise<number> {
    // Nothing of an earlier try that failed half-way is left there.
    let isFirst = true;
    let from = 0;
    for (; rows.length - from > PART_ROWS; from += PART_ROWS) {
      await this.#writing.call('hold', { batch: packRows(rows.slice(from, from + PART_ROWS)), isFirst });
      isFirst = false;
    }
    const batch = packRows(rows.slice(from));
    const result = await this.#writing.call('add', { batch, isFirst, time: this.#time() });
    this.#tellMoved(result);
    return result.refused;
  }

  #tellMoved({ movedTo }: AddResult): void {
    if (movedTo === null) return;
    const { file, tell } = this.#options;
    tell(`${file} is damaged: it was moved to ${movedTo}, and the ledger begins anew`);
    void this.#reading.call('close', null).catch(() => undefined);
  }

  async *#pages<Kind extends RequestRecord | OwnCost>(
    filter: RecordFilter,
    isOwn: boolean,
  ): AsyncIterable<Kind> {
    let after: Cursor | null = null;
    do {
      const { bodies, next }: BodyPage = await this.#reading.call('page', { filter, isOwn, after });
      for (const body of bodies) yield decodeBody<Kind>(body);
      after = next;
    } while (after !== null);
  }

  #retainAfter(delayMs: number): void {
    this.#cancelRetention = this.#ports.timers.after(delayMs, () => void this.#retain(), true);
  }

  /** Removes a part of what is too old, and goes on soon while there is more. */
  async #retain(): Promise<void> {
    const { recordDays, sumDays } = this.#options;
    const nowMs = this.#ports.clock.nowMs();
    // Whole buckets, so that no sum is of records of which some are gone.
    const daysAgo = (days: number): number => Math.floor((nowMs - days * DAY_MS) / BUCKET_MS) * BUCKET_MS;
    const isMore = await this.#writing
      .call('remove', {
        recordsBeforeMs: daysAgo(recordDays),
        sumsBeforeMs: daysAgo(Math.max(recordDays, sumDays)),
        time: this.#time(),
      })
      .catch(() => false);
    if (!this.#isClosed) this.#retainAfter(isMore ? RETENTION_PAUSE_MS : RETENTION_MS);
  }
}
