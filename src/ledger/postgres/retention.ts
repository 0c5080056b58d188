import type { PoolClient } from 'pg';

/** Records that are removed in one transaction. */
const REMOVED_MAX = 5_000;

/** One gateway at a time removes; the number is ours ("cwlr"). */
const LOCK = 0x63776c72;

/**
 * Removes records from before a time, and sums from before another, a part of them, within the caller's transaction.
 *
 * @returns whether there is more to remove; not where another gateway is at it.
 */
export async function removeOld(
  client: PoolClient,
  recordsBeforeMs: number,
  sumsBeforeMs: number,
): Promise<boolean> {
  const lock = await client.query<{ isOurs: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS "isOurs"', [
    LOCK,
  ]);
  if (lock.rows[0]?.isOurs !== true) return false;
  await client.query('UPDATE cachewright_kept SET from_ms = greatest(from_ms, $1)', [recordsBeforeMs]);
  const { rowCount } = await client.query(
    `DELETE FROM cachewright_record WHERE seq IN
       (SELECT seq FROM cachewright_record WHERE at_ms < $1 ORDER BY at_ms, seq LIMIT ${REMOVED_MAX})`,
    [recordsBeforeMs],
  );
  if ((rowCount ?? 0) >= REMOVED_MAX) return true;
  for (const table of ['cachewright_rollup', 'cachewright_miss_rollup', 'cachewright_reuse_rollup'])
    await client.query(`DELETE FROM ${table} WHERE bucket_ms < $1`, [sumsBeforeMs]);
  return false;
}
