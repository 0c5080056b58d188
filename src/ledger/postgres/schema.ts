import type { PoolClient } from 'pg';

import { LedgerError } from '../ledger.ts';
import { TIME_MIN_MS } from '../rollup.ts';

/** Sums of rows and of buckets; NUMERIC holds any amount of money exactly. */
export const SUM_COLUMNS: readonly string[] = [
  'requests',
  'uncached_tokens',
  'read_tokens',
  'write_5m_tokens',
  'write_1h_tokens',
  'output_tokens',
  'cost_pico_usd',
  'no_caching_pico_usd',
  'client_pico_usd',
  'automatic_pico_usd',
  'own_pico_usd',
];

const SUMS = SUM_COLUMNS.map((name) => `${name} NUMERIC NOT NULL`).join(', ');

/** Two gateways that start together must not both make tables; the number is ours ("cwlg"). */
const LOCK = 0x63776c67;

/** Each brings a database from the version of its place to the next. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE cachewright_record (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL,
    is_own BOOLEAN NOT NULL,
    at_ms BIGINT NOT NULL,
    scope TEXT NOT NULL,
    model TEXT NOT NULL,
    tags TEXT[] NOT NULL,
    ${SUMS},
    body TEXT NOT NULL,
    UNIQUE (id, is_own)
  );
  CREATE INDEX cachewright_record_time ON cachewright_record (at_ms, seq);
  CREATE TABLE cachewright_missed (
    seq BIGINT NOT NULL REFERENCES cachewright_record ON DELETE CASCADE,
    reason TEXT NOT NULL,
    tokens NUMERIC NOT NULL,
    cost_pico_usd NUMERIC NOT NULL,
    PRIMARY KEY (seq, reason)
  );
  CREATE TABLE cachewright_rollup (
    level_ms BIGINT NOT NULL,
    tag TEXT NOT NULL,
    scope TEXT NOT NULL,
    bucket_ms BIGINT NOT NULL,
    model TEXT NOT NULL,
    ${SUMS},
    PRIMARY KEY (level_ms, tag, scope, bucket_ms, model)
  );
  CREATE TABLE cachewright_miss_rollup (
    level_ms BIGINT NOT NULL,
    tag TEXT NOT NULL,
    scope TEXT NOT NULL,
    bucket_ms BIGINT NOT NULL,
    model TEXT NOT NULL,
    reason TEXT NOT NULL,
    requests NUMERIC NOT NULL,
    tokens NUMERIC NOT NULL,
    cost_pico_usd NUMERIC NOT NULL,
    PRIMARY KEY (level_ms, tag, scope, bucket_ms, model, reason)
  );
  CREATE TABLE cachewright_kept (from_ms BIGINT NOT NULL);
  INSERT INTO cachewright_kept VALUES (${TIME_MIN_MS});
  `,
];

/**
 * Brings a database to the newest version, within the caller's transaction.
 *
 * @throws LedgerError `LEDGER_FOREIGN` when it is of a newer one.
 */
export async function migratePostgres(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  await client.query('CREATE TABLE IF NOT EXISTS cachewright_version (version INTEGER NOT NULL)');
  const { rows } = await client.query<{ version: number }>('SELECT version FROM cachewright_version');
  const version = rows[0]?.version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new LedgerError(
      'LEDGER_FOREIGN',
      `the ledger in Postgres is of a newer version of Cachewright (its version ${version}, known up to ${MIGRATIONS.length})`,
    );
  }
  if (version === MIGRATIONS.length) return;
  for (const step of MIGRATIONS.slice(version)) await client.query(step);
  await client.query('DELETE FROM cachewright_version');
  await client.query('INSERT INTO cachewright_version VALUES ($1)', [MIGRATIONS.length]);
}
