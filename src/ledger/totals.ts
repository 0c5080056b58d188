import { toUsd, totalInputTokens, type PicoUsd, type TokenCounts } from '../core/index.ts';
import { BUCKET_MS, type MissSum, type RequestCounts, type Summary, type TimelineRow } from './ledger.ts';
import type { OwnCost } from './own-cost.ts';
import type { Miss, RequestRecord, ResponseTierRecord } from './record.ts';

/** What is counted, in the order in which databases keep it. */
export const COUNTS: readonly (keyof CountTotals)[] = [
  'requests',
  'uncachedTokens',
  'readTokens',
  'write5mTokens',
  'write1hTokens',
  'outputTokens',
  'unreported',
  'disputed',
  'ownRequests',
  'responsesHit',
  'responsesCollapsed',
  'responsesStored',
  'responsesMissed',
  'responsesBypassed',
];

/** Amounts of money, in the same order. */
export const MONEY: readonly (keyof MoneyTotals)[] = [
  'costPicoUsd',
  'noCachingPicoUsd',
  'clientPicoUsd',
  'automaticPicoUsd',
  'ownCostPicoUsd',
];

/** What is counted of requests. */
export interface CountTotals extends RequestCounts, TokenCounts {
  requests: number;
  uncachedTokens: number;
  readTokens: number;
  write5mTokens: number;
  write1hTokens: number;
  outputTokens: number;
  unreported: number;
  disputed: number;
  ownRequests: number;
  responsesHit: number;
  responsesCollapsed: number;
  responsesStored: number;
  responsesMissed: number;
  responsesBypassed: number;
}

/** Money, whole until it is shown. */
export interface MoneyTotals {
  costPicoUsd: PicoUsd;
  noCachingPicoUsd: PicoUsd;
  clientPicoUsd: PicoUsd;
  automaticPicoUsd: PicoUsd;
  ownCostPicoUsd: PicoUsd;
}

/** Sums that grow: of a whole summary, or of one row of a timeline. */
export interface Totals extends CountTotals, MoneyTotals {}

/** The sums of misses by reason, which grow. */
export type MissTotals = Map<string, { requests: number; tokens: number; costPicoUsd: PicoUsd }>;

/** Sums of nothing. */
export function emptyTotals(): Totals {
  return {
    requests: 0,
    uncachedTokens: 0,
    readTokens: 0,
    write5mTokens: 0,
    write1hTokens: 0,
    outputTokens: 0,
    unreported: 0,
    disputed: 0,
    ownRequests: 0,
    responsesHit: 0,
    responsesCollapsed: 0,
    responsesStored: 0,
    responsesMissed: 0,
    responsesBypassed: 0,
    costPicoUsd: 0n,
    noCachingPicoUsd: 0n,
    clientPicoUsd: 0n,
    automaticPicoUsd: 0n,
    ownCostPicoUsd: 0n,
  };
}

/** Adds sums to others. */
export function addTotals(totals: Totals, more: Totals): void {
  for (const name of COUNTS) totals[name] += more[name];
  for (const name of MONEY) totals[name] += more[name];
}

const OUTCOMES: Readonly<Record<ResponseTierRecord['outcome'], keyof CountTotals>> = {
  hit: 'responsesHit',
  collapsed: 'responsesCollapsed',
  stored: 'responsesStored',
  miss: 'responsesMissed',
  bypass: 'responsesBypassed',
};

/**
 * What is counted of a request beside its tokens. One that was held back until its client left was never sent, so no bill
 * of it is missing; an answer that was kept has a bill of nothing.
 */
function addFacts(totals: CountTotals, { cost, gate, diagnostics, responses }: RequestRecord): void {
  totals.requests += 1;
  if (!cost && gate?.end !== 'left') totals.unreported += 1;
  if (diagnostics?.isDisputed) totals.disputed += 1;
  if (responses) totals[OUTCOMES[responses.outcome]] += 1;
}

/** Adds what we spent ourselves. */
export function addOwnCost(totals: Totals, { costPicoUsd }: OwnCost): void {
  totals.ownRequests += 1;
  totals.ownCostPicoUsd += costPicoUsd;
}

/** The misses of one request by reason: parts that were missed for the same one are one row, of one request. */
export function missesByReason(misses: readonly Miss[]): readonly MissSum[] {
  const byReason: MissTotals = new Map();
  for (const { reason, tokens, costPicoUsd } of misses) {
    const known = byReason.get(reason);
    byReason.set(reason, {
      requests: 1,
      tokens: tokens + (known?.tokens ?? 0),
      costPicoUsd: costPicoUsd + (known?.costPicoUsd ?? 0n),
    });
  }
  return [...byReason].map(([reason, sums]) => ({ reason, ...sums }));
}

/** Adds what was missed for one reason. */
export function addMiss(misses: MissTotals, { reason, requests, tokens, costPicoUsd }: MissSum): void {
  const known = misses.get(reason) ?? { requests: 0, tokens: 0, costPicoUsd: 0n };
  known.requests += requests;
  known.tokens += tokens;
  known.costPicoUsd += costPicoUsd;
  misses.set(reason, known);
}

