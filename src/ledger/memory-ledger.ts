import { noTokens, totalInputTokens, toUsd, type PicoUsd, type TokenCounts } from '../core/index.ts';
import type { OwnCost } from './own-cost.ts';
import type { RequestRecord } from './record.ts';

/** Which records to look at; every member narrows. */
export interface RecordFilter {
  /** From this time on, ms since 1970 UTC. */
  readonly fromMs?: number | undefined;
  /** Before this time. */
  readonly toMs?: number | undefined;
  readonly scope?: string | undefined;
  readonly model?: string | undefined;
  readonly tag?: string | undefined;
}

/** The answer of `GET /api/v1/summary`. */
export interface Summary {
  readonly requests: number;
  /** Billed cost, output included, in pico-dollars as a decimal string. */
  readonly costPicoUsd: string;
  readonly costUsd: number;
  readonly uncachedTokens: number;
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly outputTokens: number;
  /** Read tokens over total input tokens; null while there is no input. */
  readonly hitRatio: number | null;
  /** What we spent ourselves: pings and warming. */
  readonly ownCostUsd: number;
  readonly savedUsd: { readonly noCaching: number; readonly client: number; readonly automatic: number };
  readonly misses: readonly {
    readonly reason: string;
    readonly requests: number;
    readonly costUsd: number;
  }[];
}

/** How a ledger is; what hurts it never hurts a request. */
export interface LedgerHealth {
  /** Records that wait to be stored. */
  readonly waiting: number;
  /** Records that were lost: the queue was full, or the place refused them for good. */
  readonly dropped: number;
  /** A sentence while records cannot be stored; null when all is well. */
  readonly problem: string | null;
}

/** Keeps records. */
export interface Ledger {
  /** Never throws, and never waits. */
  add(record: RequestRecord): void;
  /** What we spent ourselves: in `ownCostUsd` of summaries, and in nothing else of them. */
  addOwn(cost: OwnCost): void;
  summary(filter?: RecordFilter): Summary | Promise<Summary>;
  /** Newest first; `before` is the id of a record that all given ones are older than. */
  list(limit: number, before?: string): readonly RequestRecord[] | Promise<readonly RequestRecord[]>;
  health(): LedgerHealth;
  /** Stores what waits. */
  flush(): Promise<void>;
  /** Stores what waits, and ends; nothing may be added after it. */
  close(): Promise<void>;
}

/** A ledger that answers at once. */
export interface MemoryLedger extends Ledger {
  summary(filter?: RecordFilter): Summary;
  list(limit: number, before?: string): readonly RequestRecord[];
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

function addTokens(a: TokenCounts, b: TokenCounts): TokenCounts {
  return {
    uncachedTokens: a.uncachedTokens + b.uncachedTokens,
    readTokens: a.readTokens + b.readTokens,
    write5mTokens: a.write5mTokens + b.write5mTokens,
    write1hTokens: a.write1hTokens + b.write1hTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}

function sumPico(
  records: readonly RequestRecord[],
  pick: (record: RequestRecord) => PicoUsd | undefined,
): PicoUsd {
  return records.reduce((sum, record) => sum + (pick(record) ?? 0n), 0n);
}

function summariseMisses(records: readonly RequestRecord[]): Summary['misses'] {
  const byReason = new Map<string, { requests: number; cost: PicoUsd }>();
  for (const miss of records.flatMap(({ misses }) => misses)) {
    const known = byReason.get(miss.reason) ?? { requests: 0, cost: 0n };
    byReason.set(miss.reason, { requests: known.requests + 1, cost: known.cost + miss.costPicoUsd });
  }
  const rows = [...byReason].map(([reason, { requests, cost }]) => ({
    reason,
    requests,
    costUsd: toUsd(cost),
  }));
  return rows.toSorted((a, b) => b.costUsd - a.costUsd || b.requests - a.requests);
}

/** Adds records up. Sums of money are integers until they are shown. */
export function summarise(records: readonly RequestRecord[], own: readonly OwnCost[] = []): Summary {
  const tokens = records.reduce((sum, record) => addTokens(sum, record.usage ?? noTokens), noTokens);
  const cost = sumPico(records, (record) => record.cost?.totalPicoUsd);
  const totalInput = totalInputTokens(tokens);
  return {
    requests: records.length,
    costPicoUsd: cost.toString(),
    costUsd: toUsd(cost),
    ...tokens,
    hitRatio: totalInput === 0 ? null : tokens.readTokens / totalInput,
    ownCostUsd: toUsd(own.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n)),
    savedUsd: {
      noCaching: toUsd(sumPico(records, (record) => record.savings?.noCachingPicoUsd)),
      client: toUsd(sumPico(records, (record) => record.savings?.clientPicoUsd)),
      automatic: toUsd(sumPico(records, (record) => record.savings?.automaticPicoUsd)),
    },
    misses: summariseMisses(records),
  };
}

/** A ledger that lives as long as the process: the newest `recordsMax` records. */
export function createMemoryLedger(recordsMax: number = RECORDS_MAX): MemoryLedger {
  let records: RequestRecord[] = [];
  let own: OwnCost[] = [];
  // What we send ourselves has no tags.
  const ownOf = (filter: RecordFilter): readonly OwnCost[] =>
    filter.tag === undefined ? own.filter((cost) => matchesCost(cost, filter)) : [];
  return {
    add(record) {
      records.push(record);
      // Cutting in blocks keeps adding cheap: one copy for every tenth part of the limit.
      if (records.length > recordsMax * 1.1) records = records.slice(-recordsMax);
    },
    addOwn(cost) {
      own.push(cost);
      if (own.length > recordsMax * 1.1) own = own.slice(-recordsMax);
    },
    summary: (filter = {}) =>
      summarise(
        records.filter((record) => matches(record, filter)),
        ownOf(filter),
      ),
    health: () => ({ waiting: 0, dropped: 0, problem: null }),
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
    list(limit, before) {
      const end = before === undefined ? records.length : records.findIndex((record) => record.id === before);
      return end < 0 ? [] : records.slice(Math.max(0, end - limit), end).toReversed();
    },
  };
}
