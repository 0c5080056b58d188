import type { SQLInputValue } from 'node:sqlite';

import { BUCKET_MS } from '../ledger.ts';
import { countBefore, RUN_SPAN_MS, runAtMs, runNumbers, runRecords, RunTexts } from '../runs.ts';
import { allOf, type Condition, type Search, type Where } from './conditions.ts';

/** A row as it is read. */
export type Row = readonly (bigint | number | string | Uint8Array | null)[];

/** Asks the file. */
export type Ask = (sql: string, parameters: readonly SQLInputValue[]) => readonly Row[];

/** Where an export goes on: after the record of this time and number. */
export type Cursor = readonly [atMs: number, seq: number];

/** Texts of some records, and where to go on; null: there are no more. */
export interface BodyPage {
  readonly bodies: readonly string[];
  readonly next: Cursor | null;
}

/** Records in one page of an export. */
export const PAGE_RECORDS = 250;

/** A record on its way into a page. */
export interface Placed {
  readonly atMs: number;
  readonly seq: number;
  readonly text: () => string;
}

/** Runs that are looked at in one page of an export, beside those that overlap its first moment. */
const RUNS_AHEAD = 8;

/** Runs in which a condition holds, and which a filter leaves. */
export function whereRun(condition: Condition, { scope, model, tag }: Search): Where {
  return allOf([
    condition,
    scope === undefined ? null : ['run.scope = ?', scope],
    model === undefined ? null : ['run.model = ?', model],
    tag === undefined
      ? null
      : [
          'EXISTS (SELECT 1 FROM tagged WHERE tagged.tag = ? AND tagged.at_ms = run.from_ms AND tagged.seq = run.seq)',
          tag,
        ],
  ]);
}

function select(ask: Ask, columns: string, { sql, parameters }: Where, rest = ''): readonly Row[] {
  return ask(`SELECT ${columns} WHERE ${sql} ${rest}`, parameters);
}

/** Runs that go on at a time at which they had begun. */
function overlapping(timeMs: number): Condition {
  return ['run.from_ms > ? AND run.from_ms <= ? AND run.to_ms >= ?', timeMs - RUN_SPAN_MS, timeMs, timeMs];
}

/** Times rounded down to the shortest bucket, before 1970 as well. */
const BUCKET = `run.from_ms - ((run.from_ms % ${BUCKET_MS}) + ${BUCKET_MS}) % ${BUCKET_MS}`;

const EDGE_COLUMNS = 'run.seq, run.from_ms, run.model, record.numbers FROM run JOIN record USING (seq)';
const TEXT_COLUMNS = 'run.seq, run.from_ms, record.body, record.numbers FROM run JOIN record USING (seq)';

/** Hits in runs by model, with a time in the bucket in which they lie: no run reaches from one bucket into the next. */
export function countHits(
  ask: Ask,
  fromMs: number,
  toMs: number,
  search: Search,
): readonly (readonly [atMs: number, model: number, hits: number])[] {
  const within = whereRun(
    ['run.from_ms >= ? AND run.from_ms < ? AND run.to_ms < ?', fromMs, toMs, toMs],
    search,
  );
  const columns = `${BUCKET}, run.model, sum(run.records) FROM run`;
  const whole = select(ask, columns, within, `GROUP BY ${BUCKET}, run.model`);
  // Those of which a part lies outside are counted one by one.
  const parts = new Map<number, readonly [atMs: number, model: number, hits: number]>();
  for (const edgeMs of [fromMs, toMs]) {
    for (const [seq, atMs, model, blob] of select(ask, EDGE_COLUMNS, whereRun(overlapping(edgeMs), search))) {
      const numbers = runNumbers(blob);
      const isWhole = Number(atMs) >= fromMs && runAtMs(numbers, runRecords(numbers) - 1) < toMs;
      const hits = isWhole ? 0 : countBefore(numbers, toMs) - countBefore(numbers, fromMs);
      if (hits > 0) parts.set(Number(seq), [Math.max(Number(atMs), fromMs), Number(model), hits]);
    }
  }
  const counted = whole.map((row) => [Number(row[0]), Number(row[1]), Number(row[2])] as const);
  return [...counted, ...parts.values()];
}

/** Records of runs after a cursor, up to a time before which there are no others; null: there are no more at all. */
export function hitsAfter(
  ask: Ask,
  [afterMs, afterSeq]: Cursor,
  toMs: number,
  search: Search,
): { readonly hits: readonly Placed[]; readonly completeToMs: number | null } {
  const isAhead = whereRun(['run.from_ms > ? AND run.from_ms < ?', afterMs, toMs], search);
  const order = `ORDER BY run.from_ms, run.seq LIMIT ${RUNS_AHEAD}`;
  const ahead = select(ask, TEXT_COLUMNS, isAhead, order);
  const begun = select(ask, TEXT_COLUMNS, whereRun(overlapping(afterMs), search));
  const completeToMs = ahead.length < RUNS_AHEAD ? null : Number(ahead.at(-1)?.[1]);
  const hits: Placed[] = [];
  for (const [seq, , body, blob] of [...begun, ...ahead]) {
    const numbers = runNumbers(blob);
    const firstSeq = Number(seq) - runRecords(numbers) + 1;
    const texts = new RunTexts(String(body), numbers);
    const end = countBefore(numbers, completeToMs === null ? toMs : Math.min(completeToMs, toMs));
    // One more than a page has tells that there are more.
    let taken = 0;
    for (let index = countBefore(numbers, afterMs); index < end && taken <= PAGE_RECORDS; index += 1) {
      const atMs = runAtMs(numbers, index);
      if (atMs === afterMs && firstSeq + index <= afterSeq) continue;
      hits.push({ atMs, seq: firstSeq + index, text: () => texts.at(index) });
      taken += 1;
    }
  }
  return { hits, completeToMs };
}

/** Texts of a run's records before a number, the last first. */
export function lastOfRun(
  body: string,
  blob: Row[number] | undefined,
  lastSeq: number,
  beforeSeq: number,
  limit: number,
): readonly string[] {
  const numbers = runNumbers(blob);
  const firstSeq = lastSeq - runRecords(numbers) + 1;
  const end = Math.min(runRecords(numbers), beforeSeq - firstSeq);
  const texts = new RunTexts(body, numbers);
  return Array.from({ length: Math.max(0, Math.min(end, limit)) }, (_none, back) => texts.at(end - 1 - back));
}

const inOrder = (a: Placed, b: Placed): number => a.atMs - b.atMs || a.seq - b.seq;

/**
 * Puts records of both kinds into one page, in the order of their times.
 *
 * @param singles the next ones; as many as a page has, where there may be more
 * @param completeToMs where `hits` are all before this time, and there may be others from it on
 */
export function toPage(
  singles: readonly Placed[],
  hits: readonly Placed[],
  completeToMs: number | null,
): BodyPage {
  const lastSingle = singles.length < PAGE_RECORDS ? undefined : singles.at(-1);
  const known = [...singles, ...hits].filter(
    (record) =>
      (completeToMs === null || record.atMs < completeToMs) &&
      (lastSingle === undefined || inOrder(record, lastSingle) <= 0),
  );
  const records = known.toSorted(inOrder).slice(0, PAGE_RECORDS);
  const bodies = records.map(({ text }) => text());
  const last = records.at(-1);
  if (last && (records.length < known.length || lastSingle === last))
    return { bodies, next: [last.atMs, last.seq] };
  if (completeToMs !== null) return { bodies, next: [completeToMs, -1] };
  return { bodies, next: null };
}
