import { createReadStream, type ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** One line of a text file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the line end. Empty where `problem` is set. */
  readonly text: string;
  /** false for a last line that no line end follows: it may have been cut off while being written. */
  readonly isTerminated: boolean;
  /** Set when the line is longer than `lineBytesMax`: it was skipped over, never held. */
  readonly problem: string | null;
}

/** Limits of `readLines`. */
export interface LineLimits {
  /** @default 64 MiB: more than the largest request that the API takes. */
  readonly lineBytesMax?: number;
  /** Told how many bytes of the file, as it is on disk, have been read so far: for a progress bar. */
  readonly onBytesRead?: (bytesRead: number) => void;
}

/** A file that holds no text, or whose compression is broken: the message is for people. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError';
}

const LINE_BYTES_MAX = 64 * 1024 * 1024;
const READ_BYTES = 256 * 1024;
const SNIFF_BYTES = 4096;
const LINE_FEED = 10;

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

interface Nature {
  readonly compression: 'gzip' | 'zstd' | null;
  readonly encoding: Encoding;
}

/** The file's bytes, decompressed. A broken archive ends with an error. */
function decompressed(raw: ReadStream, compression: Nature['compression']): Readable {
  if (compression === null) return raw;
  const decompress = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  raw.once('error', (error) => decompress.destroy(error));
  decompress.once('close', () => raw.destroy());
  return raw.pipe(decompress);
}

async function sniff(path: string): Promise<Nature> {
  const file = await open(path);
  const head = Buffer.alloc(SNIFF_BYTES);
  try {
    const { bytesRead } = await file.read(head, 0, SNIFF_BYTES, 0);
    return natureOf(head.subarray(0, bytesRead), path);
  } finally {
    await file.close();
  }
}

function natureOf(head: Buffer, path: string): Nature {
  const magic = head.subarray(0, 4).toString('hex');
  if (magic.startsWith('1f8b')) return { compression: 'gzip', encoding: 'utf-8' };
  if (magic === '28b52ffd') return { compression: 'zstd', encoding: 'utf-8' };
  if (magic.startsWith('fffe')) return { compression: null, encoding: 'utf-16le' };
  if (magic.startsWith('feff')) return { compression: null, encoding: 'utf-16be' };
  // JSON escapes control characters, so a zero byte is in no JSON Lines file.
  if (head.includes(0)) throw new UnreadableFileError(`${path} is no text file: it holds zero bytes`);
  return { compression: null, encoding: 'utf-8' };
}

/** Collects the bytes of one line over chunks, and drops those of one that is too long. */
class LineBytes {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  add(part: Buffer): void {
    this.#size += part.length;
    if (this.#size <= this.#bytesMax) this.#parts.push(part);
    else this.#parts = [];
  }

  take(number: number, isTerminated: boolean): Line {
    const size = this.#size;
    const bytes = this.#parts.length === 1 ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    if (size > this.#bytesMax) {
      const problem = `the line has ${size} bytes, and ${this.#bytesMax} is the most that is read`;
      return { number, text: '', isTerminated, problem };
    }
    const text = bytes.toString('utf8');
    return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text, isTerminated, problem: null };
  }
}

async function* decoded(source: Readable, encoding: Encoding): AsyncIterableIterator<Buffer> {
  if (encoding === 'utf-8') {
    yield* source as AsyncIterable<Buffer>;
    return;
  }
  const decoder = new TextDecoder(encoding);
  for await (const chunk of source as AsyncIterable<Buffer>) {
    yield Buffer.from(decoder.decode(chunk, { stream: true }));
  }
  yield Buffer.from(decoder.decode());
}

/**
 * Reads a text file line by line in bounded memory: plain, gzip or zstd (told by content), UTF-8 or UTF-16 with a byte
 * order mark. Bad UTF-8 becomes replacement characters. Blank lines are given too, so that numbers stay true.
 *
 * @throws UnreadableFileError for a file that is no text or a broken archive; the system's own error for one that
 * cannot be opened.
 * @example for await (const { number, text } of readLines('usage.jsonl.gz')) console.log(number, text.length);
 */
export async function* readLines(path: string, limits: LineLimits = {}): AsyncIterableIterator<Line> {
  const nature = await sniff(path);
  const raw = createReadStream(path, { highWaterMark: READ_BYTES });
  const source = decompressed(raw, nature.compression);
  const line = new LineBytes(limits.lineBytesMax ?? LINE_BYTES_MAX);
  let number = 1;
  let isFirst = true;
  try {
    for await (const chunk of decoded(source, nature.encoding)) {
      limits.onBytesRead?.(raw.bytesRead);
      let from = isFirst && chunk.subarray(0, 3).toString('hex') === 'efbbbf' ? 3 : 0;
      isFirst = false;
      for (let end = chunk.indexOf(LINE_FEED, from); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
        line.add(chunk.subarray(from, end));
        yield line.take(number, true);
        number += 1;
        from = end + 1;
      }
      if (from < chunk.length) line.add(chunk.subarray(from));
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!/^(Z_|ZSTD_|ERR_ZSTD)/.test(code)) throw error;
    throw new UnreadableFileError(`${path} is a broken ${nature.compression ?? ''} archive (${code})`);
  } finally {
    source.destroy();
  }
  if (!line.isEmpty) yield line.take(number, false);
}
