import { stat } from 'node:fs/promises';
import { basename } from 'node:path';

import { readLines } from '../../logs/index.ts';
import { parseBody } from '../../wire/index.ts';
import { isParquet, readParquetRows } from './parquet-rows.ts';
import { TraceCollector, type RecordPlace } from './trace-collector.ts';
import type { Trace } from './trace.ts';

/** How traces are read. */
export interface ReadTraceOptions {
  /** Refuses a trace with a bad line instead of counting and leaving out such lines. @default false */
  readonly isStrict?: boolean;
  /** Told now and then how far reading is, in bytes of the files as they are on disk. */
  readonly onProgress?: (bytesRead: number, bytesTotal: number) => void;
}

/** Reads one file; `tell` learns how many of its bytes were read so far. */
async function readFile(
  path: string,
  placeOf: (lineNumber: number) => RecordPlace,
  collector: TraceCollector,
  tell: (bytesRead: number) => void,
  size: number,
): Promise<void> {
  if (await isParquet(path)) {
    for await (const { number, text, share } of readParquetRows(path)) {
      takeText(text, true, placeOf(number), collector);
      tell(Math.floor(size * share));
    }
    return;
  }
  for await (const line of readLines(path, { onBytesRead: tell })) {
    const place = placeOf(line.number);
    if (line.problem !== null) collector.reject(line.problem, place);
    else if (line.text.trim() !== '') takeText(line.text, line.isTerminated, place, collector);
  }
}

function takeText(text: string, isWhole: boolean, place: RecordPlace, collector: TraceCollector): void {
  const record = parseBody(Buffer.from(text));
  if (record.ok) collector.add(record.value, place);
  else collector.reject(`no JSON object: ${record.reason}${isWhole ? '' : '; the line is cut off'}`, place);
}

/**
 * Reads traces of requests, the form told by content: Mooncake, WEKA, timed Messages requests, captures; as JSON Lines,
 * plain or compressed, or as Parquet with the same names for columns. Several files are one trace, and must be of one
 * form. Never holds more of a file than a line.
 *
 * @throws TraceError for files that hold no request, and in strict mode for a bad line; `UnreadableFileError` for one
 * that is no text; the system's own error for one that cannot be opened.
 * @example const trace = await readTrace(['sessions.jsonl.gz'], { isStrict: true });
 */
export async function readTrace(paths: readonly string[], options: ReadTraceOptions = {}): Promise<Trace> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const bytesTotal = sizes.reduce((sum, size) => sum + size, 0);
  const collector = new TraceCollector(options.isStrict ?? false);
  let bytesBefore = 0;
  for (const [fileNumber, file] of paths.entries()) {
    const size = sizes[fileNumber] ?? 0;
    const placeOf = (lineNumber: number): RecordPlace => ({ file, fileNumber, lineNumber });
    const tell = (bytes: number): void => options.onProgress?.(bytesBefore + bytes, bytesTotal);
    await readFile(file, placeOf, collector, tell, size);
    bytesBefore += size;
    tell(0);
  }
  return collector.finish(paths.map((path) => basename(path)).join(', '));
}
