import { BUCKET_MS, type ListFilter } from '../ledger.ts';
import { TIME_MAX_MS } from '../rollup.ts';
import { splitPico } from '../rows.ts';
import { countBefore, RUN_SPAN_MS, runAtMs, runNumbers, runRecords, RunTexts } from '../runs.ts';
import { allOf, whereAmount, whereRollup, type Condition, type Search } from './conditions.ts';
import { whereRun, type Ask, type Cursor, type Placed, type Row } from './run-queries.ts';

/** What a list is asked for: a filter with the names as numbers. */
export interface ListSearch extends Search {
  readonly reason: number | undefined;
  readonly minCostPicoUsd: bigint | undefined;
}

/** Buckets that are looked up in one go. */
const BUCKETS_AHEAD = 64;

const newestFirst = (a: Placed, b: Placed): number => b.atMs - a.atMs || b.seq - a.seq;

/** A cost of one record is at the most that of all in its bucket, for nothing costs less than nothing. */
function costsAtLeast(table: string, minCostPicoUsd: bigint | undefined): Condition {
  if (minCostPicoUsd === undefined) return null;
  const [usd, pico] = splitPico(minCostPicoUsd);
  return [`(${table}.cost_usd, ${table}.cost_pico) >= (?, ?)`, usd, pico];
}

/** Buckets before a time in which there is something, the last first: sums tell that without looking at records. */
function bucketsBefore(ask: Ask, search: ListSearch, fromMs: number, toMs: number): readonly number[] {
  const { reason, minCostPicoUsd } = search;
  const table = reason === undefined ? 'rollup' : 'miss_rollup';
  const span = { levelMs: BUCKET_MS, fromMs, toMs };
  const within = whereRollup(span, search);
  const more = allOf([
    reason === undefined ? ['requests > 0'] : ['reason = ?', reason],
    reason === undefined ? costsAtLeast('rollup', minCostPicoUsd) : null,
  ]);
  const rows = ask(
    `SELECT DISTINCT bucket_ms FROM ${table} WHERE ${within.sql} AND ${more.sql}
     ORDER BY bucket_ms DESC LIMIT ${BUCKETS_AHEAD}`,
    [...within.parameters, ...more.parameters],
  );
  return rows.map(([bucketMs]) => Number(bucketMs));
}

/** Times of buckets, the last first; those that lie beside each other as one, for each costs a question. */
function rangesOf(buckets: readonly number[]): readonly (readonly [fromMs: number, toMs: number])[] {
  const ranges: [number, number][] = [];
  for (const bucketMs of buckets) {
    const last = ranges.at(-1);
    if (last && last[0] === bucketMs + BUCKET_MS) last[0] = bucketMs;
    else ranges.push([bucketMs, bucketMs + BUCKET_MS]);
  }
  return ranges;
}

/** What is looked for in one time. */
interface Slice {
  readonly fromMs: number;
  readonly toMs: number;
  readonly before: Cursor;
  readonly limit: number;
}

/** Records of their own, the last first. */
function singlesIn(ask: Ask, search: ListSearch, { fromMs, toMs, before, limit }: Slice): readonly Placed[] {
  const { reason, minCostPicoUsd } = search;
  const within = whereAmount(fromMs, toMs, search);
  const more = allOf([
    ['amount.requests = 1 AND (amount.at_ms, amount.seq) < (?, ?)', ...before],
    costsAtLeast('amount', minCostPicoUsd),
    reason === undefined
      ? null
      : [
          'EXISTS (SELECT 1 FROM missed WHERE missed.at_ms = amount.at_ms AND missed.seq = amount.seq AND missed.reason = ?)',
          reason,
        ],
  ]);
  const rows = ask(
    `SELECT amount.at_ms, amount.seq, record.body FROM amount JOIN record ON record.seq = amount.seq
     WHERE ${within.sql} AND ${more.sql} ORDER BY amount.at_ms DESC, amount.seq DESC LIMIT ?`,
    [...within.parameters, ...more.parameters, limit],
  );
  return rows.map(([atMs, seq, body]) => ({
    atMs: Number(atMs),
    seq: Number(seq),
    text: () => String(body),
  }));
}

/** Records of one run, the last first. */
function hitsOfRun([, seq, body, blob]: Row, { fromMs, toMs, before, limit }: Slice): readonly Placed[] {
  const numbers = runNumbers(blob);
  const firstSeq = Number(seq) - runRecords(numbers) + 1;
  const texts = new RunTexts(String(body), numbers);
  const hits: Placed[] = [];
  for (let index = countBefore(numbers, toMs) - 1; index >= 0 && hits.length < limit; index -= 1) {
    const atMs = runAtMs(numbers, index);
    if (atMs < fromMs) break;
    const isBefore = atMs < before[0] || (atMs === before[0] && firstSeq + index < before[1]);
    if (isBefore) hits.push({ atMs, seq: firstSeq + index, text: () => texts.at(index) });
  }
  return hits;
}

/** Runs that are looked at in one go. */
const RUNS_AHEAD = 16;

