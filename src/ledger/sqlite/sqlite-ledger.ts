import { formatTime, systemRandom, type Clock, type Random, type Timers } from '../../runtime/index.ts';
import type { AlikeRecords } from '../alike.ts';
import { keepingOptions, Retention, type KeepingOptions } from '../keeping.ts';
import { LedgerError, type Ledger, type LedgerHealth, type RecordFilter } from '../ledger.ts';
import type { ListFilter, Summary, TimelineRow } from '../ledger.ts';
import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import type { Reuse } from '../reuse.ts';
import { HURRY_MS, RowQueue } from '../row-queue.ts';
import { decodeBody, recordsOf, toOwnRow, toRow, type LedgerRow } from '../rows.ts';
import { OpenRuns } from '../runs.ts';
import { checkBucket } from '../totals.ts';
import { packRows } from './batch.ts';
import type { AddResult } from './guarded-writer.ts';
import type { BodyPage, Cursor } from './run-queries.ts';
import type { ReadMethods } from './read-worker.ts';
import { WorkerLink } from './worker-link.ts';
import type { WriteMethods } from './write-worker.ts';

export interface SqliteLedgerOptions extends KeepingOptions {
  /** Path of the database file; its folder is made where it is missing. */
  readonly file: string;
  /** Characters of records that may wait. @default 64 Mi */
  readonly waitingCharactersMax?: number;
}

/** The world outside. */
export interface SqliteLedgerPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** @default the machine's randomness */
  readonly random?: Random;
}

/** When what is too old is removed, and the pause between two parts of it, in ms. */
const RETENTION = { firstMs: 30_000, pauseMs: 50 };

/** Rows in one transaction: the more there are, the fewer pages are written for each. */
const BATCH_ROWS_MAX = 16_000;

/** Rows that are handed to the other thread in one go: copying many would hold up everything else. */
const PART_ROWS = 250;

/** Records of a list that are asked for in one go: turning many into objects would hold up everything else. */
const LIST_PART = 100;

const WAITING_CHARACTERS_MAX = 64 * 1024 * 1024;

/**
 * A ledger in a SQLite file. One thread writes and another answers questions, so that neither a slow disk nor a question
 * holds up this one; all that is done here for a record is to put it into words.
 */
export class SqliteLedger implements Ledger {
  readonly #file: string;
  readonly #tell: (sentence: string) => void;
  readonly #clock: Clock;
  readonly #writing: WorkerLink<WriteMethods>;
  readonly #reading: WorkerLink<ReadMethods>;
  readonly #queue: RowQueue;
  readonly #runs: OpenRuns;
  readonly #retention: Retention;
  #isClosed = false;

  private constructor(options: SqliteLedgerOptions, ports: SqliteLedgerPorts) {
    const { file, waitingCharactersMax = WAITING_CHARACTERS_MAX } = options;
    const { tell, waitingMax, ...days } = keepingOptions(options);
    this.#file = file;
    this.#tell = tell;
    this.#clock = ports.clock;
    this.#writing = new WorkerLink('write-worker', file);
    this.#reading = new WorkerLink('read-worker', file);
    this.#runs = new OpenRuns({
      random: ports.random ?? systemRandom,
      add: (row) => this.#take(() => row, recordsOf(row)),
      addOne: (record) => this.add(record),
      wake: () => this.#queue.wake(),
    });
    this.#queue = new RowQueue({
      open: this.#runs,
      sink: { store: (rows) => this.#store(rows) },
      timers: ports.timers,
      tell,
      rowsMax: waitingMax,
      charactersMax: waitingCharactersMax,
      batchRowsMax: BATCH_ROWS_MAX,
    });
    this.#retention = new Retention({
      ...ports,
      ...days,
      ...RETENTION,
      remove: (recordsBeforeMs, sumsBeforeMs) =>
        this.#writing.call('remove', { recordsBeforeMs, sumsBeforeMs, time: this.#time() }),
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
    ledger.#retention.start();
    return ledger;
  }

  add(record: RequestRecord): void {
    if (this.#isClosed) this.#queue.drop(1);
    else this.#queue.addLater(() => toRow(record));
  }

  alike(common: RequestRecord): AlikeRecords | null {
    try {
      return this.#runs.alike(common);
    } catch {
      return null;
    }
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

  async reuse(filter: RecordFilter = {}): Promise<Reuse> {
    await this.#queue.hurry(HURRY_MS);
    return this.#reading.call('reuse', { filter });
  }

  async list(limit: number, before?: string, filter: ListFilter = {}): Promise<readonly RequestRecord[]> {
    await this.#queue.hurry(HURRY_MS);
    const records: RequestRecord[] = [];
    let last = before;
    while (records.length < limit) {
      const part = Math.min(LIST_PART, limit - records.length);
      const bodies = await this.#reading.call('list', { limit: part, before: last, filter });
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
    this.#runs.closeAll();
    this.#isClosed = true;
    this.#retention.stop();
    await this.#queue.flush();
    await this.#queue.stop();
    const { waiting, problem } = this.#queue.health();
    if (waiting > 0) this.#tell(`${waiting} records are lost, for they cannot be stored: ${problem}`);
    await Promise.all([this.#writing.end(), this.#reading.end()]);
  }

  #time(): string {
    return formatTime(this.#clock.nowMs());
  }

  #take(makeRow: () => LedgerRow, records = 1): void {
    try {
      if (this.#isClosed) throw new LedgerError('LEDGER_CLOSED', 'the ledger is closed');
      this.#queue.add(makeRow());
    } catch {
      this.#queue.drop(records);
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
    this.#tell(`${this.#file} is damaged: it was moved to ${movedTo}, and the ledger begins anew`);
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
}
