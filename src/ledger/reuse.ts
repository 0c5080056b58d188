import type { PicoUsd, Ttl } from '../core/index.ts';
import type { Miss, RequestRecord } from './record.ts';

/** A use of an entry, or of what was left of one, after a time; null: nobody knows how long that was. */
interface Reused {
  readonly ageMs: number | null;
}

/** How long after their last use prefixes were wanted again by one request. */
export interface RecordReuse {
  /** What was read, with the TTL of its entry; null where nothing was. */
  readonly read: (Reused & { readonly ttl: Ttl | null }) | null;
  /** What had expired, of several parts the largest; null where nothing had. */
  readonly expired: Reused | null;
}

/** Uses that came after a time from `fromMs` on and before `toMs`; null: without an end. */
export interface ReuseBin {
  readonly fromMs: number;
  readonly toMs: number | null;
  /** Requests that read an entry of five minutes, or of an hour. */
  readonly read5m: number;
  readonly read1h: number;
  /** Requests that came too late, and what that cost beyond reading. */
  readonly expired: number;
  readonly expiredCostPicoUsd: PicoUsd;
}

/** How long after their last use prefixes were wanted again, by bins of growing length. */
export interface Reuse {
  readonly bins: readonly ReuseBin[];
  /** Requests that read something, or came too late, of which nobody knows after how long. */
  readonly unknown: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Where a bin ends and the next begins: each two to four times the one before, and both TTLs among them. */
export const REUSE_BOUNDS_MS: readonly number[] = [
  10_000,
  30_000,
  MINUTE_MS,
  2 * MINUTE_MS,
  5 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  6 * HOUR_MS,
  24 * HOUR_MS,
];

const BINS = REUSE_BOUNDS_MS.length + 1;
/** Codes of what was read: 0 nothing, then the bins of five minutes, those of an hour, and one for a time not known. */
const READ_UNKNOWN = 2 * BINS + 1;
/** Those of what had expired stand above: 0 nothing, then the bins, and one for a time not known. */
const EXPIRED_UNKNOWN = BINS + 1;
const EXPIRED_FROM = 32;

/** The bin of a time, from 0 on; a TTL that is just over is over. */
function binOf(ageMs: number): number {
  const bin = REUSE_BOUNDS_MS.findIndex((boundMs) => ageMs < boundMs);
  return bin < 0 ? BINS - 1 : bin;
}

/** The largest part of a prompt that had expired. */
function largestExpired(misses: readonly Miss[]): Miss | null {
  let largest: Miss | null = null;
  for (const miss of misses)
    if (miss.reason === 'expired' && !(largest && largest.tokens >= miss.tokens)) largest = miss;
  return largest;
}

/** How long after their last use a request wanted prefixes again. */
export function reuseOf({ usage, prediction, misses }: RequestRecord): RecordReuse {
  const isRead = usage !== null && usage.readTokens > 0;
  const expired = largestExpired(misses);
  return {
    read: isRead ? { ageMs: prediction?.readAgeMs ?? null, ttl: prediction?.readTtl ?? null } : null,
    expired: expired ? { ageMs: expired.evidence.ageMs } : null,
  };
}

function readCode({ read }: RecordReuse): number {
  if (!read) return 0;
  if (read.ageMs === null || read.ttl === null) return READ_UNKNOWN;
  return 1 + binOf(read.ageMs) + (read.ttl === '1h' ? BINS : 0);
}

function expiredCode({ expired }: RecordReuse): number {
  if (!expired) return 0;
  return expired.ageMs === null ? EXPIRED_UNKNOWN : 1 + binOf(expired.ageMs);
}

/** The same as one small number, which databases group by; 0 where no prefix was wanted again. */
export function reuseCodeOf(record: RequestRecord): number {
  const { usage, misses } = record;
  if (misses.length === 0 && !(usage && usage.readTokens > 0)) return 0;
  const reuse = reuseOf(record);
  return readCode(reuse) + EXPIRED_FROM * expiredCode(reuse);
}

/** Adds up requests by their codes. */
export class ReuseSums {
  readonly #bins = Array.from({ length: BINS }, () => ({
    read5m: 0,
    read1h: 0,
    expired: 0,
    expiredCostPicoUsd: 0n,
  }));
  #unknown = 0;

  /** @param expiredCostPicoUsd what all of them paid beyond reading for what had expired */
  add(code: number, requests: number, expiredCostPicoUsd: PicoUsd): void {
    const read = code % EXPIRED_FROM;
    const expired = Math.floor(code / EXPIRED_FROM);
    const readBin = this.#bins[(read - 1) % BINS];
    if (read === READ_UNKNOWN) this.#unknown += requests;
    else if (readBin && read <= BINS) readBin.read5m += requests;
    else if (readBin) readBin.read1h += requests;
    const expiredBin = this.#bins[expired - 1];
    if (expired === EXPIRED_UNKNOWN) this.#unknown += requests;
    if (!expiredBin) return;
    expiredBin.expired += requests;
    expiredBin.expiredCostPicoUsd += expiredCostPicoUsd;
  }

  show(): Reuse {
    const bins = this.#bins.map((bin, index) => ({
      fromMs: REUSE_BOUNDS_MS[index - 1] ?? 0,
      toMs: REUSE_BOUNDS_MS[index] ?? null,
      ...bin,
    }));
    return { bins, unknown: this.#unknown };
  }
}

/** What a request paid beyond reading for what had expired. */
export function expiredCostOf({ misses }: RequestRecord): PicoUsd {
  return misses.reduce(
    (sum, { reason, costPicoUsd }) => (reason === 'expired' ? sum + costPicoUsd : sum),
    0n,
  );
}
