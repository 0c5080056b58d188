import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { LedgerError } from '../ledger.ts';

/** Marks a file as ours ("cwbd"), so that no other program's database is ever written to. */
const APPLICATION_ID = 0x63776264;
const SCHEMA_VERSION = 1;

/** How long a write waits for another process that is writing, in ms. */
const BUSY_TIMEOUT_MS = 2_000;

/** The log of writes is cut back to this after a checkpoint. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;

/** Texts stand apart from what is searched. Sums are kept by triggers, for counting would read everything. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS request (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms REAL NOT NULL, expires_ms REAL NOT NULL,
    scope TEXT NOT NULL, bytes INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS request_expiry ON request (expires_ms);
  CREATE INDEX IF NOT EXISTS request_scope ON request (scope);
  CREATE TABLE IF NOT EXISTS tagged (
    tag TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tag, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tagged_seq ON tagged (seq);
  CREATE TABLE IF NOT EXISTS bodies (seq INTEGER PRIMARY KEY, zstd BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS total (
    one INTEGER PRIMARY KEY CHECK (one = 1), requests INTEGER NOT NULL, bytes INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO total VALUES (1, 0, 0);
  CREATE TRIGGER IF NOT EXISTS request_added AFTER INSERT ON request BEGIN
    UPDATE total SET requests = requests + 1, bytes = bytes + new.bytes;
  END;
  CREATE TRIGGER IF NOT EXISTS request_removed AFTER DELETE ON request BEGIN
    UPDATE total SET requests = requests - 1, bytes = bytes - old.bytes;
    DELETE FROM bodies WHERE seq = old.seq;
    DELETE FROM tagged WHERE seq = old.seq;
  END;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

function readPragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** An empty file is anybody's; otherwise it must be ours, and of a version that we know. */
function checkOwner(database: DatabaseSync, file: string): void {
  const owner = readPragma(database, 'application_id');
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'];
  if (owner !== APPLICATION_ID && (owner !== 0 || Number(tables) > 0))
    throw new LedgerError('LEDGER_FOREIGN', `${file} is a database of another program`);
  if (readPragma(database, 'user_version') > SCHEMA_VERSION)
    throw new LedgerError('LEDGER_FOREIGN', `${file} was written by a newer version of Cachewright`);
}

/**
 * Opens the file of bodies, and makes it, readable for its owner alone, where there is none.
 *
 * @throws LedgerError `LEDGER_FOREIGN`; SQLite's own error for a file that is damaged; any error of the file system.
 */
export function openBodyDatabase(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    checkOwner(database, file);
    database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`);
    // What is removed is written over, and not only forgotten.
    database.exec('PRAGMA secure_delete = ON');
    database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
