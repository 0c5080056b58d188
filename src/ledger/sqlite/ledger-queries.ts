import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

import { TIME_MAX_MS, TIME_MIN_MS, coverSpan, type Span } from '../rollup.ts';
import type { RecordFilter, Summary, TimelineRow } from '../ledger.ts';
import { AMOUNT_COLUMNS, joinPico, nameOf, toTotals } from '../rows.ts';
import {
  addMiss,
  addTotals,
  emptyTotals,
  Timeline,
  toSummary,
  type MissTotals,
  type Totals,
} from '../totals.ts';

/** Where an export goes on: after the record of this time and number. */
export type Cursor = readonly [atMs: number, seq: number];

/** Texts of some records, and where to go on; null: there are no more. */
export interface BodyPage {
  readonly bodies: readonly string[];
  readonly next: Cursor | null;
}

/** Records in one page of an export. */
const PAGE_RECORDS = 250;

const SUMS = AMOUNT_COLUMNS.map((name) => `sum(${name})`).join(', ');
const AMOUNTS = AMOUNT_COLUMNS.join(', ');
const MISS_SUMS = 'sum(tokens), sum(usd), sum(pico)';

/** A filter with the names as numbers; undefined: no condition. */
interface Search {
  readonly scope: number | undefined;
  readonly model: number | undefined;
  readonly tag: number | undefined;
}

/** A condition with its parameters. */
interface Where {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

function allOf(conditions: readonly (readonly [string, ...SQLInputValue[]] | null)[]): Where {
  const given = conditions.filter((condition) => condition !== null);
  return {
    sql: given.map(([sql]) => sql).join(' AND '),
    parameters: given.flatMap(([, ...parameters]) => parameters),
  };
}

function whereRollup({ levelMs, fromMs, toMs }: Span, { scope, model, tag }: Search): Where {
  return allOf([
    ['level_ms = ?', levelMs],
    ['tag = ?', tag ?? 0],
    ['scope = ?', scope ?? 0],
    ['bucket_ms >= ? AND bucket_ms < ?', fromMs, toMs],
    model === undefined ? null : ['model = ?', model],
  ]);
}

function whereAmount(fromMs: number, toMs: number, { scope, model, tag }: Search): Where {
  return allOf([
    ['amount.at_ms >= ? AND amount.at_ms < ?', fromMs, toMs],
    scope === undefined ? null : ['amount.scope = ?', scope],
    model === undefined ? null : ['amount.model = ?', model],
    tag === undefined
      ? null
      : [
          'EXISTS (SELECT 1 FROM tagged WHERE tagged.tag = ? AND tagged.at_ms = amount.at_ms AND tagged.seq = amount.seq)',
          tag,
        ],
  ]);
}

type Row = readonly (bigint | number | string | null)[];

/** Names that are kept to be looked up again. */
const NAMES_MAX = 10_000;

/** Answers questions from one open file. */
export class LedgerQueries {
  readonly #database: DatabaseSync;
  readonly #names = new Map<number, string>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  summary(filter: RecordFilter): Summary {
    return this.#inSnapshot(() => {
      const totals = emptyTotals();
      const misses: MissTotals = new Map();
      const search = this.#search(filter);
      if (search === null) return toSummary(totals, misses);
      for (const span of coverSpan(filter, this.#keptFromMs())) {
        for (const [, , ...sums] of this.#sums(span, search, null)) addTotals(totals, toTotalsOf(sums));
        this.#addMisses(span, search, null, () => misses);
      }
      return toSummary(totals, misses);
    });
  }

  timeline(filter: RecordFilter, bucketMs: number): readonly TimelineRow[] {
    const timeline = new Timeline(bucketMs);
    return this.#inSnapshot(() => {
      const search = this.#search(filter);
      if (search === null) return [];
      for (const span of coverSpan(filter, this.#keptFromMs(), bucketMs)) {
        for (const [atMs, model, ...sums] of this.#sums(span, search, bucketMs))
          addTotals(timeline.at(Number(atMs), this.#nameOf(Number(model))).totals, toTotalsOf(sums));
        this.#addMisses(span, search, bucketMs, (atMs, model) => timeline.at(atMs, model).misses);
      }
      return timeline.rows();
    });
  }

  /** Texts of the records that were stored before one, the last first; all of them where none is named. */
  list(limit: number, before: string | undefined): readonly string[] {
    const start = before === undefined ? null : this.#seqOf(before);
    if (start === undefined) return [];
    const rows = this.#all(
      `SELECT body FROM record WHERE is_own = 0 ${start === null ? '' : 'AND seq < ?'} ORDER BY seq DESC LIMIT ?`,
      [...(start === null ? [] : [start]), limit],
    );
    return rows.map(([body]) => String(body));
  }

  /** Texts of records, or of what we spent ourselves, oldest first, after the cursor. */
  page(filter: RecordFilter, isOwn: boolean, after: Cursor | null): BodyPage {
    const search = this.#search(filter);
    // What we send ourselves has no tags.
    if (search === null || (isOwn && search.tag !== undefined)) return { bodies: [], next: null };
    const [atMs, seq] = after ?? [filter.fromMs ?? TIME_MIN_MS, -1];
    const where = whereAmount(atMs, filter.toMs ?? TIME_MAX_MS, search);
    const rows = this.#all(
      `SELECT amount.at_ms, amount.seq, record.body FROM amount JOIN record ON record.seq = amount.seq
       WHERE ${where.sql} AND (amount.at_ms, amount.seq) > (?, ?) AND amount.requests = ?
       ORDER BY amount.at_ms, amount.seq LIMIT ${PAGE_RECORDS}`,
      [...where.parameters, atMs, seq, isOwn ? 0 : 1],
    );
    const last = rows.length < PAGE_RECORDS ? undefined : rows.at(-1);
    return {
      bodies: rows.map(([, , body]) => String(body)),
      next: last ? [Number(last[0]), Number(last[1])] : null,
    };
  }