/** Adds what one request was billed, and what is counted of it. */
export function addBill(totals: Totals, record: RequestRecord): void {
  const { usage, cost, savings } = record;
  addFacts(totals, record);
  if (usage) {
    totals.uncachedTokens += usage.uncachedTokens;
    totals.readTokens += usage.readTokens;
    totals.write5mTokens += usage.write5mTokens;
    totals.write1hTokens += usage.write1hTokens;
    totals.outputTokens += usage.outputTokens;
  }
  if (cost) totals.costPicoUsd += cost.totalPicoUsd;
  if (savings) {
    totals.noCachingPicoUsd += savings.noCachingPicoUsd;
    totals.clientPicoUsd += savings.clientPicoUsd;
    totals.automaticPicoUsd += savings.automaticPicoUsd;
  }
}

/** Adds one request. */
export function addRecord(totals: Totals, misses: MissTotals, record: RequestRecord): void {
  addBill(totals, record);
  for (const miss of missesByReason(record.misses)) addMiss(misses, miss);
}

/** Misses by what they cost, then by how many requests had them, then by name. */
function sortMisses(misses: MissTotals): readonly MissSum[] {
  return [...misses]
    .map(([reason, sums]) => ({ reason, ...sums }))
    .toSorted(
      (a, b) =>
        Number(b.costPicoUsd - a.costPicoUsd) || b.requests - a.requests || (a.reason < b.reason ? -1 : 1),
    );
}

/** What was saved against each counterfactual, less some cost. */
function savedLess(totals: Totals, lessPicoUsd: PicoUsd): Summary['savedUsd'] {
  return {
    noCaching: toUsd(totals.noCachingPicoUsd - lessPicoUsd),
    client: toUsd(totals.clientPicoUsd - lessPicoUsd),
    automatic: toUsd(totals.automaticPicoUsd - lessPicoUsd),
  };
}

/** Sums as the admin API shows them. */
export function toSummary(totals: Totals, misses: MissTotals): Summary {
  const { uncachedTokens, readTokens, write5mTokens, write1hTokens, outputTokens, costPicoUsd } = totals;
  const tokens = { uncachedTokens, readTokens, write5mTokens, write1hTokens, outputTokens };
  const totalInput = totalInputTokens(tokens);
  return {
    requests: totals.requests,
    costPicoUsd: costPicoUsd.toString(),
    costUsd: toUsd(costPicoUsd),
    ...tokens,
    hitRatio: totalInput === 0 ? null : readTokens / totalInput,
    ownCostUsd: toUsd(totals.ownCostPicoUsd),
    savedUsd: savedLess(totals, 0n),
    netSavedUsd: savedLess(totals, totals.ownCostPicoUsd),
    unreported: totals.unreported,
    disputed: totals.disputed,
    misses: sortMisses(misses).map(({ reason, requests, costPicoUsd: missed }) => ({
      reason,
      requests,
      costUsd: toUsd(missed),
    })),
  };
}

/** Adds records up. Sums of money are integers until they are shown. */
export function summarise(records: readonly RequestRecord[], own: readonly OwnCost[] = []): Summary {
  const totals = emptyTotals();
  const misses: MissTotals = new Map();
  for (const record of records) addRecord(totals, misses, record);
  for (const cost of own) addOwnCost(totals, cost);
  return toSummary(totals, misses);
}

/** @throws RangeError when the length of a bucket is no whole multiple of the shortest. */
export function checkBucket(bucketMs: number): void {
  if (Number.isSafeInteger(bucketMs) && bucketMs >= BUCKET_MS && bucketMs % BUCKET_MS === 0) return;
  throw new RangeError(`a bucket must be a whole multiple of ${BUCKET_MS} ms, got ${bucketMs}`);
}

/** Collects the rows of a timeline. */
export class Timeline {
  readonly #bucketMs: number;
  readonly #rows = new Map<string, { atMs: number; model: string; totals: Totals; misses: MissTotals }>();

  /** @throws RangeError when the length of a bucket is no whole multiple of the shortest. */
  constructor(bucketMs: number) {
    checkBucket(bucketMs);
    this.#bucketMs = bucketMs;
  }

  /** The sums of the bucket in which a time lies, for a model. */
  at(timeMs: number, model: string): { readonly totals: Totals; readonly misses: MissTotals } {
    const atMs = Math.floor(timeMs / this.#bucketMs) * this.#bucketMs;
    const key = `${atMs} ${model}`;
    const known = this.#rows.get(key);
    if (known) return known;
    const row = { atMs, model, totals: emptyTotals(), misses: new Map() };
    this.#rows.set(key, row);
    return row;
  }

  /** The rows, in their order. */
  rows(): readonly TimelineRow[] {
    const ordered = [...this.#rows.values()].toSorted(
      (a, b) => a.atMs - b.atMs || (a.model < b.model ? -1 : 1),
    );
    return ordered.map(({ atMs, model, totals, misses }) => {
      const { noCachingPicoUsd, clientPicoUsd, automaticPicoUsd, ...sums } = totals;
      const saved = { noCaching: noCachingPicoUsd, client: clientPicoUsd, automatic: automaticPicoUsd };
      return { atMs, model, ...sums, savedPicoUsd: saved, misses: sortMisses(misses) };
    });
  }
}
