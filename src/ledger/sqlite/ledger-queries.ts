import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

import { TIME_MAX_MS, TIME_MIN_MS, coverSpan, DAY_MS, type Span } from '../rollup.ts';
import { isFiltered, type ListFilter, type RecordFilter, type Summary, type TimelineRow } from '../ledger.ts';
import { ReuseSums, type Reuse } from '../reuse.ts';
import type { RequestRecord } from '../record.ts';
import { AMOUNT_COLUMNS, decodeBody, joinPico, nameOf, toTotals } from '../rows.ts';
import { placeInRun } from '../run-ids.ts';
import { runAtMs, runNumbers, runRecords } from '../runs.ts';
import {
  addMiss,
  addTotals,
  emptyTotals,
  Timeline,
  toSummary,
  type MissTotals,
  type Totals,
} from '../totals.ts';
import { groupBy, whereAmount, whereRollup, type Search } from './conditions.ts';
import { queryList, queryOnly } from './list-queries.ts';
import { queryReuse } from './reuse-queries.ts';
import {
  countHits,
  hitsAfter,
  lastOfRun,
  PAGE_RECORDS,
  toPage,
  type Ask,
  type BodyPage,
  type Cursor,
  type Row,
} from './run-queries.ts';

const SUMS = AMOUNT_COLUMNS.map((name) => `sum(${name})`).join(', ');
const AMOUNTS = AMOUNT_COLUMNS.join(', ');
const MISS_SUMS = 'sum(tokens), sum(usd), sum(pico)';

/** Names that are kept to be looked up again. */
const NAMES_MAX = 10_000;

/** Answers questions from one open file. */
export class LedgerQueries {
  readonly #database: DatabaseSync;
  readonly #names = new Map<number, string>();
  readonly #ask: Ask = (sql, parameters) => this.#all(sql, parameters);

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
        this.#addHits(span, search, () => totals);
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
        this.#addHits(span, search, (atMs, model) => timeline.at(atMs, this.#nameOf(model)).totals);
        this.#addMisses(span, search, bucketMs, (atMs, model) => timeline.at(atMs, model).misses);
      }
      return timeline.rows();
    });
  }

  reuse(filter: RecordFilter): Reuse {
    return this.#inSnapshot(() => {
      const search = this.#search(filter);
      return search === null
        ? new ReuseSums().show()
        : queryReuse(this.#ask, filter, search, this.#keptFromMs());
    });
  }

  /** Every scope has sums of days, of which there are few. */
  scopes(): readonly string[] {
    const sql = 'SELECT DISTINCT scope FROM rollup WHERE level_ms = ? AND tag = 0 AND scope <> 0';
    return this.#all(sql, [DAY_MS]).map(([scope]) => this.#nameOf(Number(scope)));
  }

  /** Texts of the records that were stored before one, the last first; all of them where none is named. */
  list(limit: number, before: string | undefined, filter: ListFilter = {}): readonly string[] {
    const place = before === undefined ? { atMs: 0, seq: Infinity, rowSeq: Infinity } : this.#placeOf(before);
    if (place === null) return [];
    if (isFiltered(filter))
      return this.#inSnapshot(() =>
        this.#listFiltered(limit, before === undefined ? null : [place.atMs, place.seq], filter),
      );
    const bodies: string[] = [];
    const rows = this.#prepare(
      'SELECT seq, body, numbers FROM record WHERE is_own = 0 AND seq <= ? ORDER BY seq DESC',
    );
    const end = Math.min(place.rowSeq, Number.MAX_SAFE_INTEGER);
    // One by one: a run may be all that is asked for.
    for (const [seq, body, numbers] of rows.iterate(end) as Iterable<unknown> as Iterable<Row>) {
      if (numbers === null) {
        if (Number(seq) < place.seq) bodies.push(String(body));
      } else bodies.push(...lastOfRun(String(body), numbers, Number(seq), place.seq, limit - bodies.length));
      if (bodies.length >= limit) break;
    }
    return bodies;
  }

  #listFiltered(limit: number, before: Cursor | null, filter: ListFilter): readonly string[] {
    const search = this.#search(filter);
    const { reason, minCostPicoUsd } = filter;
    const reasonNumber = reason === undefined ? undefined : this.#numberOf(reason);
    if (search === null || reasonNumber === null) return [];
    const wanted = { ...search, reason: reasonNumber, minCostPicoUsd };
    const place = { before, keptFromMs: this.#keptFromMs() };
    if (filter.id === undefined) return queryList(this.#ask, limit, filter, wanted, place);
    const only = this.#placeOf(filter.id);
    return only && limit > 0 ? queryOnly(this.#ask, [only.atMs, only.seq], filter, wanted, place) : [];
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
    const singles = rows.map(([at, number, body]) => ({
      atMs: Number(at),
      seq: Number(number),
      text: () => String(body),
    }));
    if (isOwn) return toPage(singles, [], null);
    const { hits, completeToMs } = hitsAfter(this.#ask, [atMs, seq], filter.toMs ?? TIME_MAX_MS, search);
    return toPage(singles, hits, completeToMs);
  }

  close(): void {
    this.#database.close();
  }

  #all(sql: string, parameters: readonly SQLInputValue[]): readonly Row[] {
    const statement = this.#prepare(sql);
    try {
      return statement.all(...parameters) as unknown as readonly Row[];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Beyond 2^53 only big integers are exact; for everything else numbers are much cheaper.
      statement.setReadBigInts(true);
      return statement.all(...parameters) as unknown as readonly Row[];
    }
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
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

  /** The number of a record, its time, and the number of the row in which it is: a run has that of its last record. */
  #placeOf(id: string): { readonly atMs: number; readonly seq: number; readonly rowSeq: number } | null {
    const ask = 'SELECT seq, numbers, body FROM record WHERE id = ? AND is_own = 0';
    const [single] = this.#all(ask, [nameOf(id)]);
    if (single && single[1] === null) {
      const { atMs } = decodeBody<RequestRecord>(String(single[2]));
      return { atMs: Math.floor(atMs), seq: Number(single[0]), rowSeq: Number(single[0]) };
    }
    const inRun = placeInRun(id);
    const [run] = inRun ? this.#all(ask, [inRun.firstId]) : [];
    const numbers = runNumbers(run?.[1]);
    const records = runRecords(numbers);
    if (!run || !inRun || inRun.index >= records) return null;
    const rowSeq = Number(run[0]);
    return { atMs: runAtMs(numbers, inRun.index), seq: rowSeq - records + 1 + inRun.index, rowSeq };
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

  /** Hits in runs are in no row of their own where sums are made of records. */
  #addHits(
    { levelMs, fromMs, toMs }: Span,
    search: Search,
    totalsAt: (atMs: number, model: number) => Totals,
  ): void {
    if (levelMs > 0) return;
    for (const [atMs, model, hits] of countHits(this.#ask, fromMs, toMs, search)) {
      const totals = totalsAt(atMs, model);
      totals.requests += hits;
      totals.responsesHit += hits;
    }
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

/** A whole number as SQLite gives it; no rows at all have a sum of null. */
function wholeOf(value: Row[number] | undefined): bigint | number {
  return typeof value === 'bigint' ? value : Number(value ?? 0);
}

function toTotalsOf(sums: Row): Totals {
  return toTotals(sums.map(wholeOf));
}