  close(): void {
    this.#database.close();
  }

  #all(sql: string, parameters: readonly SQLInputValue[]): readonly Row[] {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    try {
      return statement.all(...parameters) as unknown as readonly Row[];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Beyond 2^53 only big integers are exact; for everything else numbers are much cheaper.
      statement.setReadBigInts(true);
      return statement.all(...parameters) as unknown as readonly Row[];
    }
  }

  #nameOf(number: number): string {
    const known = this.#names.get(number);
    if (known !== undefined) return known;
    const [row] = this.#all('SELECT text FROM name WHERE number = ?', [number]);
    const text = String(row?.[0] ?? '');
    if (this.#names.size >= NAMES_MAX) this.#names.clear();
    this.#names.set(number, text);
    return text;
  }

  /** One state of the file for all parts of an answer. */
  #inSnapshot<Result>(run: () => Result): Result {
    this.#database.exec('BEGIN');
    try {
      return run();
    } finally {
      if (this.#database.isTransaction) this.#database.exec('COMMIT');
    }
  }

  /** The filter with names as numbers; null when one of them is not known, so that nothing can match. */
  #search({ scope, model, tag }: RecordFilter): Search | null {
    const numbers = [scope, model, tag].map((text) =>
      text === undefined ? undefined : this.#numberOf(text),
    );
    if (numbers.includes(null)) return null;
    const [scopeNumber, modelNumber, tagNumber] = numbers.map((number) => number ?? undefined);
    return { scope: scopeNumber, model: modelNumber, tag: tagNumber };
  }

  #numberOf(text: string): number | null {
    const [row] = this.#all('SELECT number FROM name WHERE text = ?', [nameOf(text)]);
    return row ? Number(row[0]) : null;
  }

  #seqOf(id: string): number | undefined {
    const [row] = this.#all('SELECT seq FROM record WHERE id = ? AND is_own = 0', [nameOf(id)]);
    return row ? Number(row[0]) : undefined;
  }

  #keptFromMs(): number {
    return Number(this.#all('SELECT from_ms FROM kept', [])[0]?.[0] ?? TIME_MIN_MS);
  }

  /** Sums of a span as rows of time, model and amounts: one row, or, with a length, one for each bucket and model. */
  #sums(span: Span, search: Search, bucketMs: number | null): readonly Row[] {
    const [table, time] = span.levelMs === 0 ? ['amount', 'at_ms'] : ['rollup', 'bucket_ms'];
    const where =
      span.levelMs === 0 ? whereAmount(span.fromMs, span.toMs, search) : whereRollup(span, search);
    const keys = groupBy(`${table}.${time}`, `${table}.model`, bucketMs, span);
    return this.#all(
      `SELECT ${keys.columns}, ${keys.isGrouped ? SUMS : AMOUNTS} FROM ${table} WHERE ${where.sql} ${keys.sql}`,
      where.parameters,
    );
  }

  #addMisses(
    span: Span,
    search: Search,
    bucketMs: number | null,
    missesAt: (atMs: number, model: string) => MissTotals,
  ): void {
    const isRaw = span.levelMs === 0;
    const [table, time, from, requests] = isRaw
      ? ['amount', 'amount.at_ms', 'amount JOIN missed USING (at_ms, seq)', 'count(*)']
      : ['miss_rollup', 'miss_rollup.bucket_ms', 'miss_rollup', 'sum(miss_rollup.requests)'];
    const where = isRaw ? whereAmount(span.fromMs, span.toMs, search) : whereRollup(span, search);
    const keys = groupBy(time, `${table}.model`, bucketMs, span);
    const sums = keys.isGrouped ? `${requests}, ${MISS_SUMS}` : 'requests, tokens, usd, pico';
    const rows = this.#all(
      `SELECT ${keys.columns}, reason, ${sums} FROM ${from}
       WHERE ${where.sql} ${keys.isGrouped ? `${keys.sql === '' ? 'GROUP BY' : `${keys.sql},`} reason` : ''}`,
      where.parameters,
    );
    for (const [atMs, model, reason, count, tokens, usd, pico] of rows) {
      addMiss(missesAt(Number(atMs), bucketMs === null ? '' : this.#nameOf(Number(model))), {
        reason: this.#nameOf(Number(reason)),
        requests: Number(count),
        tokens: Number(tokens),
        costPicoUsd: joinPico(wholeOf(usd), wholeOf(pico)),
      });
    }
  }
}

/** The first two columns of a result, time and model, and how it is grouped by them. */
interface Keys {
  readonly columns: string;
  readonly sql: string;
  /** Buckets that are kept in this very length are there once: nothing has to be added up. */
  readonly isGrouped: boolean;
}

function groupBy(time: string, model: string, bucketMs: number | null, { levelMs }: Span): Keys {
  if (bucketMs === null) return { columns: 'NULL, NULL', sql: '', isGrouped: true };
  if (bucketMs === levelMs) return { columns: `${time}, ${model}`, sql: '', isGrouped: false };
  // Rounded down, for times before 1970 as well.
  const bucket = `${time} - ((${time} % ${bucketMs}) + ${bucketMs}) % ${bucketMs}`;
  return { columns: `${bucket}, ${model}`, sql: `GROUP BY ${bucket}, ${model}`, isGrouped: true };
}

/** A whole number as SQLite gives it; no rows at all have a sum of null. */
function wholeOf(value: Row[number] | undefined): bigint | number {
  return typeof value === 'bigint' ? value : Number(value ?? 0);
}

function toTotalsOf(sums: Row): Totals {
  return toTotals(sums.map(wholeOf));
}
