import type { PoolClient } from 'pg';

import { isFiltered, type ListFilter, type RecordFilter, type Summary, type TimelineRow } from '../ledger.ts';
import { coverReuse, EXPIRED } from '../reuse-rollup.ts';
import { ReuseSums, type Reuse } from '../reuse.ts';
import { ALL, coverSpan, DAY_MS, TIME_MAX_MS, TIME_MIN_MS, type Span } from '../rollup.ts';
import { nameOf } from '../rows.ts';
import {
  addMiss,
  addTotals,
  COUNTS,
  emptyTotals,
  MONEY,
  Timeline,
  toSummary,
  type MissTotals,
  type Totals,
} from '../totals.ts';
import { SUM_COLUMNS } from './schema.ts';

/** Where an export goes on: after the record of this time and number. */
export type PostgresCursor = readonly [atMs: string, seq: string];

/** Texts of some records, and where to go on; null: there are no more. */
export interface PostgresPage {
  readonly bodies: readonly string[];
  readonly next: PostgresCursor | null;
}

/** Records in one page of an export. */
const PAGE_RECORDS = 250;

/** Conditions and their parameters. */
class Where {
  readonly parameters: unknown[] = [];
  readonly #conditions: string[] = [];

  /** Adds a condition; `?` stands for the value. */
  and(condition: string, value: unknown): this {
    this.#conditions.push(condition.replace('?', this.parameter(value)));
    return this;
  }

  /** A value that is no condition by itself; gives what stands for it. */
  parameter(value: unknown): string {
    this.parameters.push(value);
    return `$${this.parameters.length}`;
  }

  given(condition: string, name: string | undefined): this {
    return name === undefined ? this : this.and(condition, nameOf(name));
  }

  get sql(): string {
    return this.#conditions.join(' AND ');
  }
}

function whereSpan({ levelMs, fromMs, toMs }: Span, { scope, model, tag }: RecordFilter): Where {
  if (levelMs === 0) return whereRecord({ fromMs, toMs, scope, model, tag });
  return new Where()
    .and('level_ms = ?', levelMs)
    .and('tag = ?', tag === undefined ? ALL : nameOf(tag))
    .and('scope = ?', scope === undefined ? ALL : nameOf(scope))
    .and('bucket_ms >= ?', fromMs)
    .and('bucket_ms < ?', toMs)
    .given('model = ?', model);
}

/** Times of records are whole; a limit between two of them is the next one. */
function whereRecord({ fromMs, toMs, scope, model, tag }: RecordFilter): Where {
  return new Where()
    .and('at_ms >= ?', Math.ceil(fromMs ?? TIME_MIN_MS))
    .and('at_ms < ?', Math.ceil(toMs ?? TIME_MAX_MS))
    .given('scope = ?', scope)
    .given('model = ?', model)
    .given('tags @> ARRAY[?::text]', tag);
}

/** Time and model as the first columns, and how a result is grouped by them. */
function groupBy(time: string, bucketMs: number | null): readonly [string, readonly string[]] {
  if (bucketMs === null) return ['NULL AS at_ms, NULL AS model', []];
  return [`floor(${time}::numeric / ${bucketMs}) * ${bucketMs} AS at_ms, model`, ['1', 'model']];
}

type SumRow = Readonly<Record<string, string | null>>;

function toTotals(row: SumRow): Totals {
  const totals = emptyTotals();
  for (const [index, name] of COUNTS.entries()) totals[name] = Number(row[SUM_COLUMNS[index] ?? ''] ?? 0);
  for (const [index, name] of MONEY.entries())
    totals[name] = BigInt(row[SUM_COLUMNS[COUNTS.length + index] ?? ''] ?? 0);
  return totals;
}

async function sumsOf(
  client: PoolClient,
  span: Span,
  filter: RecordFilter,
  bucketMs: number | null,
): Promise<readonly SumRow[]> {
  const [table, time] =
    span.levelMs === 0 ? ['cachewright_record', 'at_ms'] : ['cachewright_rollup', 'bucket_ms'];
  const where = whereSpan(span, filter);
  const [keys, group] = groupBy(time, bucketMs);
  const sums = SUM_COLUMNS.map((name) => `sum(${name}) AS ${name}`).join(', ');
  const grouped = group.length === 0 ? '' : `GROUP BY ${group.join(', ')}`;
  const { rows } = await client.query<SumRow>(
    `SELECT ${keys}, ${sums} FROM ${table} WHERE ${where.sql} ${grouped}`,
    where.parameters,
  );
  return rows;
}

