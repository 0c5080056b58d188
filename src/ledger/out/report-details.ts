import type { LedgerReader, RecordFilter } from '../ledger.ts';
import type { ResponseTierRecord } from '../record.ts';
import { addRecord, emptyTotals, type Totals } from '../totals.ts';

/** What only the records themselves tell. */
export interface ReportDetails {
  readonly records: number;
  /** Records without a bill: what they cost is not known, which is not 0. Answers that were kept have one, of nothing. */
  readonly unreported: number;
  /** What the tier of exact answers did, by outcome. */
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

/** What stands for requests without a tag. */
const UNTAGGED = '(none)';
/** Names that get sums of their own; the rest is added up as one. */
const NAMES_MAX = 10_000;
const OTHERS = '(others)';

function groupOf(groups: TotalsByName, name: string): Totals {
  return totalsOf(groups, groups.size < NAMES_MAX || groups.has(name) ? name : OTHERS);
}

/** One pass over all records: bounded memory, and as long as there are records. */
export async function countDetails(
  ledger: LedgerReader,
  filter: RecordFilter,
  by: 'tag' | 'scope' | null,
): Promise<{ readonly details: ReportDetails; readonly groups: TotalsByName }> {
  const groups: TotalsByName = new Map();
  const responses: Partial<Record<ResponseTierRecord['outcome'], number>> = {};
  let [records, unreported, ownRequests] = [0, 0, 0];
  for await (const record of ledger.export(filter)) {
    records += 1;
    if (!record.cost) unreported += 1;
    const outcome = record.responses?.outcome;
    if (outcome) responses[outcome] = (responses[outcome] ?? 0) + 1;
    const tags = record.tags.length === 0 ? [UNTAGGED] : record.tags;
    const names = by === 'tag' ? tags : by === 'scope' ? [record.scope] : [];
    for (const name of new Set(names)) addRecord(groupOf(groups, name), new Map(), record);
  }
  for await (const { scope, costPicoUsd } of ledger.exportOwn(filter)) {
    ownRequests += 1;
    if (by === 'scope') groupOf(groups, scope).ownCostPicoUsd += costPicoUsd;
    if (by === 'tag') groupOf(groups, UNTAGGED).ownCostPicoUsd += costPicoUsd;
  }
  return { details: { records, unreported, responses, ownRequests }, groups };
}
