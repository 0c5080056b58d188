import { BUCKET_MS, type RecordFilter } from './ledger.ts';
import { coverSpan, LEVELS_OF_ALL_MS, TIME_MAX_MS, TIME_MIN_MS, type Span } from './rollup.ts';
import type { LedgerRow } from './rows.ts';

/** Requests of one bucket that wanted prefixes again after the same times. */
export interface ReuseRollupRow {
  readonly levelMs: number;
  readonly bucketMs: number;
  readonly model: string;
  /** See `reuseCodeOf`. */
  readonly code: number;
  readonly requests: number;
  /** What they paid for what had expired. */
  readonly usd: number;
  readonly pico: number;
}

/** The name of the reason whose misses cost what is added up here. */
export const EXPIRED = 'expired';

type Sums = { -readonly [Name in keyof ReuseRollupRow]: ReuseRollupRow[Name] };

/** More than any code. */
const CODES_MAX = 512;

/** Sums of one level, by model, and then by bucket and code together. */
class Level {
  readonly #levelMs: number;
  readonly #byModel = new Map<string, Map<number, Sums>>();

  constructor(levelMs: number) {
    this.#levelMs = levelMs;
  }

  at(timeMs: number, model: string, code: number): Sums {
    const bucket = Math.floor(timeMs / this.#levelMs);
    const known = this.#byModel.get(model);
    const ofModel = known ?? new Map<number, Sums>();
    if (!known) this.#byModel.set(model, ofModel);
    const key = bucket * CODES_MAX + code;
    const sums = ofModel.get(key);
    if (sums) return sums;
    const place = { levelMs: this.#levelMs, bucketMs: bucket * this.#levelMs, model, code };
    const made = { ...place, requests: 0, usd: 0, pico: 0 };
    ofModel.set(key, made);
    return made;
  }

  rows(): readonly ReuseRollupRow[] {
    return [...this.#byModel.values()].flatMap((ofModel) => [...ofModel.values()]);
  }
}

function addTo(sums: Sums, requests: number, usd: number, pico: number): void {
  sums.requests += requests;
  const carry = sums.pico + pico >= 1e12 ? 1 : 0;
  sums.usd += usd + carry;
  sums.pico += pico - carry * 1e12;
}

/**
 * The sums of some rows by every level of time. Only over all scopes and tags: there are many codes, and with each of them
 * in every scope and tag, sums would cost more to store than records. For one scope or tag the records themselves are asked.
 */
export function rollUpReuse(rows: Iterable<LedgerRow>): readonly ReuseRollupRow[] {
  const finest = new Level(BUCKET_MS);
  for (const { reuse: code = 0, atMs, model, misses } of rows) {
    if (code === 0) continue;
    const expired = misses.length === 0 ? undefined : misses.find(({ reason }) => reason === EXPIRED);
    addTo(finest.at(atMs, model, code), 1, expired?.usd ?? 0, expired?.pico ?? 0);
  }
  const all = [...finest.rows()];
  for (const levelMs of LEVELS_OF_ALL_MS.filter((each) => each !== BUCKET_MS)) {
    const level = new Level(levelMs);
    for (const { bucketMs, model, code, requests, usd, pico } of finest.rows())
      addTo(level.at(bucketMs, model, code), requests, usd, pico);
    all.push(...level.rows());
  }
  return all;
}

/** Where the sums for a filter are: in buckets where there are any, and in the records otherwise. */
export function coverReuse(filter: RecordFilter, keptFromMs: number): readonly Span[] {
  if (filter.scope === undefined && filter.tag === undefined) return coverSpan(filter, keptFromMs);
  const fromMs = Math.max(filter.fromMs ?? TIME_MIN_MS, keptFromMs);
  return [{ levelMs: 0, fromMs, toMs: filter.toMs ?? TIME_MAX_MS }];
}