async function addMisses(
  client: PoolClient,
  span: Span,
  filter: RecordFilter,
  bucketMs: number | null,
  missesAt: (atMs: number, model: string) => MissTotals,
): Promise<void> {
  const isRaw = span.levelMs === 0;
  const [from, time, requests] = isRaw
    ? ['cachewright_record JOIN cachewright_missed missed USING (seq)', 'at_ms', 'count(*)']
    : ['cachewright_miss_rollup missed', 'bucket_ms', 'sum(missed.requests)'];
  const where = whereSpan(span, filter);
  const [keys, group] = groupBy(time, bucketMs);
  const { rows } = await client.query<SumRow>(
    `SELECT ${keys}, reason, ${requests} AS requests, sum(missed.tokens) AS tokens,
       sum(missed.cost_pico_usd) AS cost FROM ${from} WHERE ${where.sql} GROUP BY ${[...group, 'reason'].join(', ')}`,
    where.parameters,
  );
  for (const row of rows) {
    addMiss(missesAt(Number(row['at_ms']), row['model'] ?? ''), {
      reason: row['reason'] ?? '',
      requests: Number(row['requests']),
      tokens: Number(row['tokens']),
      costPicoUsd: BigInt(row['cost'] ?? 0),
    });
  }
}

async function keptFromMsOf(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ from_ms: string }>('SELECT from_ms FROM cachewright_kept');
  return Number(rows[0]?.from_ms ?? TIME_MIN_MS);
}

async function spansOf(
  client: PoolClient,
  filter: RecordFilter,
  bucketMs?: number,
): Promise<readonly Span[]> {
  return coverSpan(filter, await keptFromMsOf(client), bucketMs);
}

/** The sums of what the filter leaves, within the caller's transaction. */
export async function querySummary(client: PoolClient, filter: RecordFilter): Promise<Summary> {
  const totals = emptyTotals();
  const misses: MissTotals = new Map();
  for (const span of await spansOf(client, filter)) {
    for (const row of await sumsOf(client, span, filter, null)) addTotals(totals, toTotals(row));
    await addMisses(client, span, filter, null, () => misses);
  }
  return toSummary(totals, misses);
}

/** The rows of a timeline, within the caller's transaction. */
export async function queryTimeline(
  client: PoolClient,
  filter: RecordFilter,
  bucketMs: number,
): Promise<readonly TimelineRow[]> {
  const timeline = new Timeline(bucketMs);
  for (const span of await spansOf(client, filter, bucketMs)) {
    for (const row of await sumsOf(client, span, filter, bucketMs))
      addTotals(timeline.at(Number(row['at_ms']), row['model'] ?? '').totals, toTotals(row));
    await addMisses(client, span, filter, bucketMs, (atMs, model) => timeline.at(atMs, model).misses);
  }
  return timeline.rows();
}

/** Codes with their requests and what those paid for what had expired. */
async function reuseOf(
  client: PoolClient,
  span: Span,
  { scope, model, tag }: RecordFilter,
): Promise<readonly SumRow[]> {
  const { levelMs, fromMs, toMs } = span;
  const isRaw = levelMs === 0;
  const where = isRaw
    ? whereRecord({ fromMs, toMs, scope, model, tag })
    : new Where()
        .and('level_ms = ?', levelMs)
        .and('bucket_ms >= ?', fromMs)
        .and('bucket_ms < ?', toMs)
        .given('model = ?', model);
  const from = isRaw
    ? `(SELECT at_ms, scope, model, tags, reuse AS code, 1 AS requests, coalesce((
         SELECT missed.cost_pico_usd FROM cachewright_missed missed
         WHERE missed.seq = record.seq AND missed.reason = '${EXPIRED}'), 0) AS cost_pico_usd
       FROM cachewright_record record WHERE reuse <> 0) wanted`
    : 'cachewright_reuse_rollup';
  const { rows } = await client.query<SumRow>(
    `SELECT code, sum(requests) AS requests, sum(cost_pico_usd) AS cost FROM ${from} WHERE ${where.sql} GROUP BY code`,
    where.parameters,
  );
  return rows;
}

