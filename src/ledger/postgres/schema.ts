import type { PoolClient, QueryConfig } from 'pg';

import { LedgerError } from '../ledger.ts';
import { TIME_MIN_MS } from '../rollup.ts';
import { COUNT_COLUMNS, MONEY_COLUMNS } from '../rows.ts';
import { ADD_COUNTS } from './migrate-counts.ts';

/** Sums of rows and of buckets; NUMERIC holds any amount of money exactly. */
export const SUM_COLUMNS: readonly string[] = [
  ...COUNT_COLUMNS,
  ...MONEY_COLUMNS.map((name) => `${name}_pico_usd`),
];

/** Those of version 1. */
const SUMS = `
    requests NUMERIC NOT NULL, uncached_tokens NUMERIC NOT NULL, read_tokens NUMERIC NOT NULL,
    write_5m_tokens NUMERIC NOT NULL, write_1h_tokens NUMERIC NOT NULL, output_tokens NUMERIC NOT NULL,
    cost_pico_usd NUMERIC NOT NULL, no_caching_pico_usd NUMERIC NOT NULL, client_pico_usd NUMERIC NOT NULL,
    automatic_pico_usd NUMERIC NOT NULL, own_pico_usd NUMERIC NOT NULL`;

/** Two gateways that start together must not both make tables; the number is ours ("cwlg"). */
const LOCK = 0x63776c67;

/** How long one step may take, in ms. */
const MIGRATION_MS = 3_600_000;

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
  ADD_COUNTS,
  // With 0 where nothing is said: gateways of earlier versions may go on writing.
  `
  ALTER TABLE cachewright_record ADD COLUMN reuse INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE cachewright_reuse_rollup (
    level_ms BIGINT NOT NULL,
    bucket_ms BIGINT NOT NULL,
    model TEXT NOT NULL,
    code INTEGER NOT NULL,
    requests NUMERIC NOT NULL,
    cost_pico_usd NUMERIC NOT NULL,
    PRIMARY KEY (level_ms, bucket_ms, model, code)
  );
  `,
];

/** @throws LedgerError `LEDGER_FOREIGN` for a version that this program does not know. */
function checkVersion(version: number): void {
  if (version <= MIGRATIONS.length) return;
  throw new LedgerError(
    'LEDGER_FOREIGN',
    `the ledger in Postgres is of a newer version of Cachewright (its version ${version}, known up to ${MIGRATIONS.length})`,
  );
}

async function readVersion(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ version: number }>('SELECT version FROM cachewright_version');
  return rows[0]?.version ?? 0;
}

/**
 * Can this program read the ledger of a database?
 *
 * @throws LedgerError `LEDGER_FOREIGN` or `LEDGER_UNUSABLE` where it is of another version; the server's error where there
 *   is none.
 */
export async function checkPostgresVersion(client: PoolClient): Promise<void> {
  const version = await readVersion(client);
  checkVersion(version);
  if (version === MIGRATIONS.length) return;
  throw new LedgerError(
    'LEDGER_UNUSABLE',
    `the ledger in Postgres is of version ${version}: serve brings it to version ${MIGRATIONS.length} when it starts`,
  );
}

/** A statement whose answer is waited for longer than for others; the types of pg do not know how that is said. */
function patiently(text: string): QueryConfig {
  const query: QueryConfig & { readonly query_timeout: number } = { text, query_timeout: MIGRATION_MS };
  return query;
}

/**
 * Brings a database to the newest version, within the caller's transaction.
 *
 * @throws LedgerError `LEDGER_FOREIGN` when it is of a newer one.
 */
export async function migratePostgres(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  await client.query('CREATE TABLE IF NOT EXISTS cachewright_version (version INTEGER NOT NULL)');
  const version = await readVersion(client);
  checkVersion(version);
  if (version === MIGRATIONS.length) return;
  // Records may be many: no other statement is given so long.
  await client.query(`SET LOCAL statement_timeout = ${MIGRATION_MS}`);
  for (const text of MIGRATIONS.slice(version)) await client.query(patiently(text));
  await client.query('DELETE FROM cachewright_version');
  await client.query('INSERT INTO cachewright_version VALUES ($1)', [MIGRATIONS.length]);
}
