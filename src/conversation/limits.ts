import { priceAt, type ModelFacts } from '../core/index.ts';
import { beginsTurn, type HistoryMessage } from './message.ts';

/** How long a conversation may get, and how far a cut shortens it. */
export interface Limits {
  /** The most tokens that the whole prompt of a request may have. */
  readonly highTokens: number;
  /** What a cut leaves: far less, so that cuts are rare. */
  readonly lowTokens: number;
  /** The most turns in one request; infinite for no such limit. */
  readonly highTurns: number;
  readonly lowTurns: number;
  /** Turns at the beginning that no cut takes. */
  readonly firstTurns: number;
}

/** Limits as a caller gives them. */
export interface GivenLimits {
  /** So many turns at the beginning stay word for word through every cut: documents, or what the task is. @default 0 */
  readonly keepFirstTurns?: number | undefined;
  /** @default 100,000 */
  readonly highTokens?: number | undefined;
  /** @default two fifths of `highTokens`; more where that would be too short to be cached */
  readonly lowTokens?: number | undefined;
  /** @default no limit */
  readonly highTurns?: number | undefined;
  /** @default two fifths of `highTurns` */
  readonly lowTurns?: number | undefined;
  /** The most that reading the history may cost each turn; it becomes a limit of tokens. @default no limit */
  readonly highTurnUsd?: number | undefined;
}

/** What a cut leaves is known by estimate alone: it must stay this far below the limit. */
const FIT_SHARE = 0.98;

const HIGH_TOKENS = 100_000;
const LOW_SHARE = 0.4;
const LOW_SHARE_MAX = 0.75;
const CACHEABLE_MARGIN = 1.25;
/** Where the limit is hardly above what can be cached: estimates are off by a few hundredths. */
const TIGHT_MARGIN = 1.06;
const TIGHT_SHARE_MAX = 0.95;
const PICO_PER_USD = 1e12;

function checkPair(name: string, high: number, low: number): void {
  if (!(high > 0) || !(low > 0) || low >= high)
    throw new RangeError(`low${name} must be above 0 and below high${name}, got ${low} and ${high}`);
}

/**
 * What is left behind a cut should still be long enough to be cached (spec 3): else each request up to that length is paid
 * in full. Where the limit is too low for that, it is not tried.
 */
function lowMark(highTokens: number, minCacheableTokens: number): number {
  const tight = minCacheableTokens * TIGHT_MARGIN;
  const roomy = Math.min(minCacheableTokens * CACHEABLE_MARGIN, highTokens * LOW_SHARE_MAX);
  const cacheable = tight > highTokens * TIGHT_SHARE_MAX ? 0 : Math.max(tight, roomy);
  return Math.floor(Math.max(highTokens * LOW_SHARE, cacheable));
}

/** @throws RangeError for marks that are not in order. */
export function readLimits(given: GivenLimits, facts: ModelFacts, nowMs: number): Limits {
  const { highTurnUsd = Infinity, highTurns = Infinity, keepFirstTurns: firstTurns = 0 } = given;
  if (!Number.isInteger(firstTurns) || firstTurns < 0)
    throw new RangeError(`keepFirstTurns must be a whole number from 0 on, got ${firstTurns}`);
  if (!(highTurnUsd > 0)) throw new RangeError(`highTurnUsd must be above 0, got ${highTurnUsd}`);
  const { inputPicoUsd, readPerMille } = priceAt(facts, nowMs);
  const payable = (highTurnUsd * PICO_PER_USD * 1000) / (inputPicoUsd * readPerMille);
  const highTokens = Math.min(given.highTokens ?? HIGH_TOKENS, Math.floor(payable));
  // Where dollars make the limit lower than both marks, the lower mark follows.
  const isLowered =
    given.lowTokens !== undefined &&
    given.lowTokens >= highTokens &&
    payable < (given.highTokens ?? HIGH_TOKENS);
  const lowTokens = isLowered ? undefined : given.lowTokens;
  const lowTurns = given.lowTurns ?? Math.max(1, Math.floor(highTurns * LOW_SHARE));
  const low = lowTokens ?? lowMark(highTokens, facts.minCacheableTokens);
  checkPair('Tokens', highTokens, low);
  // No limit is both marks at infinity.
  if (lowTurns < Infinity) checkPair('Turns', highTurns, lowTurns);
  return { highTokens, lowTokens: low, highTurns, lowTurns, firstTurns };
}

export function countTurns(messages: readonly HistoryMessage[]): number {
  return messages.filter(beginsTurn).length;
}

/**
 * The most tokens that a prompt may have by estimate.
 *
 * @param marginTokens what is new in it may count so much more
 */
export function fitTokens({ highTokens }: Limits, marginTokens: number): number {
  return Math.min(highTokens * FIT_SHARE, highTokens - marginTokens);
}
