import { noTokens, type PicoUsd, type TokenCounts, type Ttl } from '../core/index.ts';
import { addTokens } from './ledger.ts';

/**
 * What became of a prompt. Warm: `wrote`, `already-warm`, `still-warm` (known to be, so not sent), `duplicate` (its prefix
 * is that of an earlier prompt). Never to be: `below-minimum`. Not warm: `refused`, `over-budget`, `failed`, `cancelled`.
 */
export const WARM_STATUSES = [
  'wrote',
  'already-warm',
  'still-warm',
  'duplicate',
  'below-minimum',
  'refused',
  'over-budget',
  'failed',
  'cancelled',
] as const;

export type WarmStatus = (typeof WARM_STATUSES)[number];

/** What became of one prompt; holds nothing of its text. */
export interface WarmResult {
  readonly id: string;
  readonly model: string | null;
  readonly status: WarmStatus;
  /** Why it is not warm, or what is worth knowing; null where there is nothing to say. */
  readonly reason: string | null;
  /** Requests that were sent. */
  readonly tries: number;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  /** The most that tries of unknown fate have cost beyond it. */
  readonly uncertainPicoUsd: PicoUsd;
  readonly ttl: Ttl | null;
  /** Until when it can be read, ms since 1970 UTC; null where it is not warm. */
  readonly warmUntilMs: number | null;
}

/** What a run came to. The sums are those of the results. */
export interface WarmReport {
  readonly prompts: number;
  readonly counts: Readonly<Record<WarmStatus, number>>;
  /** Prompts that should be warm and are not: refused, over budget, failed or cancelled. */
  readonly notWarm: number;
  readonly requests: number;
  /** Requests beyond the first of each prompt. */
  readonly retries: number;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  readonly uncertainPicoUsd: PicoUsd;
  readonly startMs: number;
  readonly endMs: number;
  /** In the order of the prompts. */
  readonly results: readonly WarmResult[];
}

/** A result before anything was sent. */
export function unsent(
  id: string,
  model: string | null,
  status: WarmStatus,
  reason: string | null = null,
): WarmResult {
  return {
    id,
    model,
    status,
    reason,
    tries: 0,
    tokens: noTokens,
    costPicoUsd: 0n,
    uncertainPicoUsd: 0n,
    ttl: null,
    warmUntilMs: null,
  };
}

/** A duplicate shares the fate of the prompt that has its prefix. */
function shareFate(result: WarmResult, results: readonly WarmResult[], first: number | null): WarmResult {
  const leader = first === null ? undefined : results[first];
  if (!leader || result.status !== 'duplicate') return result;
  const { ttl, warmUntilMs } = leader;
  const isWarm = warmUntilMs !== null;
  const status = isWarm ? 'duplicate' : leader.status;
  return { ...result, status, reason: `its prefix is that of ${leader.id}`, ttl, warmUntilMs };
}

/** @param firsts for each result the index of the prompt with its prefix; null where it is the first */
export function summarise(
  unshared: readonly WarmResult[],
  firsts: readonly (number | null)[],
  startMs: number,
  endMs: number,
): WarmReport {
  const results = unshared.map((result, index) => shareFate(result, unshared, firsts[index] ?? null));
  const count = (status: WarmStatus): number => results.filter((result) => result.status === status).length;
  const counts = Object.fromEntries(WARM_STATUSES.map((status) => [status, count(status)])) as Record<
    WarmStatus,
    number
  >;
  const sum = (pick: (result: WarmResult) => bigint): bigint =>
    results.reduce((total, result) => total + pick(result), 0n);
  const requests = results.reduce((total, { tries }) => total + tries, 0);
  return {
    prompts: results.length,
    counts,
    notWarm: counts.refused + counts['over-budget'] + counts.failed + counts.cancelled,
    requests,
    retries: requests - results.filter(({ tries }) => tries > 0).length,
    tokens: results.reduce((total, { tokens }) => addTokens(total, tokens), noTokens),
    costPicoUsd: sum(({ costPicoUsd }) => costPicoUsd),
    uncertainPicoUsd: sum(({ uncertainPicoUsd }) => uncertainPicoUsd),
    startMs,
    endMs,
    results,
  };
}
