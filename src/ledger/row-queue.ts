import type { CancelTimer, Timers } from '../runtime/index.ts';
import type { LedgerHealth } from './ledger.ts';
import { recordsOf, type LedgerRow } from './rows.ts';

/** Where rows are brought. */
export interface RowSink {
  /**
   * Stores rows, all of them; those that are there already are passed over.
   *
   * @returns how many it refuses for good.
   * @throws while it cannot store; the message says why.
   */
  store(rows: readonly LedgerRow[]): Promise<number>;
}

export interface RowQueueOptions {
  readonly sink: RowSink;
  readonly timers: Timers;
  /** Takes a sentence when records cannot be stored, when some are lost, and when all is well again. */
  readonly tell: (sentence: string) => void;
  /** Records that are in no row yet: how many, and how they come into rows, each by a call of `add`. */
  readonly open?: { readonly count: number; closeAll(): void };
  /** Records, and characters of their texts, that may wait. */
  readonly rowsMax: number;
  readonly charactersMax: number;
  /** Rows that are stored together at the most: many are cheaper, as far as they hold nothing up. */
  readonly batchRowsMax: number;
}

/** How long rows wait for others to come, so that they are stored together. */
const GATHER_MS = 100;

/** Characters of rows that are stored together, and so many rows that they do not wait for others. */
const BATCH_CHARACTERS_MAX = 32 * 1024 * 1024;
const ENOUGH_ROWS = 4_000;

/** Rows that are made in one go: few, for they hold up what else is to be done. */
const MAKE_TOGETHER = 32;

/** From the first failure to the next try, and at the most; it doubles between. */
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;

/** Whoever asks sees what has ended, unless storing it takes longer than this. */
export const HURRY_MS = 250;

/** What a row takes besides its text. */
const ROW_CHARACTERS = 300;

const sizeOf = ({ body, run }: LedgerRow): number => body.length + ROW_CHARACTERS + (run?.byteLength ?? 0);

/** Rows on their way to where they are stored: bounded, in batches, one at a time, tried again until it works. */
export class RowQueue {
  readonly #options: RowQueueOptions;
  #rows: LedgerRow[] = [];
  /** Rows that are not made yet. */
  #unmade: (() => LedgerRow)[] = [];
  #characters = 0;
  /** Records of the rows. */
  #records = 0;
  #dropped = 0;
  #isFull = false;
  #isStopped = false;
  /** Records are being brought into rows, to be stored at once. */
  #isGathering = false;
  #failures = 0;
  #problem: string | null = null;
  #cancelTimer: CancelTimer | null = null;
  #storing: Promise<void> | null = null;

  constructor(options: RowQueueOptions) {
    this.#options = options;
  }

  add(row: LedgerRow): void {
    const { rowsMax, charactersMax } = this.#options;
    const records = recordsOf(row);
    if (this.#records + records > rowsMax || this.#characters + sizeOf(row) > charactersMax) {
      this.#dropFull(records);
      return;
    }
    this.#rows.push(row);
    this.#records += records;
    this.#characters += sizeOf(row);
    this.wake();
  }

  /**
   * A row that is made later, together with others, so that no request waits for its own. What `make` throws loses that row
   * alone, and is counted.
   */
  addLater(make: () => LedgerRow): void {
    this.#unmade.push(make);
    const isFull = this.#records + this.#unmade.length >= this.#options.rowsMax;
    if (isFull || this.#unmade.length >= MAKE_TOGETHER) this.#makeRows();
    else this.wake();
  }

  #makeRows(): void {
    const unmade = this.#unmade;
    this.#unmade = [];
    for (const make of unmade) {
      try {
        this.add(make());
      } catch {
        this.drop(1);
      }
    }
  }

  /** A row that was not even taken. */
  drop(count: number): void {
    this.#dropped += count;
  }

  health(): LedgerHealth {
    const waiting = this.#records + this.#unmade.length + (this.#options.open?.count ?? 0);
    return { waiting, dropped: this.#dropped, problem: this.#problem };
  }

  /** Stores what waits; ends early when that fails. */
  async flush(): Promise<void> {
    await this.#storing;
    while (this.#hasMore()) {
      await this.#storeNow();
      if (this.#problem !== null) return;
    }
  }

  /** Stores what is there now without waiting for more to come, so that whoever reads next finds it; ends after `withinMs` at the latest. */
  async hurry(withinMs: number): Promise<void> {
    if (this.#failures > 0 || (!this.#hasMore() && this.#storing === null)) return;
    let cancel: CancelTimer = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.timers.after(withinMs, resolve, true);
    });
    await Promise.race([this.#storeWhatIsThere(), late]);
    cancel();
  }

  async #storeWhatIsThere(): Promise<void> {
    await this.#storing;
    if (this.#hasMore() && this.#failures === 0 && !this.#isStopped) await this.#storeNow();
  }

  /** Nothing is stored any more that is not on its way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await this.#storing;
  }

  #hasMore(): boolean {
    return this.#rows.length > 0 || this.#unmade.length > 0 || (this.#options.open?.count ?? 0) > 0;
  }

  #dropFull(records: number): void {
    this.#dropped += records;
    if (this.#isFull) return;
    this.#isFull = true;
    this.#options.tell('the ledger cannot store as fast as requests come: records are being lost');
  }

  /** There is something to be stored by and by. */
  wake(): void {
    if (this.#storing !== null || this.#isGathering || this.#isStopped) return;
    const isBatch = this.#rows.length >= Math.min(ENOUGH_ROWS, this.#options.batchRowsMax);
    if (isBatch && this.#failures === 0) void this.#storeNow();
    else this.#cancelTimer ??= this.#options.timers.after(this.#delayMs(), () => void this.#storeNow(), true);
  }

  #delayMs(): number {
    if (this.#failures === 0) return GATHER_MS;
    return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (this.#failures - 1));
  }

  #storeNow(): Promise<void> {
    if (this.#storing) return this.#storing;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#isGathering = true;
    this.#options.open?.closeAll();
    this.#makeRows();
    this.#isGathering = false;
    this.#storing = this.#storeBatch().finally(() => {
      this.#storing = null;
      if (this.#hasMore()) this.wake();
    });
    return this.#storing;
  }

  #batch(): readonly LedgerRow[] {
    let characters = 0;
    let count = 0;
    for (const row of this.#rows) {
      characters += sizeOf(row);
      if (count > 0 && (count >= this.#options.batchRowsMax || characters > BATCH_CHARACTERS_MAX)) break;
      count += 1;
    }
    return this.#rows.slice(0, count);
  }

  async #storeBatch(): Promise<void> {
    const batch = this.#batch();
    try {
      const refused = await this.#options.sink.store(batch);
      this.#dropped += refused;
      this.#rows = this.#rows.slice(batch.length);
      for (const row of batch) {
        this.#records -= recordsOf(row);
        this.#characters -= sizeOf(row);
      }
      this.#succeed();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  #succeed(): void {
    if (this.#problem !== null) {
      const lost = this.#isFull ? `; ${this.#dropped} records were lost` : '';
      this.#options.tell(`the ledger stores records again${lost}`);
    }
    this.#failures = 0;
    this.#problem = null;
    if (this.#records * 2 < this.#options.rowsMax) this.#isFull = false;
  }

  /** It cannot be stored now: known before there is anything to store, or from a try. */
  fail(problem: string): void {
    this.#failures += 1;
    if (this.#problem === null)
      this.#options.tell(`the ledger cannot store records now, and will try again: ${problem}`);
    this.#problem = problem;
  }
}