/** Records of runs, the last first. Nothing was missed in them, and nothing paid. */
function hitsIn(ask: Ask, search: ListSearch, slice: Slice): readonly Placed[] {
  if (search.reason !== undefined || (search.minCostPicoUsd ?? 0n) > 0n) return [];
  const { fromMs, toMs, limit } = slice;
  // A run begins in the bucket in which it lies, and maybe before the time that is asked for.
  const { sql, parameters } = whereRun(
    ['run.from_ms > ? AND run.from_ms < ? AND run.to_ms >= ?', fromMs - RUN_SPAN_MS, toMs, fromMs],
    search,
  );
  let hits: readonly Placed[] = [];
  for (let offset = 0; ; offset += RUNS_AHEAD) {
    const runs = ask(
      `SELECT run.from_ms, run.seq, record.body, record.numbers FROM run JOIN record USING (seq)
       WHERE ${sql} ORDER BY run.from_ms DESC, run.seq DESC LIMIT ${RUNS_AHEAD} OFFSET ?`,
      [...parameters, offset],
    );
    const more = runs.flatMap((run) => hitsOfRun(run, slice));
    hits = [...hits, ...more].toSorted(newestFirst).slice(0, limit);
    const last = hits[limit - 1];
    // All others are over before the last of these.
    const isEnough = last && Number(runs.at(-1)?.[0]) + RUN_SPAN_MS <= last.atMs;
    if (runs.length < RUNS_AHEAD || isEnough) return hits;
  }
}

/** Where a list goes on, and what is kept at all. */
interface ListPlace {
  readonly before: Cursor | null;
  readonly keptFromMs: number;
}

const DEAREST_FIRST = ['usd', 'pico', 'at_ms', 'seq'].map((name) => `missed.${name}`);

/** Texts of the records that lost most to a reason, the dearest first. All of its misses are looked at: no index is worth its writes. */
function queryDearest(
  ask: Ask,
  limit: number,
  { fromMs, toMs }: ListFilter,
  search: ListSearch,
  { before, keptFromMs }: ListPlace,
): readonly string[] {
  const span = [Math.max(fromMs ?? keptFromMs, keptFromMs), toMs ?? TIME_MAX_MS] as const;
  const isOfAmount = ['scope', 'model', 'tag', 'minCostPicoUsd'].some(
    (name) => search[name as keyof ListSearch] !== undefined,
  );
  const amount = whereAmount(...span, search);
  const place = DEAREST_FIRST.join(', ');
  const { sql, parameters } = allOf([
    ['missed.at_ms >= ? AND missed.at_ms < ? AND missed.reason = ?', ...span, search.reason ?? 0],
    isOfAmount ? [amount.sql, ...amount.parameters] : null,
    before && [
      `(${place}) < (SELECT ${place} FROM missed WHERE at_ms = ? AND seq = ? AND reason = ?)`,
      ...before,
      search.reason ?? 0,
    ],
    costsAtLeast('amount', search.minCostPicoUsd),
  ]);
  // In this order of tables the range of time is that of what was missed, which is less than all.
  const rows = ask(
    `SELECT missed.seq FROM missed ${isOfAmount ? 'CROSS JOIN amount USING (at_ms, seq)' : ''} WHERE ${sql}
     ORDER BY ${DEAREST_FIRST.map((name) => `${name} DESC`).join(', ')} LIMIT ?`,
    [...parameters, limit],
  );
  // Read when it is known which: texts are much of a file.
  return rows.flatMap(([seq]) =>
    ask('SELECT body FROM record WHERE seq = ?', [Number(seq)]).map(([body]) => String(body)),
  );
}

/** Texts of the records that a filter leaves, the last of its order first; before a cursor where there is one. */
export function queryList(
  ask: Ask,
  limit: number,
  filter: ListFilter,
  search: ListSearch,
  listPlace: ListPlace,
): readonly string[] {
  if (filter.isDearestFirst === true && search.reason !== undefined)
    return queryDearest(ask, limit, filter, search, listPlace);
  const { before, keptFromMs } = listPlace;
  const texts: string[] = [];
  const cursor = before ?? [TIME_MAX_MS, 0];
  const fromMs = Math.max(filter.fromMs ?? keptFromMs, keptFromMs);
  const toMs = Math.min(filter.toMs ?? TIME_MAX_MS, cursor[0] + 1);
  const beginMs = Math.floor(fromMs / BUCKET_MS) * BUCKET_MS;
  for (let endMs = toMs; texts.length < limit;) {
    const buckets = bucketsBefore(ask, search, beginMs, endMs);
    for (const [rangeFromMs, rangeToMs] of rangesOf(buckets)) {
      const slice = {
        fromMs: Math.max(rangeFromMs, fromMs),
        toMs: Math.min(rangeToMs, toMs),
        before: cursor,
        limit: limit - texts.length,
      };
      const placed = [...singlesIn(ask, search, slice), ...hitsIn(ask, search, slice)];
      texts.push(
        ...placed
          .toSorted(newestFirst)
          .slice(0, slice.limit)
          .map(({ text }) => text()),
      );
      if (texts.length >= limit) break;
    }
    const last = buckets.at(-1);
    if (last === undefined || buckets.length < BUCKETS_AHEAD) break;
    endMs = last;
  }
  return texts;
}

/** The text of the record at a place, where the filter leaves it and it comes before the cursor. */
export function queryOnly(
  ask: Ask,
  [atMs, seq]: Cursor,
  filter: ListFilter,
  search: ListSearch,
  { before, keptFromMs }: ListPlace,
): readonly string[] {
  const [beforeMs, beforeSeq] = before ?? [TIME_MAX_MS, 0];
  const isBefore = atMs < beforeMs || (atMs === beforeMs && seq < beforeSeq);
  const fromMs = Math.max(filter.fromMs ?? atMs, atMs, keptFromMs);
  const toMs = Math.min(filter.toMs ?? atMs + 1, atMs + 1);
  if (!isBefore || fromMs >= toMs) return [];
  const slice: Slice = { fromMs, toMs, before: [atMs, seq + 1], limit: 1 };
  const [single] = singlesIn(ask, search, slice);
  const [hit] = hitsIn(ask, search, slice);
  return [single, hit].flatMap((placed) => (placed?.seq === seq ? [placed.text()] : []));
}
