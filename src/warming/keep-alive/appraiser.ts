import { noTokens, type PicoUsd } from '../../core/index.ts';
import type { KeepAliveDecision } from './decide.ts';
import type { EntryStanding, KeepAliveState, KeptPrefix } from './kept-entry.ts';
import type { KeeperOptions } from './options.ts';
import type { PingResult } from './ping.ts';
import { prefixPrices } from './prefix-prices.ts';

/** An entry that is kept, as this machine knows it. */
export interface Kept {
  readonly scope: string;
  readonly model: string;
  readonly prefix: KeptPrefix;
  readonly asked: KeepAliveState | null;
  readonly isObserved: boolean;
  readonly visitedMs: number;
  /** Size of the prefix as a ping was billed for it; null before. */
  billedTokens: number | null;
  /** Failures in a row. */
  failures: number;
  /** It has ended while the calendar was closed, and is to be written anew. */
  isWoken: boolean;
}

/** Says what entries are worth. */
export interface Appraiser {
  /** What to do about an entry that is due; notes where it was woken. */
  decide(kept: Kept, standing: EntryStanding): KeepAliveDecision;
  /** What the last visit saved by reading the prefix instead of writing it. */
  saved(kept: Kept): PicoUsd;
  /** What a ping would have come to, had it been sent. */
  imagine(kept: Kept, atMs: number): PingResult;
}

/** Of entries asleep nobody knows whether their users come back: after so long they are let go. */
const SLEEP_MS_MAX = 72 * 3_600_000;

type AppraiserOptions = Pick<
  KeeperOptions,
  'calendar' | 'catalogue' | 'clock' | 'decide' | 'leadMs' | 'warmsAtOpening'
>;

export function createAppraiser({
  calendar,
  catalogue,
  clock,
  decide,
  leadMs,
  warmsAtOpening,
}: AppraiserOptions): Appraiser {
  const prices = prefixPrices(catalogue);

  const sleep = ({ visitedMs }: Kept, nowMs: number): KeepAliveDecision => {
    const untilMs = warmsAtOpening ? calendar.nextOpenMs(nowMs) : null;
    if (untilMs === null || untilMs - visitedMs > SLEEP_MS_MAX)
      return { action: 'let-go', reason: 'expired', expectedValueUsd: 0 };
    return { action: 'wait', untilMs, reason: 'not_due', expectedValueUsd: 0 };
  };

  return {
    decide(kept, { expiresMs, pings }) {
      const nowMs = clock.nowMs();
      if (!calendar.isOpen(nowMs)) return sleep(kept, nowMs);
      // The machine that put it to sleep may not be this one.
      kept.isWoken = nowMs >= expiresMs && !calendar.isOpen(expiresMs - leadMs);
      if (kept.isWoken) return { action: 'refresh', reason: 'pays', expectedValueUsd: 0 };
      const { tokens, advise } = kept.prefix;
      const inputUsdPerToken = prices.inputUsdPerToken(kept.model, nowMs);
      return decide({ tokens, expiresMs, pings, inputUsdPerToken, advise }, nowMs);
    },
    saved: ({ model, prefix, billedTokens, visitedMs }) =>
      prices.rewrite(model, billedTokens ?? prefix.tokens, prefix.ttl, visitedMs),
    imagine({ model, prefix }, atMs) {
      const costPicoUsd = prices.read(model, prefix.tokens, atMs);
      const tokens = { ...noTokens, readTokens: prefix.tokens };
      return { outcome: 'would_renew', status: 0, tokens, costPicoUsd, isBilled: true, retryAfterMs: null };
    },
  };
}
