import { moveAside } from '../../store/sqlite/move-aside.ts';
import { isCorruption } from '../../store/sqlite/open-database.ts';
import { recordsOf, type LedgerRow } from '../rows.ts';
import { LedgerWriter } from './ledger-writer.ts';
import { openForWriting } from './schema.ts';

/** What became of rows that were given to be stored. */
export interface AddResult {
  /** Records that the database refuses for what is in them, now and later. */
  readonly refused: number;
  /** New name of a file that was found damaged, moved aside and replaced; null when all is well. */
  readonly movedTo: string | null;
}

/** SQLite's numbers for what lies in the rows and not in the place where they are stored. */
const ROW_ERRORS: ReadonlySet<number> = new Set([
  1, // An error in the statement, such as a sum that is too large.
  18, // Too big.
  19, // A constraint.
  20, // A value of another type.
  25, // A parameter.
]);

function isRowError(error: unknown): boolean {
  if (error instanceof RangeError) return true;
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  return ROW_ERRORS.has(error.errcode & 0xff);
}

/**
 * Writes into a file, whatever becomes of it: one that is damaged is moved aside and begun anew, one that cannot be
 * written is opened again at the next try, and a row that cannot be stored does not hold up the others.
 */
export class GuardedWriter {
  readonly #file: string;
  readonly #open: typeof openForWriting;
  #writer: LedgerWriter | null = null;

  /** @param open How the file is opened; a test may set limits. */
  constructor(file: string, open: typeof openForWriting = openForWriting) {
    this.#file = file;
    this.#open = open;
  }

  /** @throws LedgerError `LEDGER_FOREIGN`; any other error when the file cannot be had now. */
  open(time: string): AddResult {
    return this.#guard(() => 0, time);
  }

  /** @param time When, as text for the name of a damaged file. */
  add(rows: readonly LedgerRow[], time: string): AddResult {
    return this.#guard((writer) => this.#addAll(writer, rows), time);
  }

  /** @returns whether there is more to remove. */
  remove(recordsBeforeMs: number, sumsBeforeMs: number, time: string): boolean {
    let isMore = false;
    this.#guard((writer) => {
      isMore = writer.remove(recordsBeforeMs, sumsBeforeMs);
      writer.compact();
      return 0;
    }, time);
    return isMore;
  }

  close(): void {
    this.#writer?.close();
    this.#writer = null;
  }

  #addAll(writer: LedgerWriter, rows: readonly LedgerRow[]): number {
    try {
      writer.add(rows);
      return 0;
    } catch (error) {
      if (!isRowError(error)) throw error;
      const [row, ...others] = rows;
      if (row && others.length === 0) return recordsOf(row);
      // Halves, until what cannot be stored is alone.
      const middle = rows.length >> 1;
      return this.#addAll(writer, rows.slice(0, middle)) + this.#addAll(writer, rows.slice(middle));
    }
  }

  #guard(work: (writer: LedgerWriter) => number, time: string): AddResult {
    try {
      return { refused: work(this.#opened()), movedTo: null };
    } catch (error) {
      this.#forget();
      if (!isCorruption(error)) throw error;
      const movedTo = moveAside(this.#file, time);
      return { refused: work(this.#opened()), movedTo };
    }
  }

  #opened(): LedgerWriter {
    this.#writer ??= new LedgerWriter(this.#open(this.#file));
    return this.#writer;
  }

  #forget(): void {
    try {
      this.#writer?.close();
    } finally {
      this.#writer = null;
    }
  }
}