/** How long after their last use prefixes were wanted again, within the caller's transaction. */
export async function queryReuse(client: PoolClient, filter: RecordFilter): Promise<Reuse> {
  const sums = new ReuseSums();
  for (const span of coverReuse(filter, await keptFromMsOf(client))) {
    for (const row of await reuseOf(client, span, filter))
      sums.add(Number(row['code']), Number(row['requests']), BigInt(row['cost'] ?? 0));
  }
  return sums.show();
}

/** Names of all scopes: every one has sums of days, of which there are few. */
export async function queryScopes(client: PoolClient): Promise<readonly string[]> {
  const { rows } = await client.query<{ scope: string }>(
    'SELECT DISTINCT scope FROM cachewright_rollup WHERE level_ms = $1 AND tag = $2 AND scope <> $2',
    [DAY_MS, ALL],
  );
  return rows.map(({ scope }) => scope);
}

/** What is kept of a reason's misses, beside the record that has them. */
const MISSED = 'cachewright_missed missed WHERE missed.seq = cachewright_record.seq AND reason = ?';

/** The conditions of a list, and its order: as records were stored, by time with a filter, or by what was lost. */
function whereListed(filter: ListFilter): readonly [Where, readonly string[]] {
  if (!isFiltered(filter)) return [new Where().and('is_own = ?', false), ['seq']];
  const { reason, minCostPicoUsd, id, isDearestFirst } = filter;
  const where = whereRecord(filter)
    .and('is_own = ?', false)
    .given(`EXISTS (SELECT FROM ${MISSED})`, reason)
    .given('id = ?', id);
  if (minCostPicoUsd !== undefined) where.and('cost_pico_usd >= ?', minCostPicoUsd.toString());
  if (reason === undefined || isDearestFirst !== true) return [where, ['at_ms', 'seq']];
  const lost = `(SELECT missed.cost_pico_usd FROM ${MISSED.replace('?', where.parameter(nameOf(reason)))})`;
  return [where, [lost, 'at_ms', 'seq']];
}

/** Texts of the records that come before one in a list, the last first; all of them where none is named. */
export async function queryList(
  client: PoolClient,
  limit: number,
  before: string | undefined,
  filter: ListFilter,
): Promise<readonly string[]> {
  const [where, order] = whereListed(filter);
  if (before !== undefined) {
    const place = `(${order.join(', ')}) < (SELECT ${order.join(', ')} FROM cachewright_record WHERE id = ? AND NOT is_own)`;
    where.and(place, nameOf(before));
  }
  const { rows } = await client.query<{ body: string }>(
    `SELECT body FROM cachewright_record WHERE ${where.sql}
     ORDER BY ${order.map((column) => `${column} DESC`).join(', ')} LIMIT ${limit}`,
    where.parameters,
  );
  return rows.map(({ body }) => body);
}

/** Texts of records, or of what we spent ourselves, oldest first, after the cursor. */
export async function queryPage(
  client: PoolClient,
  filter: RecordFilter,
  isOwn: boolean,
  after: PostgresCursor | null,
): Promise<PostgresPage> {
  // What we send ourselves has no tags.
  const where = whereRecord(filter).and('is_own = ?', isOwn);
  const [atMs, seq] = after ?? [String(TIME_MIN_MS), '0'];
  const place = where.parameters.length;
  const { rows } = await client.query<{ at_ms: string; seq: string; body: string }>(
    `SELECT at_ms, seq, body FROM cachewright_record
     WHERE ${where.sql} AND (at_ms, seq) > ($${place + 1}::bigint, $${place + 2}::bigint)
     ORDER BY at_ms, seq LIMIT ${PAGE_RECORDS}`,
    [...where.parameters, atMs, seq],
  );
  const last = rows.length < PAGE_RECORDS ? undefined : rows.at(-1);
  return { bodies: rows.map(({ body }) => body), next: last ? [last.at_ms, last.seq] : null };
}
