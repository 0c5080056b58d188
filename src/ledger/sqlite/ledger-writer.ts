import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { rollUpReuse } from '../reuse-rollup.ts';
import { ALL, rollUp, type RollupRow } from '../rollup.ts';
import { AMOUNT_COLUMNS, COUNT_COLUMNS, MONEY_COLUMNS, recordsOf, type LedgerRow } from '../rows.ts';
import { runAtMs } from '../runs.ts';

/** Records that retention removes in one transaction, so that what is to be written does not wait long. */
const REMOVED_MAX = 2_000;

/** The same for runs, each of which stands for up to a thousand. */
const REMOVED_RUNS_MAX = 100;

/** Pages that are given back to the file system in one go. */
const VACUUM_PAGES = 500;

const AMOUNTS = AMOUNT_COLUMNS.join(', ');

function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ');
}

const addPlain = (name: string): string => `${name} = ${name} + excluded.${name}`;

/** Both parts of an amount, with the carry from pico-dollars to dollars. */
function addMoney(usd: string, pico: string): string {
  return `${usd} = ${usd} + excluded.${usd} + (${pico} + excluded.${pico}) / 1000000000000,
    ${pico} = (${pico} + excluded.${pico}) % 1000000000000`;
}

type Statements = Readonly<
  Record<
    | 'findName'
    | 'addName'
    | 'record'
    | 'runRecord'
    | 'run'
    | 'amount'
    | 'tagged'
    | 'missed'
    | 'rollup'
    | 'missRollup'
    | 'reuseRollup',
    StatementSync
  >
>;

function prepareStatements(database: DatabaseSync): Statements {
  const plain = COUNT_COLUMNS.map(addPlain).join(', ');
  const money = MONEY_COLUMNS.map((name) => addMoney(`${name}_usd`, `${name}_pico`)).join(', ');
  return {
    findName: database.prepare('SELECT number FROM name WHERE text = ?'),
    addName: database.prepare('INSERT INTO name (text) VALUES (?)'),
    record: database.prepare('INSERT OR IGNORE INTO record (id, is_own, body) VALUES (?, ?, ?)'),
    runRecord: database.prepare(
      `INSERT OR IGNORE INTO record (seq, id, is_own, body, numbers)
       SELECT coalesce(max(seq), 0) + ?, ?, 0, ?, ? FROM record`,
    ),
    run: database.prepare('INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)'),
    amount: database.prepare(
      `INSERT INTO amount (at_ms, seq, scope, model, reuse, ${AMOUNTS}) VALUES (${marks(5 + AMOUNT_COLUMNS.length)})`,
    ),
    tagged: database.prepare('INSERT INTO tagged VALUES (?, ?, ?)'),
    missed: database.prepare('INSERT INTO missed VALUES (?, ?, ?, ?, ?, ?)'),
    rollup: database.prepare(
      `INSERT INTO rollup (level_ms, tag, scope, bucket_ms, model, ${AMOUNTS})
       VALUES (${marks(5 + AMOUNT_COLUMNS.length)}) ON CONFLICT DO UPDATE SET ${plain}, ${money}`,
    ),
    missRollup: database.prepare(
      `INSERT INTO miss_rollup VALUES (${marks(10)}) ON CONFLICT DO UPDATE SET
        ${addPlain('requests')}, ${addPlain('tokens')}, ${addMoney('usd', 'pico')}`,
    ),
    reuseRollup: database.prepare(
      `INSERT INTO reuse_rollup VALUES (${marks(7)}) ON CONFLICT DO UPDATE SET
        ${addPlain('requests')}, ${addMoney('usd', 'pico')}`,
    ),
  };
}

