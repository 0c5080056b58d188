import type { AlikeRecords, HitFacts, RequestRecord } from '../../ledger/index.ts';

/** Is told how many hits have come that are alike, and what they saved together; null: of none that is known. */
type CountHits = (common: RequestRecord, hits: number, savedPicoUsd: bigint | null) => void;

/** Kinds of hits that wait to be counted; more are counted at once. */
const WAITING_MAX = 1_000;

/** Counts hits that are alike when somebody asks, so that there is next to nothing to be done for each of them. */
export class AlikeHits {
  readonly #count: CountHits;
  readonly #waiting = new Set<CountedRecords>();

  constructor(count: CountHits) {
    this.#count = count;
  }

  /** The same as what takes the records, with each counted. */
  alike(records: AlikeRecords | null, common: RequestRecord): AlikeRecords | null {
    return records && new CountedRecords(records, common, (counted) => this.#wait(counted));
  }

  /** Counts all that wait. */
  count(): void {
    for (const { common, hits, savedPicoUsd } of this.#waiting) this.#count(common, hits, savedPicoUsd);
    for (const counted of this.#waiting) counted.clear();
    this.#waiting.clear();
  }

  #wait(counted: CountedRecords): void {
    this.#waiting.add(counted);
    if (this.#waiting.size > WAITING_MAX) this.count();
  }
}

class CountedRecords implements AlikeRecords {
  readonly common: RequestRecord;
  hits = 0;
  savedPicoUsd: bigint | null = null;
  readonly #records: AlikeRecords;
  readonly #wait: (counted: CountedRecords) => void;

  constructor(records: AlikeRecords, common: RequestRecord, wait: (counted: CountedRecords) => void) {
    this.#records = records;
    this.common = common;
    this.#wait = wait;
  }

  begin(atMs: number): string {
    return this.#records.begin(atMs);
  }

  end(tookMs: number, facts: HitFacts): void {
    this.#records.end(tookMs, facts);
    this.hits += 1;
    if (facts.savedPicoUsd !== null) this.savedPicoUsd = (this.savedPicoUsd ?? 0n) + facts.savedPicoUsd;
    if (this.hits === 1) this.#wait(this);
  }

  clear(): void {
    this.hits = 0;
    this.savedPicoUsd = null;
  }
}
