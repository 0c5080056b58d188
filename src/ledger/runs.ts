import type { Random } from '../runtime/index.ts';
import { alikeRecord, type AlikeRecords, type HitFacts } from './alike.ts';
import { BUCKET_MS } from './ledger.ts';
import type { RequestRecord } from './record.ts';
import { decodeBody, encodeRecord, MONEY_FROM, RUN_NUMBERS, toRow, type LedgerRow } from './rows.ts';
import { createRunId, RUN_RECORDS_MAX, runIdAt } from './run-ids.ts';
import { COUNTS } from './totals.ts';

/** From the first record of a run to the last there is less than this. */
export const RUN_SPAN_MS = 1_000;

/** Numbers of a run when it begins; they grow with it. */
const RECORDS_AT_FIRST = 16;

/** The numbers of a run from their bytes. */
export function runNumbers(bytes: unknown): Float64Array {
  // A copy, for bytes may begin anywhere and numbers may not.
  return bytes instanceof Uint8Array ? new Float64Array(bytes.slice().buffer) : new Float64Array();
}

/** How many records these are the numbers of. */
export function runRecords(numbers: Float64Array): number {
  return numbers.length / RUN_NUMBERS;
}

/** When a record of a run was made. */
export function runAtMs(numbers: Float64Array, index: number): number {
  return numbers[index * RUN_NUMBERS] ?? 0;
}

/** How many records of a run were made before a time. */
export function countBefore(numbers: Float64Array, timeMs: number): number {
  let [from, to] = [0, numbers.length / RUN_NUMBERS];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (runAtMs(numbers, middle) < timeMs) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Texts of the records of a run, as single rows would have them. */
export class RunTexts {
  readonly #common: RequestRecord;
  readonly #numbers: Float64Array;

  constructor(body: string, numbers: Float64Array) {
    this.#common = decodeBody<RequestRecord>(body);
    this.#numbers = numbers;
  }

  at(index: number): string {
    const from = index * RUN_NUMBERS;
    const [atMs = 0, tookMs = 0, ageMs, saved, savedMs] = this.#numbers.subarray(from, from + RUN_NUMBERS);
    const savedPicoUsd = fromNumber(saved);
    const facts: HitFacts = {
      ageMs: fromNumber(ageMs),
      savedPicoUsd: savedPicoUsd === null ? null : BigInt(savedPicoUsd),
      savedMs: fromNumber(savedMs),
    };
    return encodeRecord(alikeRecord(this.#common, runIdAt(this.#common.id, index), atMs, tookMs, facts));
  }
}

function fromNumber(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}

function toNumber(value: bigint | number | null): number {
  return value === null ? Number.NaN : Number(value);
}

/** Where runs go, and what they are made with. */
export interface OpenRunsOptions {
  readonly random: Random;
  /** Takes a run, once nothing is added to it any more. */
  readonly add: (row: LedgerRow) => void;
  /** Takes a record that cannot be one of a run. */
  readonly addOne: (record: RequestRecord) => void;
  /** Told that there is something to be closed. */
  readonly wake: () => void;
}

/**
 * Runs to which records are being added. A run is one row that stands for many records of hits: what they have in common as
 * text, and of each the numbers in which it differs. Its records are in the order of their times, within one bucket of
 * sums, and their ids go on from each other.
 */
export class OpenRuns {
  readonly #options: OpenRunsOptions;
  readonly #open = new Set<OpenRun>();

  constructor(options: OpenRunsOptions) {
    this.#options = options;
  }

  /** Records that are in no row yet. */
  get count(): number {
    let sum = 0;
    for (const run of this.#open) sum += run.count;
    return sum;
  }

  /** What takes records like this one; null where they cannot be in runs: sums count each as a hit, and as nothing else. */
  alike(common: RequestRecord): AlikeRecords | null {
    const row = toRow(common);
    const isHit = COUNTS.every((name, index) => row.amounts[index] === (HIT_COUNTS.has(name) ? 1 : 0));
    if (!isHit || row.amounts.slice(MONEY_FROM).some((part) => part !== 0) || row.misses.length > 0)
      return null;
    return new OpenRun(common, this.#options, this.#open);
  }

  /** Makes rows of all of them. */
  closeAll(): void {
    for (const run of this.#open) run.close();
  }
}

const HIT_COUNTS: ReadonlySet<string> = new Set(['requests', 'responsesHit']);

/** Takes records of one kind, and makes a row of them each time it is closed. */
class OpenRun implements AlikeRecords {
  readonly #common: RequestRecord;
  readonly #options: OpenRunsOptions;
  readonly #open: Set<OpenRun>;
  #numbers = new Float64Array(RECORDS_AT_FIRST * RUN_NUMBERS);
  #firstId: string | null = null;
  #atMs = 0;
  #lastMs = 0;
  #untilMs = 0;
  count = 0;

  constructor(common: RequestRecord, options: OpenRunsOptions, open: Set<OpenRun>) {
    this.#common = common;
    this.#options = options;
    this.#open = open;
  }

  begin(atMs: number): string {
    const wholeMs = Math.floor(atMs);
    if (this.count > 0 && (wholeMs < this.#lastMs || wholeMs >= this.#untilMs)) this.close();
    this.#atMs = wholeMs;
    if (this.#firstId === null) {
      this.#firstId = createRunId(this.#options.random, wholeMs);
    }
    return runIdAt(this.#firstId, this.count);
  }

  end(tookMs: number, facts: HitFacts): void {
    const { ageMs, savedPicoUsd, savedMs } = facts;
    const saved = toNumber(savedPicoUsd);
    // Beyond what a number holds exactly a record stands alone, under an id that no other may have then.
    if (savedPicoUsd !== null && !Number.isSafeInteger(saved)) {
      const id = runIdAt(this.#firstId ?? '', this.count);
      this.close();
      this.#firstId = null;
      this.#options.addOne(alikeRecord(this.#common, id, this.#atMs, tookMs, facts));
      return;
    }
    if (this.count === 0) this.#start();
    const from = this.count * RUN_NUMBERS;
    if (from === this.#numbers.length) this.#grow();
    const numbers = this.#numbers;
    numbers[from] = this.#atMs;
    numbers[from + 1] = tookMs;
    numbers[from + 2] = ageMs ?? Number.NaN;
    numbers[from + 3] = saved;
    numbers[from + 4] = savedMs ?? Number.NaN;
    this.#lastMs = this.#atMs;
    this.count += 1;
    if (this.count === RUN_RECORDS_MAX) this.close();
  }

  close(): void {
    this.#open.delete(this);
    if (this.count === 0) return;
    const run = this.#numbers.slice(0, this.count * RUN_NUMBERS);
    const id = this.#firstId ?? '';
    this.count = 0;
    this.#firstId = null;
    this.#options.add({ ...toRow({ ...this.#common, id, atMs: runAtMs(run, 0) }), run });
  }

  #start(): void {
    this.#lastMs = this.#atMs;
    const bucketEndMs = (Math.floor(this.#atMs / BUCKET_MS) + 1) * BUCKET_MS;
    this.#untilMs = Math.min(this.#atMs + RUN_SPAN_MS, bucketEndMs);
    this.#open.add(this);
    this.#options.wake();
  }

  #grow(): void {
    const larger = new Float64Array(this.#numbers.length * 4);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}
