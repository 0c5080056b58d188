import { open } from 'node:fs/promises';

import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

import { TraceError } from './trace-error.ts';

/** A row of a Parquet file as a line of JSON Lines. */
export interface ParquetRow {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Share of the file's rows up to this one, 0 to 1. */
  readonly share: number;
}

const MAGIC = 'PAR1';

/** Told by content. */
export async function isParquet(path: string): Promise<boolean> {
  const file = await open(path);
  const head = Buffer.alloc(MAGIC.length);
  try {
    await file.read(head, 0, MAGIC.length, 0);
    return head.toString('latin1') === MAGIC;
  } finally {
    await file.close();
  }
}

async function openDatabase(path: string): Promise<DuckDBInstance> {
  try {
    const { DuckDBInstance: Database } = await import('@duckdb/node-api');
    return await Database.create(':memory:', SETTINGS);
  } catch (cause) {
    throw new TraceError(
      `${path} is a Parquet file, and reading it needs the optional package @duckdb/node-api (npm install @duckdb/node-api)`,
      { cause },
    );
  }
}

/** Reading goes through a small part of the memory, and nothing is fetched from anywhere. */
const SETTINGS = { threads: '2', memory_limit: '512MB', autoinstall_known_extensions: 'false' };

/** What a time is as a number in the units of the form: `t` in seconds, `timestamp` in ms. */
const TIME_AS_NUMBER: Readonly<Record<string, string>> = {
  t: 'epoch(t) as t',
  timestamp: 'epoch_ms("timestamp") as "timestamp"',
};

async function timeReplacements(connection: DuckDBConnection, path: string): Promise<string> {
  const reader = await connection.runAndRead('select * from read_parquet($1) limit 0', [path]);
  const types = reader.columnTypes();
  const replacements = reader.columnNames().flatMap((name, column) => {
    const isTime = types[column]?.toString().startsWith('TIMESTAMP') ?? false;
    return (isTime ? TIME_AS_NUMBER[name] : null) ?? [];
  });
  return replacements.length > 0 ? `replace (${replacements.join(', ')})` : '';
}

async function* queryRows(connection: DuckDBConnection, path: string): AsyncIterableIterator<ParquetRow> {
  const counted = await connection.runAndReadAll('select count(*)::double as rows from read_parquet($1)', [
    path,
  ]);
  const total = Number(counted.getRowObjectsJson()[0]?.['rows']);
  const columns = `* ${await timeReplacements(connection, path)}`;
  const query = `select to_json(whole_row)::varchar as row from (select ${columns} from read_parquet($1)) whole_row`;
  const result = await connection.stream(query, [path]);
  let number = 0;
  for await (const rows of result.yieldRowObjectJson()) {
    for (const { row } of rows) {
      number += 1;
      yield { number, text: typeof row === 'string' ? row : '', share: number / total };
    }
  }
}

/**
 * Reads a Parquet file row by row, in bounded memory.
 *
 * @throws TraceError when the optional package for it is not installed, or the file is broken
 */
export async function* readParquetRows(path: string): AsyncIterableIterator<ParquetRow> {
  const instance = await openDatabase(path);
  const connection = await instance.connect();
  try {
    yield* queryRows(connection, path);
  } catch (cause) {
    if (cause instanceof TraceError) throw cause;
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : 'unknown';
    throw new TraceError(`${path} is a Parquet file that cannot be read: ${reason}`, { cause });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
