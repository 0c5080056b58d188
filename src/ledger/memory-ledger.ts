import {
  isFiltered,
  type Ledger,
  type ListFilter,
  type RecordFilter,
  type Summary,
  type TimelineRow,
} from './ledger.ts';
import type { AlikeRecords } from './alike.ts';
import { createRunId, RUN_RECORDS_MAX, runIdAt } from './run-ids.ts';
import { systemRandom } from '../runtime/index.ts';
import type { OwnCost } from './own-cost.ts';
import type { RequestRecord } from './record.ts';
import { expiredCostOf, reuseCodeOf, ReuseSums, type Reuse } from './reuse.ts';
import { addOwnCost, addRecord, summarise, Timeline } from './totals.ts';

/** A ledger that answers at once. */
export interface MemoryLedger extends Ledger {
  summary(filter?: RecordFilter): Summary;
  list(limit: number, before?: string, filter?: ListFilter): readonly RequestRecord[];
  reuse(filter?: RecordFilter): Reuse;
}

/** Records kept in memory; the oldest go first. */
export const RECORDS_MAX = 10_000;

function matchesCost(record: OwnCost | RequestRecord, filter: RecordFilter): boolean {
  return (
    (filter.fromMs === undefined || record.atMs >= filter.fromMs) &&
    (filter.toMs === undefined || record.atMs < filter.toMs) &&
    (filter.scope === undefined || record.scope === filter.scope) &&
    (filter.model === undefined || record.model === filter.model)
  );
}

function matches(record: RequestRecord, filter: RecordFilter): boolean {
  return matchesCost(record, filter) && (filter.tag === undefined || record.tags.includes(filter.tag));
}

/** Records with different ids: the newest `max`, or up to a tenth more. */
class Newest<Item extends { readonly id: string }> {
  readonly #max: number;
  readonly #ids = new Set<string>();
  #items: Item[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  add(item: Item): void {
    if (this.#ids.has(item.id)) return;
    this.#ids.add(item.id);
    this.#items.push(item);
    if (this.#items.length <= this.#max * 1.1) return;
    // Cutting in blocks keeps adding cheap: one copy for every tenth part of the limit.
    const removed = this.#items.splice(0, this.#items.length - this.#max);
    for (const { id } of removed) this.#ids.delete(id);
  }
}

function timelineOf(
  records: readonly RequestRecord[],
  own: readonly OwnCost[],
  bucketMs: number,
): readonly TimelineRow[] {
  const timeline = new Timeline(bucketMs);
  for (const record of records) {
    const { totals, misses } = timeline.at(record.atMs, record.model);
    addRecord(totals, misses, record);
  }
  for (const cost of own) addOwnCost(timeline.at(cost.atMs, cost.model).totals, cost);
  return timeline.rows();
}

function reuseIn(records: readonly RequestRecord[]): Reuse {
  const sums = new ReuseSums();
  for (const record of records) sums.add(reuseCodeOf(record), 1, expiredCostOf(record));
  return sums.show();
}

const byTime = (a: { readonly atMs: number }, b: { readonly atMs: number }): number => a.atMs - b.atMs;

/** Hits of which no record is kept; their answers have ids as others have. */
class DroppedRecords implements AlikeRecords {
  #firstId = '';
  #count = RUN_RECORDS_MAX;

  begin(atMs: number): string {
    if (this.#count === RUN_RECORDS_MAX) {
      this.#firstId = createRunId(systemRandom, atMs);
      this.#count = 0;
    }
    return runIdAt(this.#firstId, this.#count);
  }

  end(): void {
    this.#count += 1;
  }
}

function matchesList(record: RequestRecord, filter: ListFilter): boolean {
  const { reason, minCostPicoUsd, id } = filter;
  return (
    matches(record, filter) &&
    (id === undefined || record.id === id) &&
    (reason === undefined || record.misses.some((miss) => miss.reason === reason)) &&
    (minCostPicoUsd === undefined || (record.cost?.totalPicoUsd ?? 0n) >= minCostPicoUsd)
  );
}

/** What was lost to a reason; -1 where it is not among those of the misses. */
function lostTo(reason: string, { misses }: RequestRecord): bigint {
  const found = misses.filter((miss) => miss.reason === reason);
  return found.length === 0 ? -1n : found.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n);
}

/** How a list is sorted, its last first. */
function orderOf({ reason, isDearestFirst }: ListFilter): (a: RequestRecord, b: RequestRecord) => number {
  if (reason === undefined || isDearestFirst !== true) return byTime;
  return (a, b) => {
    const [one, other] = [lostTo(reason, a), lostTo(reason, b)];
    return one === other ? byTime(a, b) : one < other ? -1 : 1;
  };
}

/** Records that a filter leaves, the last first. */
function listFiltered(
  items: readonly RequestRecord[],
  limit: number,
  before: string | undefined,
  filter: ListFilter,
): readonly RequestRecord[] {
  const sorted = items.toSorted(orderOf(filter));
  const end = before === undefined ? sorted.length : sorted.findIndex(({ id }) => id === before);
  const left = sorted.slice(0, Math.max(0, end)).filter((record) => matchesList(record, filter));
  return left.toReversed().slice(0, limit);
}

/** A ledger that lives as long as the process: the newest `recordsMax` records. */
export function createMemoryLedger(recordsMax: number = RECORDS_MAX): MemoryLedger {
  const kept = new Newest<RequestRecord>(recordsMax);
  const keptOwn = new Newest<OwnCost>(recordsMax);
  const recordsOf = (filter: RecordFilter): readonly RequestRecord[] =>
    kept.items.filter((record) => matches(record, filter));
  // What we send ourselves has no tags.
  const ownOf = (filter: RecordFilter): readonly OwnCost[] =>
    filter.tag === undefined ? keptOwn.items.filter((cost) => matchesCost(cost, filter)) : [];
  return {
    add: (record) => kept.add(record),
    ...(recordsMax === 0 ? { alike: () => new DroppedRecords() } : {}),
    addOwn: (cost) => keptOwn.add(cost),
    summary: (filter = {}) => summarise(recordsOf(filter), ownOf(filter)),
    list(limit, before, filter = {}) {
      const { items } = kept;
      if (isFiltered(filter)) return listFiltered(items, limit, before, filter);
      const end = before === undefined ? items.length : items.findIndex((record) => record.id === before);
      return end < 0 ? [] : items.slice(Math.max(0, end - limit), end).toReversed();
    },
    reuse: (filter = {}) => reuseIn(recordsOf(filter)),
    timeline: async (filter, bucketMs) => timelineOf(recordsOf(filter), ownOf(filter), bucketMs),
    async *export(filter = {}) {
      yield* recordsOf(filter).toSorted(byTime);
    },
    async *exportOwn(filter = {}) {
      yield* ownOf(filter).toSorted(byTime);
    },
    health: () => ({ waiting: 0, dropped: 0, problem: null }),
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
