import { toUsd, totalInputTokens, type PicoUsd, type TokenCounts } from '../../core/index.ts';
import { formatTime } from '../../runtime/index.ts';
import type { LedgerReader, RecordFilter, TimelineRow } from '../ledger.ts';
import { addMiss, addTotals, emptyTotals, type MissTotals, type Totals } from '../totals.ts';
import {
  detailsOf,
  groupRecords,
  totalsOf,
  type ReportDetails,
  type TotalsByName,
} from './report-details.ts';

/** What a report is split by. */
export type ReportSplit = 'model' | 'tag' | 'scope' | 'day';

export const REPORT_SPLITS: readonly ['model', 'tag', 'scope', 'day'] = ['model', 'tag', 'scope', 'day'];

/** Money twice: exact, in pico-dollars as a decimal string, and in dollars for reading. */
export interface ReportMoney {
  readonly picoUsd: string;
  readonly usd: number;
}

/** A share with what it is made of; `ratio` is null where there is nothing to divide by. */
export interface ReportRatio {
  readonly numerator: number;
  readonly denominator: number;
  readonly ratio: number | null;
}

/** Savings against each counterfactual; signed, negative is a loss. */
export interface ReportSavings {
  readonly noCaching: ReportMoney;
  readonly client: ReportMoney;
  readonly automatic: ReportMoney;
}

/** Sums over some requests. */
export interface ReportSums extends TokenCounts {
  readonly requests: number;
  readonly cost: ReportMoney;
  readonly ownCost: ReportMoney;
  readonly saved: ReportSavings;
  /** Saved less what we spent ourselves. */
  readonly netSaved: ReportSavings;
  /** Read tokens over total input tokens. */
  readonly hitRatio: ReportRatio;
}

/** What was missed for one reason. */
export interface ReportMiss {
  readonly reason: string;
  readonly requests: number;
  readonly tokens: number;
  readonly cost: ReportMoney;
}

/** What a ledger comes to. */
export interface LedgerReport {
  readonly total: ReportSums;
  /** By what they cost. */
  readonly misses: readonly ReportMiss[];
  readonly details: ReportDetails;
  readonly by: ReportSplit;
  /** By what they cost; days in their order. A request with two tags is in both. */
  readonly groups: readonly (ReportSums & { readonly name: string })[];
}

const DAY_MS = 86_400_000;

function showMoney(picoUsd: PicoUsd): ReportMoney {
  return { picoUsd: picoUsd.toString(), usd: toUsd(picoUsd) };
}

function ratioOf(numerator: number, denominator: number): ReportRatio {
  return { numerator, denominator, ratio: denominator === 0 ? null : numerator / denominator };
}

function showSavings(totals: Totals, less: PicoUsd): ReportSavings {
  return {
    noCaching: showMoney(totals.noCachingPicoUsd - less),
    client: showMoney(totals.clientPicoUsd - less),
    automatic: showMoney(totals.automaticPicoUsd - less),
  };
}

function showSums(totals: Totals): ReportSums {
  const { requests, uncachedTokens, readTokens, write5mTokens, write1hTokens, outputTokens } = totals;
  const tokens = { uncachedTokens, readTokens, write5mTokens, write1hTokens, outputTokens };
  return {
    requests,
    ...tokens,
    cost: showMoney(totals.costPicoUsd),
    ownCost: showMoney(totals.ownCostPicoUsd),
    saved: showSavings(totals, 0n),
    netSaved: showSavings(totals, totals.ownCostPicoUsd),
    hitRatio: ratioOf(readTokens, totalInputTokens(tokens)),
  };
}

function toTotals({
  savedPicoUsd,
  misses: _misses,
  atMs: _atMs,
  model: _model,
  ...sums
}: TimelineRow): Totals {
  return {
    ...sums,
    noCachingPicoUsd: savedPicoUsd.noCaching,
    clientPicoUsd: savedPicoUsd.client,
    automaticPicoUsd: savedPicoUsd.automatic,
  };
}

function groupRows(rows: readonly TimelineRow[], by: 'model' | 'day'): TotalsByName {
  const groups: TotalsByName = new Map();
  for (const row of rows) {
    const name = by === 'model' ? row.model : formatTime(row.atMs).slice(0, 10);
    addTotals(totalsOf(groups, name), toTotals(row));
  }
  return groups;
}

/** Scopes up to which each is asked for its sums; reading all records is cheaper for more. */
const SCOPES_MAX = 2_000;

/** By scope from sums, where the ledger knows its scopes; by tag records are read, for sums know nothing of those without. */
async function groupNames(
  ledger: LedgerReader,
  filter: RecordFilter,
  by: 'tag' | 'scope',
): Promise<TotalsByName> {
  const scopes = by === 'scope' ? await ledger.scopes?.() : undefined;
  if (!scopes || scopes.length > SCOPES_MAX) return groupRecords(ledger, filter, by);
  const groups: TotalsByName = new Map();
  for (const scope of scopes.filter((name) => name === (filter.scope ?? name))) {
    for (const row of await ledger.timeline({ ...filter, scope }, DAY_MS))
      addTotals(totalsOf(groups, scope), toTotals(row));
  }
  return groups;
}

function showGroups(groups: TotalsByName, by: ReportSplit): LedgerReport['groups'] {
  const rows = [...groups].map(([name, totals]) => ({ name, totals }));
  const ordered = rows.toSorted((a, b) => {
    if (by === 'day') return a.name < b.name ? -1 : 1;
    return Number(b.totals.costPicoUsd - a.totals.costPicoUsd) || (a.name < b.name ? -1 : 1);
  });
  return ordered.map(({ name, totals }) => ({ name, ...showSums(totals) }));
}

function showMisses(misses: MissTotals): readonly ReportMiss[] {
  const rows = [...misses].toSorted(
    ([a, { costPicoUsd: costA }], [b, { costPicoUsd: costB }]) => Number(costB - costA) || (a < b ? -1 : 1),
  );
  return rows.map(([reason, { requests, tokens, costPicoUsd }]) => ({
    reason,
    requests,
    tokens,
    cost: showMoney(costPicoUsd),
  }));
}

/** Adds up what a ledger holds: money as whole pico-dollars until it is shown. */
export async function buildReport(
  ledger: LedgerReader,
  filter: RecordFilter,
  by: ReportSplit,
): Promise<LedgerReport> {
  const rows = await ledger.timeline(filter, DAY_MS);
  const total = emptyTotals();
  const misses: MissTotals = new Map();
  for (const row of rows) {
    addTotals(total, toTotals(row));
    for (const miss of row.misses) addMiss(misses, miss);
  }
  const groups = by === 'model' || by === 'day' ? groupRows(rows, by) : await groupNames(ledger, filter, by);
  return {
    total: showSums(total),
    misses: showMisses(misses),
    details: detailsOf(total),
    by,
    groups: showGroups(groups, by),
  };
}
