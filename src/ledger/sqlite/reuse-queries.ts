import type { RecordFilter } from '../ledger.ts';
import { coverReuse, EXPIRED } from '../reuse-rollup.ts';
import { ReuseSums, type Reuse } from '../reuse.ts';
import type { Span } from '../rollup.ts';
import { joinPico } from '../rows.ts';
import { allOf, whereAmount, type Search } from './conditions.ts';
import type { Ask, Row } from './run-queries.ts';

/** A whole number as SQLite gives it; no rows at all have a sum of null. */
function wholeOf(value: Row[number] | undefined): bigint | number {
  return typeof value === 'bigint' ? value : Number(value ?? 0);
}

/** Codes with their requests and what those paid, from sums. */
function fromSums(ask: Ask, { levelMs, fromMs, toMs }: Span, { model }: Search): readonly Row[] {
  const where = allOf([
    ['level_ms = ? AND bucket_ms >= ? AND bucket_ms < ?', levelMs, fromMs, toMs],
    model === undefined ? null : ['model = ?', model],
  ]);
  return ask(
    `SELECT code, sum(requests), sum(usd), sum(pico) FROM reuse_rollup WHERE ${where.sql} GROUP BY code`,
    where.parameters,
  );
}

/** The same from records: requests, and then, as rows of no request, what some of them paid. */
function fromRecords(ask: Ask, { fromMs, toMs }: Span, search: Search): readonly Row[] {
  const where = whereAmount(fromMs, toMs, search);
  const counted = ask(
    `SELECT reuse, count(*), 0, 0 FROM amount WHERE ${where.sql} AND reuse <> 0 GROUP BY reuse`,
    where.parameters,
  );
  const paid = ask(
    `SELECT amount.reuse, 0, sum(missed.usd), sum(missed.pico) FROM amount JOIN missed USING (at_ms, seq)
     WHERE ${where.sql} AND amount.reuse <> 0
       AND missed.reason = (SELECT number FROM name WHERE text = '${EXPIRED}') GROUP BY amount.reuse`,
    where.parameters,
  );
  return [...counted, ...paid];
}

/** How long after their last use prefixes were wanted again, by the requests that a filter leaves. */
export function queryReuse(ask: Ask, filter: RecordFilter, search: Search, keptFromMs: number): Reuse {
  const sums = new ReuseSums();
  for (const span of coverReuse(filter, keptFromMs)) {
    const rows = span.levelMs === 0 ? fromRecords(ask, span, search) : fromSums(ask, span, search);
    for (const [code, requests, usd, pico] of rows)
      sums.add(Number(code), Number(requests), joinPico(wholeOf(usd), wholeOf(pico)));
  }
  return sums.show();
}
