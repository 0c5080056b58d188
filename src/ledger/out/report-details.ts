import type { LedgerReader, RecordFilter } from '../ledger.ts';
import type { ResponseTierRecord } from '../record.ts';
import { addOwnCost, addRecord, emptyTotals, type Totals } from '../totals.ts';

/** What is counted beside money and tokens. */
export interface ReportDetails {
  readonly records: number;
  /** Requests that were sent and told no usage: what they cost is not known, which is not 0. */
  readonly unreported: number;
  /** Requests of which the service says another reason of a miss than we do. */
  readonly disputed: number;
  /** What the tier of exact answers did, by outcome; those that never came are left out. */
  readonly responses: Readonly<Partial<Record<ResponseTierRecord['outcome'], number>>>;
  /** Requests that we sent ourselves. */
  readonly ownRequests: number;
}

/** Totals by name. */
export type TotalsByName = Map<string, Totals>;

/** The totals of a name; new ones where it is new. */
export function totalsOf(groups: TotalsByName, name: string): Totals {
  const known = groups.get(name);
  if (known) return known;
  const totals = emptyTotals();
  groups.set(name, totals);
  return totals;
}

/** The details of what was added up. */
export function detailsOf(totals: Totals): ReportDetails {
  const outcomes = {
    hit: totals.responsesHit,
    collapsed: totals.responsesCollapsed,
    stored: totals.responsesStored,
    miss: totals.responsesMissed,
    bypass: totals.responsesBypassed,
  };
  return {
    records: totals.requests,
    unreported: totals.unreported,
    disputed: totals.disputed,
    responses: Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0)),
    ownRequests: totals.ownRequests,
  };
}

/** What stands for requests without a tag. */
const UNTAGGED = '(none)';
/** Names that get sums of their own; the rest is added up as one. */
const NAMES_MAX = 10_000;
const OTHERS = '(others)';

function groupOf(groups: TotalsByName, name: string): Totals {
  return totalsOf(groups, groups.size < NAMES_MAX || groups.has(name) ? name : OTHERS);
}

/** One pass over all records, for there may be any number of names: bounded memory, and as long as there are records. */
export async function groupRecords(
  ledger: LedgerReader,
  filter: RecordFilter,
  by: 'tag' | 'scope',
): Promise<TotalsByName> {
  const groups: TotalsByName = new Map();
  for await (const record of ledger.export(filter)) {
    const tags = record.tags.length === 0 ? [UNTAGGED] : record.tags;
    const names = by === 'tag' ? tags : [record.scope];
    for (const name of new Set(names)) addRecord(groupOf(groups, name), new Map(), record);
  }
  for await (const cost of ledger.exportOwn(filter))
    addOwnCost(groupOf(groups, by === 'scope' ? cost.scope : UNTAGGED), cost);
  return groups;
}
