import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import { csvHeader, formatCsvOwn, formatCsvRequest } from './csv.ts';
import { formatRecord } from './show-record.ts';

/** Forms of an export. */
export type ExportFormat = 'csv' | 'jsonl';

export const EXPORT_FORMATS: readonly ['csv', 'jsonl'] = ['csv', 'jsonl'];

/** What is exported, each oldest first; only as much is read as is asked for. */
export interface ExportSource {
  readonly requests: AsyncIterable<RequestRecord>;
  /** What we sent ourselves. In CSV alone: lines of JSONL are what `/api/v1/requests` shows. */
  readonly own: AsyncIterable<OwnCost>;
}

/** Characters that are handed on at once: rows alone are too small to be written one by one. */
const CHUNK_CHARACTERS = 64 * 1024;

/** A row, and when what it tells of happened. */
interface TimedRow {
  readonly atMs: number;
  readonly row: string;
}

async function* timedRows<Thing extends { readonly atMs: number }>(
  things: AsyncIterable<Thing>,
  format: (thing: Thing) => string,
): AsyncGenerator<TimedRow> {
  for await (const thing of things) yield { atMs: thing.atMs, row: format(thing) };
}

/** Two sequences, each in the order of time, as one. */
async function* mergeByTime(
  first: AsyncGenerator<TimedRow>,
  second: AsyncGenerator<TimedRow>,
): AsyncGenerator<string> {
  try {
    let [a, b] = [await first.next(), await second.next()];
    while (a.done !== true || b.done !== true) {
      if (a.done !== true && (b.done === true || a.value.atMs <= b.value.atMs)) {
        yield a.value.row;
        a = await first.next();
      } else if (b.done !== true) {
        yield b.value.row;
        b = await second.next();
      }
    }
  } finally {
    await Promise.all([first.return(undefined), second.return(undefined)]);
  }
}

async function* csvRows({ requests, own }: ExportSource): AsyncGenerator<string> {
  yield csvHeader;
  yield* mergeByTime(timedRows(requests, formatCsvRequest), timedRows(own, formatCsvOwn));
}

async function* jsonRows({ requests }: ExportSource): AsyncGenerator<string> {
  for await (const record of requests) yield `${formatRecord(record)}\n`;
}

/**
 * The text of an export in pieces of some 64 KiB, oldest first; what is read ahead does not grow with the ledger.
 *
 * @example for await (const text of exportRows('csv', { requests: ledger.export({}), own: ledger.exportOwn({}) })) write(text);
 */
export async function* exportRows(format: ExportFormat, source: ExportSource): AsyncGenerator<string> {
  let chunk = '';
  for await (const row of format === 'csv' ? csvRows(source) : jsonRows(source)) {
    chunk += row;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}
