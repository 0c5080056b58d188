import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { LedgerError } from '../ledger.ts';
import { ADD_COUNTS } from './migrate-counts.ts';

/** Marks a file as ours ("cwlg"), so that no other program's database is ever written to. */
const APPLICATION_ID = 0x63776c67;

/** How long a write waits for another process that is writing, in ms. */
const BUSY_TIMEOUT_MS = 2_000;

/** The log of writes is cut back to this after a checkpoint. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;

const PAGE_BYTES = 8_192;

/** Memory for pages, in KiB: the ids of some hundred thousand records. */
const CACHE_KIB = 32 * 1024;

const MONEY = ['cost', 'no_caching', 'client', 'automatic', 'own'];

/** The sums of version 1. */
const AMOUNTS = `
  requests INTEGER NOT NULL, uncached_tokens INTEGER NOT NULL, read_tokens INTEGER NOT NULL,
  write_5m_tokens INTEGER NOT NULL, write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  ${MONEY.map((name) => `${name}_usd INTEGER NOT NULL, ${name}_pico INTEGER NOT NULL`).join(', ')}`;

/**
 * Each brings a file from the version of its place to the next. What is searched and added up stands apart from the texts,
 * in the order of time, so that adding up reads little. Names are numbers there; 0 stands for all of them.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE name (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE record (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, is_own INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE UNIQUE INDEX record_id ON record (id, is_own);
  CREATE TABLE amount (
    at_ms INTEGER NOT NULL, seq INTEGER NOT NULL, scope INTEGER NOT NULL, model INTEGER NOT NULL, ${AMOUNTS},
    PRIMARY KEY (at_ms, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tagged (
    tag INTEGER NOT NULL, at_ms INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (tag, at_ms, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE missed (
    at_ms INTEGER NOT NULL, seq INTEGER NOT NULL, reason INTEGER NOT NULL,
    tokens INTEGER NOT NULL, usd INTEGER NOT NULL, pico INTEGER NOT NULL,
    PRIMARY KEY (at_ms, seq, reason)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rollup (
    level_ms INTEGER NOT NULL, tag INTEGER NOT NULL, scope INTEGER NOT NULL, bucket_ms INTEGER NOT NULL,
    model INTEGER NOT NULL, ${AMOUNTS},
    PRIMARY KEY (level_ms, tag, scope, bucket_ms, model)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE miss_rollup (
    level_ms INTEGER NOT NULL, tag INTEGER NOT NULL, scope INTEGER NOT NULL, bucket_ms INTEGER NOT NULL,
    model INTEGER NOT NULL, reason INTEGER NOT NULL,
    requests INTEGER NOT NULL, tokens INTEGER NOT NULL, usd INTEGER NOT NULL, pico INTEGER NOT NULL,
    PRIMARY KEY (level_ms, tag, scope, bucket_ms, model, reason)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE kept (one INTEGER PRIMARY KEY CHECK (one = 1), from_ms INTEGER NOT NULL) STRICT;
  INSERT INTO kept VALUES (1, -8640000000000000);
  `,
  ADD_COUNTS,
  // A run of hits has the numbers of its last record; the numbers before it are those of its other records.
  `
  ALTER TABLE record ADD COLUMN numbers BLOB;
  CREATE TABLE run (
    from_ms INTEGER NOT NULL, seq INTEGER NOT NULL, to_ms INTEGER NOT NULL, records INTEGER NOT NULL,
    scope INTEGER NOT NULL, model INTEGER NOT NULL,
    PRIMARY KEY (from_ms, seq)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE amount ADD COLUMN reuse INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE reuse_rollup (
    level_ms INTEGER NOT NULL, bucket_ms INTEGER NOT NULL, model INTEGER NOT NULL, code INTEGER NOT NULL,
    requests INTEGER NOT NULL, usd INTEGER NOT NULL, pico INTEGER NOT NULL,
    PRIMARY KEY (level_ms, bucket_ms, model, code)
  ) STRICT, WITHOUT ROWID;
  `,
];

function readPragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** An empty file is anybody's; otherwise it must be ours, and of a version that we know. */
function checkOwner(database: DatabaseSync, file: string): number {
  const owner = readPragma(database, 'application_id');
  const tables = Number(
    database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'] ?? 0,
  );
  if (owner !== APPLICATION_ID && (owner !== 0 || tables > 0))
    throw new LedgerError('LEDGER_FOREIGN', `${file} is a database of another program`);
  const version = readPragma(database, 'user_version');
  if (version > MIGRATIONS.length) {
    throw new LedgerError(
      'LEDGER_FOREIGN',
      `${file} was written by a newer version of Cachewright (its version ${version}, known up to ${MIGRATIONS.length})`,
    );
  }
  return version;
}

/** Brings the file to the newest version, in one transaction; another process may be doing the same. */
function migrate(database: DatabaseSync, file: string): void {
  if (checkOwner(database, file) === MIGRATIONS.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of MIGRATIONS.slice(checkOwner(database, file))) database.exec(step);
    database.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`,
    );
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Opens a ledger for writing, and makes it, readable for its owner alone, where there is none.
 *
 * @throws LedgerError `LEDGER_FOREIGN`; SQLite's own error for a file that is damaged; any error of the file system.
 */
export function openForWriting(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    checkOwner(database, file);
    // Both must be said before there is a table. Texts of one to two kilobytes leave much of smaller pages empty.
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec('PRAGMA journal_mode = WAL');
    // With a log this loses at most the last writes in a power failure, never the consistency of the file.
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`);
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    migrate(database, file);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens a ledger for reading, whether or not another process writes it.
 *
 * @throws LedgerError `LEDGER_MISSING`, `LEDGER_FOREIGN`; SQLite's own errors.
 */
export function openForReading(file: string): DatabaseSync {
  if (!existsSync(file)) throw new LedgerError('LEDGER_MISSING', `there is no ledger at ${file}`);
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const version = checkOwner(database, file);
    if (version < MIGRATIONS.length) {
      throw new LedgerError(
        'LEDGER_UNUSABLE',
        `${file} is of version ${version}: serve brings it to version ${MIGRATIONS.length} when it starts`,
      );
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
