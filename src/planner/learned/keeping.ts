import { sharedClasses, type Boundary } from './boundaries.ts';
import { holdValue, survivalAt, type HoldValue } from './hold-value.ts';
import { ttlMsOf } from './believed-entries.ts';
import type { Memory } from './memory.ts';
import type { PlaceName, PlannedRequest, PlanPrices } from './request.ts';
import type { Run } from './runs.ts';

/** A shared prefix that could be kept alive by pings. */
export interface KeptPlace {
  /** Names the prefix. */
  readonly key: number;
  /** Last block of the prefix. */
  readonly index: number;
  readonly tokens: number;
  /** Those of them that no other requests are expected to keep alive. */
  readonly riskTokens: number;
  readonly prices: PlanPrices;
  readonly place: PlaceName;
  readonly application: number;
  readonly run: Run;
  /** The next shorter one on the same path, for when this one is let go. */
  readonly below: KeptPlace | null;
}

/** An hour's entry that ends soon. */
export interface KeepQuestion {
  readonly nowMs: number;
  /** Tokens that a ping costs besides the prefix, uncached. */
  readonly overheadTokens: number;
}

/** Whether a ping pays now, and what the answer comes from. */
export interface KeepAdvice extends HoldValue {
  /** Probability that a use comes before the ping after this one would go out. */
  readonly returnChance: number;
  /** How long ago the prefix was used. */
  readonly ageMs: number;
}

/** The longest shared prefix of a request that could be kept alive; those below follow by `below`. */
export function placeToKeep(
  { runs }: Memory,
  request: PlannedRequest,
  boundaries: readonly Boundary[],
): KeptPlace | null {
  const { prices, application } = request;
  let kept: KeptPlace | null = null;
  let riskBelow = 0;
  let from = 0;
  for (const { index, tokens, run, place, chance } of boundaries) {
    if (place === 'tail') break;
    const own = tokens - from;
    const riskTokens = riskBelow + own;
    from = tokens;
    riskBelow += own * (1 - chance.within1h);
    const key = request.keys[index] ?? NaN;
    if (tokens < prices.minCacheableTokens || runs.endOf(run) !== index + 1) continue;
    kept = { key, index, tokens, riskTokens, prices, place, application, run, below: kept };
  }
  return kept;
}

/**
 * Whether to send a ping for a prefix now, shortly before its entry of an hour ends; null when it is forgotten. Entries of
 * five minutes are not kept alive: where that would pay, one of an hour pays more.
 */
export function adviseKeeping(
  memory: Memory,
  { run, key, index, place, application, prices, tokens, riskTokens }: KeptPlace,
  { nowMs, overheadTokens }: KeepQuestion,
): KeepAdvice | null {
  const { runs, tables } = memory;
  const isStill = run < runs.end && runs.isThere(run) && runs.key(run, index - runs.start(run)) === key;
  if (!isStill) return null;
  const ageMs = Math.max(0, nowMs - runs.lastUseMs(run));
  const survival = tables.survival(sharedClasses(place, run, application, memory));
  const everyMs = ttlMsOf(true);
  const held = holdValue(survival, {
    ageMs,
    everyMs,
    pingCost: prices.read * tokens + overheadTokens,
    saved: (prices.write1h - prices.read) * riskTokens,
  });
  const now = survivalAt(survival, ageMs);
  const returnChance = now > 0 ? 1 - survivalAt(survival, ageMs + everyMs) / now : 0;
  return { ...held, ageMs, returnChance };
}
