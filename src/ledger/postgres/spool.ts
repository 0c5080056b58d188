import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { renewRow, type LedgerRow } from '../rows.ts';

/** What is read back in one go: some hundred rows. */
const READ_BYTES = 512 * 1024;

const LINE_FEED = 10;

/** Some rows of a spool, and where the next ones begin. */
export interface SpooledRows {
  readonly rows: readonly LedgerRow[];
  /** Lines that cannot be read: a process was killed while it wrote them. */
  readonly damaged: number;
  readonly endBytes: number;
}

function rowOf(line: string): LedgerRow | null {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null && 'amounts' in row ? renewRow(row as LedgerRow) : null;
  } catch {
    return null;
  }
}

/**
 * Rows that wait in a file, a line each, for a server that is away. It survives the process; what was read and stored
 * before it ended is read again, which does no harm, since rows are stored once. One process at a time may have it.
 */
export class Spool {
  readonly #file: FileHandle;
  readonly #bytesMax: number;
  #readBytes = 0;
  #endBytes: number;
  #rows: number;

  private constructor(file: FileHandle, bytesMax: number, endBytes: number, rows: number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
    this.#endBytes = endBytes;
    this.#rows = rows;
  }

  /** Opens a spool, and makes it, for its owner alone, where there is none. */
  static async open(path: string, bytesMax: number): Promise<Spool> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'a+', 0o600);
    const { size } = await file.stat();
    let rows = 0;
    let last = LINE_FEED;
    const buffer = new Uint8Array(READ_BYTES);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
      if (bytesRead === 0) break;
      for (const byte of buffer.subarray(0, bytesRead)) if (byte === LINE_FEED) rows += 1;
      last = buffer[bytesRead - 1] ?? LINE_FEED;
      at += bytesRead;
    }
    // The last line of a process that was killed is ended here, so that the next one is whole.
    if (last === LINE_FEED) return new Spool(file, bytesMax, size, rows);
    await file.appendFile('\n');
    return new Spool(file, bytesMax, size + 1, rows + 1);
  }

  /** Lines that wait. */
  get waiting(): number {
    return this.#rows;
  }

  /** Appends rows. @returns how many there was no room for: the last ones. @throws any error of the file system. */
  async append(rows: readonly LedgerRow[]): Promise<number> {
    let room = this.#bytesMax - this.#endBytes;
    const lines: Buffer[] = [];
    for (const row of rows) {
      const line = Buffer.from(`${JSON.stringify(row)}\n`);
      room -= line.length;
      if (room < 0) break;
      lines.push(line);
    }
    if (lines.length > 0) {
      const bytes = Buffer.concat(lines);
      await this.#file.appendFile(bytes);
      this.#endBytes += bytes.length;
      this.#rows += lines.length;
    }
    return rows.length - lines.length;
  }

  /** The rows that come next. */
  async next(): Promise<SpooledRows> {
    for (let bytes = READ_BYTES; ; bytes *= 2) {
      const buffer = Buffer.alloc(Math.min(bytes, this.#endBytes - this.#readBytes));
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#readBytes);
      const end = buffer.lastIndexOf(LINE_FEED, bytesRead - 1) + 1;
      // A line that is longer than what was read.
      if (end === 0 && bytesRead === bytes) continue;
      const lines = buffer.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
      const rows = lines.map(rowOf).filter((row) => row !== null);
      return { rows, damaged: lines.length - rows.length, endBytes: this.#readBytes + end };
    }
  }

  /** They are stored: the next ones come after them. A file of which all is stored is emptied. */
  async advance({ rows, damaged, endBytes }: SpooledRows): Promise<void> {
    this.#readBytes = endBytes;
    this.#rows -= rows.length + damaged;
    if (this.#readBytes < this.#endBytes) return;
    await this.#file.truncate(0);
    this.#readBytes = 0;
    this.#endBytes = 0;
    this.#rows = 0;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
