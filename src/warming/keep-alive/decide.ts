import type { KeepAdvice } from '../../planner/index.ts';

/** An entry whose end comes near. */
export interface KeepAliveEntry {
  /** Tokens of the prefix. */
  readonly tokens: number;
  /** When the entry ends, if nothing reads it before. */
  readonly expiresMs: number;
  /** Pings since a request last used it. */
  readonly pings: number;
  /** Input price of the model, in dollars for one token. */
  readonly inputUsdPerToken: number;
  /** What the planner expects of a ping now; null when it has forgotten the prefix. Asked only when a ping is due. */
  readonly advise: (nowMs: number) => KeepAdvice | null;
}

/** What a ping must keep to, besides paying. */
export interface KeepAliveLimits {
  /** How long before its end an entry is refreshed. @default 15,000 */
  readonly leadMs?: number;
  /** Pings for one use of an entry at most. @default 48 */
  readonly pingsMax?: number;
  /** Shorter prefixes are let go: pings for them save cents. @default 0 */
  readonly minimumTokens?: number;
}

/** Why an entry is refreshed, waits, or is let go. */
export type KeepAliveReason =
  | 'not_due'
  | 'pays'
  | 'does_not_pay'
  | 'expired'
  | 'too_small'
  | 'pings_spent'
  | 'forgotten';

/** What to do with an entry, and what a ping now is expected to save beyond its cost; 0 where none is thought of. */
export type KeepAliveDecision = {
  readonly reason: KeepAliveReason;
  readonly expectedValueUsd: number;
} & (
  | { readonly action: 'refresh' }
  | { readonly action: 'wait'; readonly untilMs: number }
  | { readonly action: 'let-go' }
);

const LEAD_MS = 15_000;
const PINGS_MAX = 48;

function letGo(reason: KeepAliveReason): KeepAliveDecision {
  return { action: 'let-go', reason, expectedValueUsd: 0 };
}

/**
 * Refresh an entry now, look at it again later, or let it go. A ping is sent only shortly before an entry ends, since
 * real traffic may come until then, and only when what it is expected to save is more than it costs.
 *
 * @example
 * decideKeepAlive(entry, nowMs, { leadMs: 20_000 }).action; // 'wait', 'refresh' or 'let-go'
 */
export function decideKeepAlive(
  entry: KeepAliveEntry,
  nowMs: number,
  { leadMs = LEAD_MS, pingsMax = PINGS_MAX, minimumTokens = 0 }: KeepAliveLimits = {},
): KeepAliveDecision {
  const { expiresMs, tokens, pings, inputUsdPerToken, advise } = entry;
  if (tokens < minimumTokens) return letGo('too_small');
  if (nowMs >= expiresMs) return letGo('expired');
  if (nowMs < expiresMs - leadMs)
    return { action: 'wait', untilMs: expiresMs - leadMs, reason: 'not_due', expectedValueUsd: 0 };
  if (pings >= pingsMax) return letGo('pings_spent');
  const advice = advise(nowMs);
  if (!advice) return letGo('forgotten');
  if (advice.pings === 0) return letGo('does_not_pay');
  return { action: 'refresh', reason: 'pays', expectedValueUsd: advice.value * inputUsdPerToken };
}
