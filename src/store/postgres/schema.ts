import type { PoolClient } from 'pg';

import { StoreError } from '../store.ts';

/** Of the tables below. */
const SCHEMA_VERSION = 1;

/** Keeps two programs from making the same tables at once. */
const LOCK = 7_230_514_921;

/** Numbers that one millisecond stands for: a new database begins above all that one before it can have used. */
const VERSIONS_PER_MS = 1_024;

/**
 * Keys compare by their bytes. A number is drawn for each writing, never twice, which makes it a version; the order of
 * numbers is the order of writing. The sums of a store are one row, and who writes holds it.
 */
const TABLES = `
  CREATE SEQUENCE cachewright_store_number AS bigint;
  SELECT setval('cachewright_store_number', (extract(epoch FROM clock_timestamp()) * 1000)::bigint * ${VERSIONS_PER_MS});
  CREATE TABLE cachewright_store (
    name text PRIMARY KEY,
    keys bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0
  );
  CREATE TABLE cachewright_store_entry (
    store text NOT NULL REFERENCES cachewright_store (name),
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    expires_ms bigint,
    bytes bytea NOT NULL,
    PRIMARY KEY (store, key)
  );
  CREATE INDEX cachewright_store_order ON cachewright_store_entry (store, version);
  CREATE INDEX cachewright_store_expiry ON cachewright_store_entry (store, expires_ms) WHERE expires_ms IS NOT NULL;
`;

/**
 * Makes the tables where there are none, and the row of one store, within the caller's transaction.
 *
 * @throws StoreError `STORE_FOREIGN` for tables of a newer version.
 */
export async function prepareTables(client: PoolClient, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  await client.query('CREATE TABLE IF NOT EXISTS cachewright_store_version (version integer NOT NULL)');
  const { rows } = await client.query<{ version: number }>('SELECT version FROM cachewright_store_version');
  const version = rows[0]?.version ?? 0;
  if (version > SCHEMA_VERSION)
    throw new StoreError(
      'STORE_FOREIGN',
      `the stores in this database are of a newer version of Cachewright (${version}, known up to ${SCHEMA_VERSION})`,
    );
  if (version === 0) {
    await client.query(TABLES);
    await client.query('INSERT INTO cachewright_store_version VALUES ($1)', [SCHEMA_VERSION]);
  }
  await client.query('INSERT INTO cachewright_store (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
}