/** Writes into one open file. Records and their sums go in together, so one is never there without the other. */
export class LedgerWriter {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #names = new Map<string, number>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepareStatements(database);
  }

  /** Stores rows, all or none of them; what is stored already is passed over. */
  add(rows: readonly LedgerRow[]): void {
    this.#inTransaction(() => {
      const added = rows.filter((row) => this.#addRow(row));
      // In the order of the table: neighbours are on the same page.
      for (const rollup of rollUp(added)) this.#addRollup(rollup);
      for (const { levelMs, bucketMs, model, code, requests, usd, pico } of rollUpReuse(added)) {
        const place = [levelMs, bucketMs, this.#numberOf(model), code];
        this.#statements.reuseRollup.run(...place, requests, usd, pico);
      }
    });
  }

  /**
   * Removes records from before a time, and sums from before another, a part of them at a time.
   *
   * @returns whether there is more to remove.
   */
  remove(recordsBeforeMs: number, sumsBeforeMs: number): boolean {
    return this.#inTransaction(() => {
      const last = this.#database
        .prepare(
          `SELECT at_ms AS atMs, seq FROM amount WHERE at_ms < ? ORDER BY at_ms, seq LIMIT 1 OFFSET ${REMOVED_MAX - 1}`,
        )
        .get(recordsBeforeMs);
      const end = [Number(last?.['atMs'] ?? recordsBeforeMs), Number(last?.['seq'] ?? -1)];
      const isBefore = '(at_ms, seq) <= (?, ?)';
      this.#run(`DELETE FROM record WHERE seq IN (SELECT seq FROM amount WHERE ${isBefore})`, end);
      for (const table of ['missed', 'amount']) this.#run(`DELETE FROM ${table} WHERE ${isBefore}`, end);
      const isMoreRuns = this.#removeRuns(recordsBeforeMs);
      if (last !== undefined || isMoreRuns) return true;
      this.#run('DELETE FROM tagged WHERE at_ms < ?', [recordsBeforeMs]);
      for (const table of ['rollup', 'miss_rollup', 'reuse_rollup'])
        this.#run(`DELETE FROM ${table} WHERE bucket_ms < ?`, [sumsBeforeMs]);
      return false;
    }, recordsBeforeMs);
  }

  /** Runs lie within buckets: a time between two of them parts none. */
  #removeRuns(beforeMs: number): boolean {
    const runs = `SELECT from_ms, seq FROM run WHERE from_ms < ? ORDER BY from_ms, seq LIMIT ${REMOVED_RUNS_MAX}`;
    this.#run(`DELETE FROM record WHERE seq IN (SELECT seq FROM (${runs}))`, [beforeMs]);
    const { changes } = this.#run(`DELETE FROM run WHERE (from_ms, seq) IN (${runs})`, [beforeMs]);
    return changes === REMOVED_RUNS_MAX;
  }

  /** Gives room of removed records back to the file system, a part of it at a time. */
  compact(): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
  }

  close(): void {
    this.#database.close();
  }

  #run(sql: string, parameters: readonly number[]): { readonly changes: number | bigint } {
    return this.#database.prepare(sql).run(...parameters);
  }

  #addRow(row: LedgerRow): boolean {
    if (row.run) return this.#addRun(row, row.run);
    const { record, amount, tagged, missed } = this.#statements;
    const { changes, lastInsertRowid: seq } = record.run(row.id, row.isOwn ? 1 : 0, row.body);
    if (changes === 0) return false;
    const { atMs } = row;
    const names = [this.#numberOf(row.scope), this.#numberOf(row.model)];
    amount.run(atMs, seq, ...names, row.reuse ?? 0, ...row.amounts);
    for (const tag of row.tags) tagged.run(this.#numberOf(tag), atMs, seq);
    for (const { reason, tokens, usd, pico } of row.misses)
      missed.run(atMs, seq, this.#numberOf(reason), tokens, usd, pico);
    return true;
  }

  #addRun(row: LedgerRow, numbers: Float64Array): boolean {
    const { runRecord, run, tagged } = this.#statements;
    const records = recordsOf(row);
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const { changes, lastInsertRowid: seq } = runRecord.run(records, row.id, row.body, bytes);
    if (changes === 0) return false;
    const { atMs } = row;
    const toMs = runAtMs(numbers, records - 1);
    run.run(atMs, seq, toMs, records, this.#numberOf(row.scope), this.#numberOf(row.model));
    for (const tag of row.tags) tagged.run(this.#numberOf(tag), atMs, seq);
    return true;
  }

  #addRollup({ levelMs, bucketMs, tag, scope, model, amounts, misses }: RollupRow): void {
    const place = [levelMs, this.#numberOf(tag), this.#numberOf(scope), bucketMs, this.#numberOf(model)];
    this.#statements.rollup.run(...place, ...amounts);
    for (const { reason, requests, tokens, usd, pico } of misses)
      this.#statements.missRollup.run(...place, this.#numberOf(reason), requests, tokens, usd, pico);
  }

  #numberOf(text: string): number {
    if (text === ALL) return 0;
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const { findName, addName } = this.#statements;
    const found = findName.get(text)?.['number'];
    const number = Number(found ?? addName.run(text).lastInsertRowid);
    // A caller may send any number of names.
    if (this.#names.size >= 10_000) this.#names.clear();
    this.#names.set(text, number);
    return number;
  }

  #inTransaction<Result>(run: () => Result, keptFromMs?: number): Result {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      if (keptFromMs !== undefined) this.#run('UPDATE kept SET from_ms = max(from_ms, ?)', [keptFromMs]);
      const result = run();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // Names that were added in it are gone with it.
      this.#names.clear();
      // A full disk or a damaged file ends the transaction by itself, and a second end would hide the first error.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
