import { noTokens, type PicoUsd, type TokenCounts } from '../core/index.ts';

/** Why a request was sent that nobody had asked for. */
export type WarmPurpose = 'pre-warm' | 'keep-alive';

/** One request that was sent to warm a prefix, billed or not. Holds neither credentials nor text of a prompt. */
export interface WarmRecord {
  readonly purpose: WarmPurpose;
  /** The prefix that it is about. */
  readonly prefixId: string;
  readonly model: string;
  /** When it was sent. */
  readonly atMs: number;
  /** HTTP status; null where nothing answered. */
  readonly status: number | null;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  /** false where nobody knows whether it was billed: then `costPicoUsd` is the most that it can have cost. */
  readonly isBilled: boolean;
}

/** Sums of records, exact. */
export interface WarmTotals {
  readonly requests: number;
  readonly tokens: TokenCounts;
  readonly billedPicoUsd: PicoUsd;
  /** The most that requests of unknown fate can have cost. */
  readonly uncertainPicoUsd: PicoUsd;
}

/** What warming has cost: the newest records, and sums over all that ever were. */
export interface WarmLedger {
  add(record: WarmRecord): void;
  /** Newest first. */
  list(limit: number): readonly WarmRecord[];
  totals(purpose?: WarmPurpose): WarmTotals;
}

const noWarmTotals: WarmTotals = {
  requests: 0,
  tokens: noTokens,
  billedPicoUsd: 0n,
  uncertainPicoUsd: 0n,
};

/** Sums of tokens, counter by counter. */
export function addTokens(a: TokenCounts, b: TokenCounts): TokenCounts {
  return {
    uncachedTokens: a.uncachedTokens + b.uncachedTokens,
    readTokens: a.readTokens + b.readTokens,
    write5mTokens: a.write5mTokens + b.write5mTokens,
    write1hTokens: a.write1hTokens + b.write1hTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}

/** Sums with one record more. */
function addRecord(totals: WarmTotals, record: WarmRecord): WarmTotals {
  return {
    requests: totals.requests + 1,
    tokens: addTokens(totals.tokens, record.tokens),
    billedPicoUsd: totals.billedPicoUsd + (record.isBilled ? record.costPicoUsd : 0n),
    uncertainPicoUsd: totals.uncertainPicoUsd + (record.isBilled ? 0n : record.costPicoUsd),
  };
}

function addTotals(a: WarmTotals, b: WarmTotals): WarmTotals {
  return {
    requests: a.requests + b.requests,
    tokens: addTokens(a.tokens, b.tokens),
    billedPicoUsd: a.billedPicoUsd + b.billedPicoUsd,
    uncertainPicoUsd: a.uncertainPicoUsd + b.uncertainPicoUsd,
  };
}

/** A ledger in memory. @param recordsMax how many of the newest records it keeps */
export function createWarmLedger(recordsMax = 10_000): WarmLedger {
  let records: WarmRecord[] = [];
  const totals: Record<WarmPurpose, WarmTotals> = { 'pre-warm': noWarmTotals, 'keep-alive': noWarmTotals };
  return {
    add(record) {
      records.push(record);
      // Dropped in large steps, so that a full ledger costs no more than an empty one.
      if (records.length > 2 * recordsMax) records = records.slice(-recordsMax);
      totals[record.purpose] = addRecord(totals[record.purpose], record);
    },
    list: (limit) => records.slice(-Math.min(limit, recordsMax) || records.length).toReversed(),
    totals: (purpose) => (purpose ? totals[purpose] : addTotals(totals['pre-warm'], totals['keep-alive'])),
  };
}
