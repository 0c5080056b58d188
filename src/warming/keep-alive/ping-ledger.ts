import type { PicoUsd, TokenCounts } from '../../core/index.ts';

/** What a ping did, by its bill: read the prefix, had to write it again, neither; or why it has no bill. */
export type PingOutcome =
  | 'renewed'
  | 'wrote'
  | 'nothing'
  | 'refused'
  | 'invalid'
  | 'failed'
  | 'aborted'
  | 'would_renew';

/** One ping. Holds neither credentials nor text of a prompt. */
export interface PingRecord {
  readonly id: string;
  /** When it was sent, ms since 1970 UTC. */
  readonly atMs: number;
  readonly key: string;
  readonly scope: string;
  readonly model: string;
  readonly outcome: PingOutcome;
  /** HTTP status; 0 where nothing answered or nothing was sent. */
  readonly status: number;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  /** false where nobody knows whether it was billed: then `costPicoUsd` is the most that it can have cost. */
  readonly isBilled: boolean;
  /** Nothing was sent: this is what it would have cost and saved. */
  readonly isObserved: boolean;
  readonly reason: string;
  readonly expectedValueUsd: number;
}

/** What became of a ping: did a real request come before the entry's next end, and what did it not have to write again? */
export interface PingVerdict {
  readonly isUsed: boolean;
  readonly savedPicoUsd: PicoUsd;
}

/** A ping with its verdict; null while that is open. */
export interface JudgedPing extends PingRecord {
  readonly verdict: PingVerdict | null;
  /** Saved less cost, signed; as long as the verdict is open, a loss. */
  readonly netPicoUsd: PicoUsd;
}

/** Sums over all pings that ever were, exact. */
export interface PingTotals {
  readonly pings: number;
  readonly used: number;
  readonly costPicoUsd: PicoUsd;
  readonly savedPicoUsd: PicoUsd;
  readonly netPicoUsd: PicoUsd;
}

/** Remembers pings: the newest records, and sums. */
export interface PingLedger {
  add(record: PingRecord): void;
  /** Once for each ping; `isObserved` tells where to count one that another machine has sent. */
  judge(id: string, verdict: PingVerdict, isObserved: boolean): void;
  /** Newest first. */
  list(limit: number): readonly JudgedPing[];
  totals(isObserved: boolean): PingTotals;
}

/** Records kept; the oldest go first. */
const RECORDS_MAX = 10_000;

interface Sums {
  pings: number;
  used: number;
  costPicoUsd: PicoUsd;
  savedPicoUsd: PicoUsd;
}

const noSums = (): Sums => ({ pings: 0, used: 0, costPicoUsd: 0n, savedPicoUsd: 0n });

function judged(record: PingRecord, verdict: PingVerdict | null): JudgedPing {
  return { ...record, verdict, netPicoUsd: (verdict?.savedPicoUsd ?? 0n) - record.costPicoUsd };
}

/** A ledger of pings in memory. */
export function createPingLedger(recordsMax: number = RECORDS_MAX): PingLedger {
  const records = new Map<string, { readonly record: PingRecord; verdict: PingVerdict | null }>();
  const sent = noSums();
  const observed = noSums();
  return {
    add(record) {
      records.set(record.id, { record, verdict: null });
      if (records.size > recordsMax) records.delete(records.keys().next().value ?? '');
      const sums = record.isObserved ? observed : sent;
      sums.pings += 1;
      sums.costPicoUsd += record.costPicoUsd;
    },
    judge(id, verdict, isObserved) {
      const known = records.get(id);
      if (known?.verdict) return;
      if (known) known.verdict = verdict;
      const sums = isObserved ? observed : sent;
      if (verdict.isUsed) sums.used += 1;
      sums.savedPicoUsd += verdict.savedPicoUsd;
    },
    list: (limit) =>
      [...records.values()]
        .slice(-limit)
        .toReversed()
        .map(({ record, verdict }) => judged(record, verdict)),
    totals(isObserved) {
      const sums = isObserved ? observed : sent;
      return { ...sums, netPicoUsd: sums.savedPicoUsd - sums.costPicoUsd };
    },
  };
}
