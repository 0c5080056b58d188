import { isObject, type JsonObject } from '../core/index.ts';
import { captureCall, isCapture } from './capture.ts';
import { gatewayCall, isGatewayRecord } from './gateway-record.ts';
import type { LoggedCall } from './logged-call.ts';
import { readLines, type Line, type LineLimits } from './read-lines.ts';
import { isTranscriptLine, TranscriptReader } from './transcript.ts';
import { usageFormCall } from './usage-form-calls.ts';
import { isUsageForm } from './usage-form.ts';

/** What reading one file came to. */
export interface FileReading {
  readonly path: string;
  lines: number;
  /** Lines of a known form, billed or not. */
  knownLines: number;
  /** Lines that are no JSON object, or too long, or of no known form. */
  badLines: number;
  /** The first of them: its number, and what was wrong; null when there is none. */
  firstBad: { readonly number: number; readonly problem: string } | null;
  /** The last line was cut off while it was written. */
  isCutOff: boolean;
}

/** What a log may be read with. */
export interface ReadCallsOptions extends LineLimits {
  /** Midnight UTC of the day that usage-form files count from: they do not name it. */
  readonly dayMs: number;
}

/** Reads one file's lines into calls; keeps count of what they were. */
class CallReader {
  readonly reading: FileReading;
  readonly #transcript: TranscriptReader;
  readonly #dayMs: number;

  constructor(path: string, dayMs: number) {
    this.reading = { path, lines: 0, knownLines: 0, badLines: 0, firstBad: null, isCutOff: false };
    this.#transcript = new TranscriptReader(path);
    this.#dayMs = dayMs;
  }

  push(line: Line): readonly LoggedCall[] {
    this.reading.lines = line.number;
    if (line.text === '' && line.problem === null) return [];
    const value = this.#parse(line);
    return value === null ? [] : this.#callsOf(value, line.number);
  }

  end(): readonly LoggedCall[] {
    return this.#transcript.end();
  }

  #parse(line: Line): JsonObject | null {
    if (line.problem !== null) return this.#reject(line.number, line.problem);
    try {
      const value: unknown = JSON.parse(line.text);
      return isObject(value) ? value : this.#reject(line.number, 'it is no JSON object');
    } catch {
      if (line.isTerminated) return this.#reject(line.number, 'it is no JSON');
      // Not an error: the client was writing, or was stopped while it did.
      this.reading.isCutOff = true;
      return null;
    }
  }

  #reject(number: number, problem: string): null {
    this.reading.badLines += 1;
    this.reading.firstBad ??= { number, problem };
    return null;
  }

  #callsOf(value: JsonObject, number: number): readonly LoggedCall[] {
    const call = this.#read(value, number);
    if (call === undefined) {
      this.#reject(number, 'it has none of the known forms');
      return [];
    }
    this.reading.knownLines += 1;
    return call;
  }

  /** undefined for a line of no known form. */
  #read(value: JsonObject, number: number): readonly LoggedCall[] | undefined {
    if (isTranscriptLine(value)) return this.#transcript.push(value);
    const { path } = this.reading;
    if (isUsageForm(value)) return only(usageFormCall(value, path, this.#dayMs));
    if (isGatewayRecord(value)) return only(gatewayCall(value));
    if (isCapture(value)) return only(captureCall(value, path, number));
    return TRANSCRIPT_NOTES.has(String(value['type'])) ? [] : undefined;
  }
}

/** Lines of a transcript without a session or an id. */
const TRANSCRIPT_NOTES: ReadonlySet<string> = new Set([
  'summary',
  'file-history-snapshot',
  'queue-operation',
  'custom-title',
  'agent-name',
]);

const only = (call: LoggedCall | null): readonly LoggedCall[] => (call ? [call] : []);

/** A file being read: its calls in order, and what its lines came to (complete once the calls are). */
export interface CallStream {
  readonly calls: AsyncIterable<LoggedCall>;
  readonly reading: Readonly<FileReading>;
}

/**
 * Reads a log's calls in bounded memory, whatever it is: a Claude Code transcript, usage-form JSON Lines, captured
 * requests, or the gateway's export. The form is told line by line, by content. A bad line is counted and skipped.
 *
 * @throws UnreadableFileError and the system's own errors as `readLines` does, while the calls are read.
 * @example for await (const call of readCalls('session.jsonl', { dayMs: 0 }).calls) bill(call);
 */
export function readCalls(path: string, options: ReadCallsOptions): CallStream {
  const reader = new CallReader(path, options.dayMs);
  return { calls: callsOf(reader, path, options), reading: reader.reading };
}

async function* callsOf(
  reader: CallReader,
  path: string,
  limits: LineLimits,
): AsyncIterableIterator<LoggedCall> {
  for await (const line of readLines(path, limits)) yield* reader.push(line);
  yield* reader.end();
}
