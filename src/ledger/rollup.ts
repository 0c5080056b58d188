import { BUCKET_MS, type RecordFilter } from './ledger.ts';
import {
  AMOUNTS_COUNT,
  MONEY_FROM,
  recordsOf,
  type Amounts,
  type LedgerRow,
  type MissSumRow,
} from './rows.ts';

/** The longest bucket in which sums are kept, in ms. */
export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Lengths of the buckets in which sums are kept, in ms. */
const LEVELS_MS: readonly number[] = [BUCKET_MS, DAY_MS];

/**
 * The same for sums over all scopes and all tags. Of those there are few, so hours cost nothing; for each scope and tag they
 * would make every record dearer to store, and only long timelines faster.
 */
export const LEVELS_OF_ALL_MS: readonly number[] = [BUCKET_MS, HOUR_MS, DAY_MS];

/** Stands for all scopes, or all tags; no name is empty. */
export const ALL = '';

/** The first and the last time that there is, both whole multiples of every bucket. */
export const TIME_MIN_MS = -8_640_000_000_000_000;
export const TIME_MAX_MS = 8_640_000_000_000_000;

/** Sums of one bucket. */
export interface RollupRow {
  readonly levelMs: number;
  readonly bucketMs: number;
  readonly tag: string;
  readonly scope: string;
  readonly model: string;
  readonly amounts: Amounts;
  readonly misses: readonly MissSumRow[];
}

type Place = Omit<RollupRow, 'amounts' | 'misses'>;

/** Dollars and pico-dollars that grow; the latter stay below a dollar. */
function addSplit(sums: number[], index: number, usd: number, pico: number): void {
  const sum = (sums[index + 1] ?? 0) + pico;
  const carry = sum >= 1e12 ? 1 : 0;
  sums[index] = (sums[index] ?? 0) + usd + carry;
  sums[index + 1] = sum - carry * 1e12;
}

function addAmounts(sums: number[], more: Amounts, times: number): void {
  for (let index = 0; index < MONEY_FROM; index += 1)
    sums[index] = (sums[index] ?? 0) + times * (more[index] ?? 0);
  for (let index = MONEY_FROM; index < AMOUNTS_COUNT; index += 2)
    addSplit(sums, index, more[index] ?? 0, more[index + 1] ?? 0);
}

/** Sums of one bucket that grow. */
class Bucket {
  readonly place: Place;
  readonly #amounts: number[] = Array.from({ length: AMOUNTS_COUNT }, () => 0);
  readonly #misses = new Map<string, number[]>();

  constructor(place: Place) {
    this.place = place;
  }

  /** @param times for rows that stand for several records, in which there is no money and no miss */
  add(amounts: Amounts, misses: readonly MissSumRow[], times = 1): void {
    addAmounts(this.#amounts, amounts, times);
    for (const { reason, requests, tokens, usd, pico } of misses) {
      const sums = this.#misses.get(reason) ?? [0, 0, 0, 0];
      sums[0] = (sums[0] ?? 0) + requests;
      sums[1] = (sums[1] ?? 0) + tokens;
      addSplit(sums, 2, usd, pico);
      this.#misses.set(reason, sums);
    }
  }

  row(): RollupRow {
    const misses: MissSumRow[] = [];
    for (const [reason, [requests = 0, tokens = 0, usd = 0, pico = 0]] of this.#misses)
      misses.push({ reason, requests, tokens, usd, pico });
    return { ...this.place, amounts: this.#amounts, misses };
  }
}

class Buckets {
  readonly #buckets = new Map<string, Bucket>();

  get(levelMs: number, bucketMs: number, tag: string, scope: string, model: string): Bucket {
    // No name has a NUL in it.
    const key = `${levelMs}\0${bucketMs}\0${tag}\0${scope}\0${model}`;
    const known = this.#buckets.get(key);
    if (known) return known;
    const bucket = new Bucket({ levelMs, bucketMs, tag, scope, model });
    this.#buckets.set(key, bucket);
    return bucket;
  }

  rows(): readonly RollupRow[] {
    return [...this.#buckets.values()].map((bucket) => bucket.row());
  }
}

/**
 * The sums of some rows by every level of time, for each tag and for all, for each scope and for all: whatever is asked
 * is then in few rows. The shortest buckets are summed first, and the others from them.
 */
export function rollUp(rows: Iterable<LedgerRow>): readonly RollupRow[] {
  const finest = new Buckets();
  for (const row of rows) {
    const bucketMs = Math.floor(row.atMs / BUCKET_MS) * BUCKET_MS;
    const times = recordsOf(row);
    finest.get(BUCKET_MS, bucketMs, ALL, row.scope, row.model).add(row.amounts, row.misses, times);
    for (const tag of row.tags)
      finest.get(BUCKET_MS, bucketMs, tag, row.scope, row.model).add(row.amounts, row.misses, times);
  }
  const all = new Buckets();
  for (const { bucketMs, tag, scope, model, amounts, misses } of finest.rows()) {
    for (const scopeOrAll of [scope, ALL]) {
      for (const levelMs of levelsOf(scopeOrAll, tag)) {
        const beginMs = Math.floor(bucketMs / levelMs) * levelMs;
        all.get(levelMs, beginMs, tag, scopeOrAll, model).add(amounts, misses);
      }
    }
  }
  return all.rows();
}

function levelsOf(scope: string, tag: string): readonly number[] {
  return scope === ALL && tag === ALL ? LEVELS_OF_ALL_MS : LEVELS_MS;
}

/** A span of time, and where its sums are: in buckets of a length, or, with 0, in the records themselves. */
export interface Span {
  readonly levelMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

function coverWith(levels: readonly number[], fromMs: number, toMs: number): readonly Span[] {
  if (fromMs >= toMs) return [];
  const [levelMs, ...finer] = levels;
  if (levelMs === undefined) return [{ levelMs: 0, fromMs, toMs }];
  const beginMs = Math.ceil(fromMs / levelMs) * levelMs;
  const endMs = Math.floor(toMs / levelMs) * levelMs;
  if (beginMs >= endMs) return coverWith(finer, fromMs, toMs);
  return [
    ...coverWith(finer, fromMs, beginMs),
    { levelMs, fromMs: beginMs, toMs: endMs },
    ...coverWith(finer, endMs, toMs),
  ];
}

/** Where records are gone a bucket counts as a whole, at the time at which it begins. */
function alignGone(timeMs: number, keptFromMs: number): number {
  return timeMs < keptFromMs ? Math.min(Math.ceil(timeMs / BUCKET_MS) * BUCKET_MS, keptFromMs) : timeMs;
}

/**
 * Covers the time of a filter with as long buckets as there are, and with records where none fits.
 *
 * @param keptFromMs Before this time records are gone, and only their sums are left.
 * @param longestMs Length of the longest bucket that may be taken: those of a timeline must not reach over its own.
 */
export function coverSpan(
  { fromMs, toMs, scope = ALL, tag = ALL }: RecordFilter,
  keptFromMs: number,
  longestMs: number = TIME_MAX_MS,
): readonly Span[] {
  const levels = levelsOf(scope, tag).filter((levelMs) => longestMs % levelMs === 0);
  return coverWith(
    levels.toReversed(),
    alignGone(Math.max(fromMs ?? TIME_MIN_MS, TIME_MIN_MS), keptFromMs),
    alignGone(Math.min(toMs ?? TIME_MAX_MS, TIME_MAX_MS), keptFromMs),
  );
}
