import type { CancelTimer, Timers } from '../../runtime/index.ts';
import type { RowSink } from '../row-queue.ts';
import type { LedgerRow } from '../rows.ts';
import type { Spool } from './spool.ts';

/** How long after a failure the server is tried again, in ms; it doubles. */
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;

export interface SpoolingSinkOptions {
  /** Stores rows on the server. @returns how many it refuses for good. @throws while it cannot be reached. */
  readonly store: (rows: readonly LedgerRow[]) => Promise<number>;
  readonly spool: Spool;
  readonly timers: Timers;
  readonly tell: (sentence: string) => void;
}

/**
 * Brings rows to a server, and into a file while it is away: what is in the file is brought over, by and by, when it is
 * back. The order of rows does not matter there.
 */
export class SpoolingSink implements RowSink {
  readonly #options: SpoolingSinkOptions;
  #problem: string | null = null;
  #failures = 0;
  #dropped = 0;
  #cancelTimer: CancelTimer | null = null;
  /** Reading, emptying and appending take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: SpoolingSinkOptions) {
    this.#options = options;
    if (options.spool.waiting > 0) this.#drainAfter(0);
  }

  get waiting(): number {
    return this.#options.spool.waiting;
  }

  /** Rows that the spool had no room for, or that could not be read back. */
  get dropped(): number {
    return this.#dropped;
  }

  get problem(): string | null {
    return this.#problem;
  }

  async store(rows: readonly LedgerRow[]): Promise<number> {
    if (this.#problem === null) {
      try {
        return await this.#options.store(rows);
      } catch (error) {
        this.fail(error);
      }
    }
    const lost = await this.#inTurn(() => this.#options.spool.append(rows));
    if (lost > 0 && this.#dropped === 0)
      this.#options.tell('the file in which records wait for Postgres is full: records are being lost');
    this.#dropped += lost;
    return 0;
  }

  /** Tries to bring over what waits in the file; ends early when that fails. */
  async drain(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    while (!this.#isClosed && (this.waiting > 0 || this.#problem !== null)) {
      const isDone = await this.#inTurn(() => this.#drainPart());
      if (!isDone) return;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    await this.#turn;
    await this.#options.spool.close();
  }

  async #drainPart(): Promise<boolean> {
    const { spool, store } = this.#options;
    const part = await spool.next();
    try {
      const refused = await store(part.rows);
      this.#dropped += refused + part.damaged;
    } catch (error) {
      this.fail(error);
      return false;
    }
    await spool.advance(part);
    this.#succeed();
    return true;
  }

  #drainAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelTimer ??= this.#options.timers.after(
      delayMs,
      () => {
        this.#cancelTimer = null;
        void this.drain().catch((error: unknown) => this.fail(error));
      },
      true,
    );
  }

  /** The server cannot be had: known from a try here or elsewhere. */
  fail(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (this.#problem === null)
      this.#options.tell(`records wait in a file, for they cannot be stored: ${problem}`);
    this.#problem = problem;
    this.#failures += 1;
    this.#drainAfter(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (this.#failures - 1)));
  }

  #succeed(): void {
    if (this.#problem !== null) this.#options.tell('records are stored again');
    this.#problem = null;
    this.#failures = 0;
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
