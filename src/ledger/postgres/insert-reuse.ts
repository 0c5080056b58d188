import type { PoolClient } from 'pg';

import { rollUpReuse, type ReuseRollupRow } from '../reuse-rollup.ts';
import { joinPico, type LedgerRow } from '../rows.ts';

const keyOf = ({ levelMs, bucketMs, model, code }: ReuseRollupRow): string =>
  `${levelMs}\0${bucketMs}\0${model}\0${code}`;

/** Adds to the sums of how long after their last use prefixes were wanted again, within the caller's transaction. */
export async function insertReuse(client: PoolClient, rows: readonly LedgerRow[]): Promise<void> {
  const keyed = rollUpReuse(rows).map((row) => ({ row, key: keyOf(row) }));
  if (keyed.length === 0) return;
  // In one order everywhere: two gateways that update the same ones must not wait for each other in a circle.
  const sums = keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ row }) => row);
  await client.query(
    `INSERT INTO cachewright_reuse_rollup AS sums (level_ms, bucket_ms, model, code, requests, cost_pico_usd)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::numeric[], $6::numeric[])
     ON CONFLICT (level_ms, bucket_ms, model, code) DO UPDATE
       SET requests = sums.requests + excluded.requests, cost_pico_usd = sums.cost_pico_usd + excluded.cost_pico_usd`,
    [
      sums.map(({ levelMs }) => levelMs),
      sums.map(({ bucketMs }) => bucketMs),
      sums.map(({ model }) => model),
      sums.map(({ code }) => code),
      sums.map(({ requests }) => requests),
      sums.map(({ usd, pico }) => joinPico(BigInt(usd), BigInt(pico)).toString()),
    ],
  );
}
