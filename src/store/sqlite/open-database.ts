import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { StoreError } from '../store.ts';

/** Marks a file as ours ("cwst"), so that no other program's database is ever written to. */
const APPLICATION_ID = 0x63777374;
const SCHEMA_VERSION = 1;

/** How long a call waits for another process that is writing, in ms; calls take well under one. */
const BUSY_TIMEOUT_MS = 2_000;

/** The log of writes is cut back to this after a checkpoint. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;

/** Numbers that one millisecond stands for: a file begins above all that one before it can have used. */
const VERSIONS_PER_MS = 1_024;

/**
 * A key that is written again is a new row: with `AUTOINCREMENT` its number was never used before, which makes it a
 * version, and the order of numbers is the order of writing. Sums are kept by triggers, for counting them would read
 * the whole table.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    expires_ms INTEGER,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS entry_expiry ON entry (expires_ms) WHERE expires_ms IS NOT NULL;
  CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY CHECK (id = 1), keys INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO total VALUES (1, 0, 0);
  CREATE TRIGGER IF NOT EXISTS entry_added AFTER INSERT ON entry BEGIN
    UPDATE total SET keys = keys + 1, bytes = bytes + length(new.key) + length(new.bytes);
  END;
  CREATE TRIGGER IF NOT EXISTS entry_removed AFTER DELETE ON entry BEGIN
    UPDATE total SET keys = keys - 1, bytes = bytes - length(old.key) - length(old.bytes);
  END;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** SQLite's own numbers for a file that is damaged, and for one that is no database at all. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Does this error say that the file itself is broken? Extended codes have the plain one in their low byte. */
export function isCorruption(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  const code = error.errcode & 0xff;
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

function readPragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** An empty file is anybody's; otherwise it must be ours, and of a schema that we know. */
function checkOwner(database: DatabaseSync, file: string): void {
  const owner = readPragma(database, 'application_id');
  const tables = Number(
    database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'] ?? 0,
  );
  if (owner !== APPLICATION_ID && (owner !== 0 || tables > 0))
    throw new StoreError('STORE_FOREIGN', `${file} is a database of another program`);
  const version = readPragma(database, 'user_version');
  if (version > SCHEMA_VERSION)
    throw new StoreError('STORE_FOREIGN', `${file} was written by a newer version of Cachewright`);
}

function prepare(database: DatabaseSync, file: string, nowMs: number): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  checkOwner(database, file);
  database.exec('PRAGMA journal_mode = WAL');
  // With a log this loses at most the last writes in a power failure, never the consistency of the file.
  database.exec('PRAGMA synchronous = NORMAL');
  database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`);
  database.exec(`
    BEGIN IMMEDIATE;
    ${SCHEMA}
    INSERT INTO sqlite_sequence (name, seq) SELECT 'entry', ${Math.trunc(nowMs) * VERSIONS_PER_MS}
      WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'entry');
    COMMIT;`);
}

/**
 * Opens a database file of ours, and makes it, readable for its owner alone, where there is none.
 *
 * @param nowMs ms since 1970 UTC
 * @throws StoreError `STORE_FOREIGN`; SQLite's own error for a file that is damaged (`isCorruption`); any error of
 *   the file system.
 */
export function openDatabase(file: string, nowMs: number): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file);
  try {
    prepare(database, file, nowMs);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
