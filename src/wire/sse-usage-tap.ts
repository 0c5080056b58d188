import { createByteStore, type ByteStore } from './byte-store.ts';
import { isObject } from '../core/index.ts';
import { decodeUtf8 } from './json-bytes.ts';
import {
  NOTHING_READ,
  parseJson,
  withDelta,
  withError,
  withMessage,
  type UsageReading,
  type UsageTap,
} from './usage-tap.ts';

/** Limits of an SSE tap. */
export interface SseTapLimits {
  /**
   * A longer event (all its lines together) is passed over and counted, so memory stays bounded.
   * @default 1048576 (1 MiB)
   */
  readonly eventBytesMax?: number;
}

const EVENT_BYTES_MAX = 1024 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const EVENT_FIELD = Buffer.from('event');
const DATA_FIELD = Buffer.from('data');
const EVENT_NAMES: ReadonlySet<string> = new Set(['message_start', 'message_delta', 'message_stop', 'error']);
const EVENT_NAME_LENGTHS: ReadonlySet<number> = new Set([...EVENT_NAMES].map((name) => name.length));

/**
 * A tap for a streamed response (server-sent events). Rules, in the order of the code:
 * 1. LF, CR and CR LF end a line; an empty line ends an event. Chunks may be cut anywhere.
 * 2. The first `event:` line names the event. Of events that say nothing about usage no byte is kept or decoded.
 * 3. An event over the limit is passed over and counted.
 * 4. An event that the end of the stream cuts short is still read if its data is whole.
 * What is not understood is ignored.
 *
 * @example
 * const tap = createSseUsageTap();
 * for await (const chunk of response.body) tap.push(chunk);
 * tap.end();
 * tap.result().usage?.write5mTokens;
 */
export function createSseUsageTap({ eventBytesMax = EVENT_BYTES_MAX }: SseTapLimits = {}): UsageTap {
  return new SseUsageTap(eventBytesMax);
}

class SseUsageTap implements UsageTap {
  readonly #eventBytesMax: number;
  /** The beginning of a line whose end has not come yet; empty while the event is ignored. */
  readonly #lineHead: ByteStore = createByteStore();
  #reading: UsageReading = NOTHING_READ;
  #eventName: string | null = null;
  #dataLines: string[] = [];
  #eventBytes = 0;
  #isEventIgnored = false;
  #hasLineBegun = false;
  #isAfterCr = false;
  #hasEnded = false;

  constructor(eventBytesMax: number) {
    this.#eventBytesMax = eventBytesMax;
  }

  push(chunk: Uint8Array): void {
    if (this.#hasEnded) return;
    let lineStart = 0;
    while (lineStart < chunk.length) {
      const lineEnd = findLineEnd(chunk, lineStart);
      const isLfOfCrLf = this.#isAfterCr && lineEnd === lineStart && chunk[lineStart] === LF;
      this.#isAfterCr = chunk[lineEnd] === CR;
      if (lineEnd === chunk.length) this.#keepLineHead(chunk.subarray(lineStart));
      else if (!isLfOfCrLf) this.#endLine(chunk, lineStart, lineEnd);
      lineStart = lineEnd + 1;
    }
  }

  end(): void {
    if (this.#hasEnded) return;
    if (this.#hasLineBegun) this.#endLine(new Uint8Array(0), 0, 0);
    this.#endEvent();
    this.#hasEnded = true;
  }

  result(): UsageReading {
    return this.#reading;
  }

  #keepLineHead(bytes: Uint8Array): void {
    this.#hasLineBegun = true;
    if (this.#isWanted(bytes.length)) this.#lineHead.append(bytes);
  }

  #endLine(chunk: Uint8Array, start: number, end: number): void {
    const isContinued = this.#hasLineBegun;
    this.#hasLineBegun = false;
    if (start === end && !isContinued) {
      this.#endEvent();
      return;
    }
    if (!this.#isWanted(end - start)) return;
    if (!isContinued) {
      this.#takeLine(chunk, start, end);
      return;
    }
    this.#lineHead.append(chunk.subarray(start, end));
    const line = this.#lineHead.view();
    this.#takeLine(line, 0, line.length);
    this.#lineHead.clear();
  }

  /** Counts bytes toward the event; false once they are not wanted (any more). */
  #isWanted(addedBytes: number): boolean {
    if (this.#isEventIgnored) return false;
    this.#eventBytes += addedBytes;
    if (this.#eventBytes <= this.#eventBytesMax) return true;
    this.#reading = { ...this.#reading, skippedEvents: this.#reading.skippedEvents + 1 };
    this.#ignoreEvent();
    return false;
  }

  #ignoreEvent(): void {
    this.#isEventIgnored = true;
    this.#dataLines = [];
    this.#lineHead.clear();
  }

  #takeLine(line: Uint8Array, start: number, end: number): void {
    const nameAt = fieldValueAt(line, start, end, EVENT_FIELD);
    if (nameAt >= 0 && this.#eventName === null) {
      // Most events are told apart by the length of their name alone, without decoding it.
      this.#eventName = EVENT_NAME_LENGTHS.has(end - nameAt) ? decodeUtf8(line, nameAt, end) : '';
      if (!EVENT_NAMES.has(this.#eventName)) this.#ignoreEvent();
      return;
    }
    const dataAt = fieldValueAt(line, start, end, DATA_FIELD);
    if (dataAt >= 0) this.#dataLines.push(decodeUtf8(line, dataAt, end));
  }

  #endEvent(): void {
    const data = this.#dataLines.join('\n');
    // The standard drops events without data; so does the official client.
    if (data !== '') this.#reading = readEvent(this.#reading, this.#eventName, data);
    this.#dataLines = [];
    this.#eventName = null;
    this.#eventBytes = 0;
    this.#isEventIgnored = false;
  }
}

function readEvent(reading: UsageReading, name: string | null, data: string): UsageReading {
  switch (name) {
    case 'message_start': {
      const event = parseJson(data);
      return isObject(event) ? withMessage(reading, event['message']) : reading;
    }
    case 'message_delta':
      return withDelta(reading, parseJson(data));
    case 'message_stop':
      return { ...reading, complete: true };
    case 'error':
      return withError(reading, parseJson(data));
    default:
      return reading;
  }
}

/** Offset of the next LF or CR at or after `at`, or the length. */
function findLineEnd(bytes: Uint8Array, at: number): number {
  const { length } = bytes;
  let i = at;
  for (;;) {
    // Only control characters, line ends among them, are not above CR. Staying within bounds keeps the loop fast.
    while (i < length && (bytes[i] ?? 0) > CR) i += 1;
    if (i >= length || bytes[i] === LF || bytes[i] === CR) return i;
    i += 1;
  }
}

/** Where the value of `field` begins in a line, without the one space that may precede it; -1 if the line is another's. */
function fieldValueAt(line: Uint8Array, start: number, end: number, field: Uint8Array): number {
  const colon = start + field.length;
  for (let i = 0; i < field.length; i += 1) {
    if (line[start + i] !== field[i]) return -1;
  }
  // A line may also be the name alone, without colon; that is an empty value, which means nothing here.
  if (colon >= end || line[colon] !== COLON) return -1;
  return line[colon + 1] === SPACE ? colon + 2 : colon + 1;
}
