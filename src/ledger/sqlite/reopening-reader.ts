import { LedgerQueries } from './ledger-queries.ts';
import { openForReading } from './schema.ts';

/** Reads a file that may be moved aside and begun anew by who writes it. */
export class ReopeningReader {
  readonly #file: string;
  #queries: LedgerQueries | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws LedgerError, or SQLite's error; after one the next question opens the file again. */
  ask<Result>(run: (queries: LedgerQueries) => Result): Result {
    this.#queries ??= new LedgerQueries(openForReading(this.#file));
    try {
      return run(this.#queries);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#queries?.close();
    this.#queries = null;
  }
}
