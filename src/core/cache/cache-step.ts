import { LOOKBACK_POSITIONS, defaultCacheRules, type CacheRules, type Ttl } from './rules.ts';
import {
  conditionOf,
  isReadable,
  withEntries,
  type CacheEntry,
  type CacheState,
  type PrefixId,
} from './state.ts';

/** A position up to which a request asks for caching. */
export interface Breakpoint {
  /** 0-based index of the last block that it covers. */
  readonly blockIndex: number;
  readonly ttl: Ttl;
  /** Set by a marker on the block, by the top-level marker, or by the service after a server-tool result. */
  readonly origin: 'explicit' | 'automatic' | 'server';
}

/** A prompt as the cache sees it: one prefix for each block, in order. All arrays have one length. */
export interface PrefixChain {
  readonly partition: string;
  readonly prefixIds: readonly PrefixId[];
  /** Cumulative tokens up to and including each block. */
  readonly cumulativeTokens: readonly number[];
  /** Lookback position of each block; blocks of a collapsed run share one (spec 2.2). Never decreasing. */
  readonly positions: readonly number[];
}

/** A request for `cacheStep`. */
export interface CacheRequest extends PrefixChain {
  /** In block order. */
  readonly breakpoints: readonly Breakpoint[];
  readonly minCacheableTokens: number;
}

/** When a request began and when its response began (or will), in ms of one clock. */
export interface RequestTimes {
  readonly startMs: number;
  /** Infinity while not known: `markReady` sets it later. */
  readonly readyMs: number;
}

/** What became of one breakpoint. */
export interface BreakpointOutcome {
  readonly breakpoint: Breakpoint;
  readonly verdict: 'read' | 'written' | 'below-hit' | 'below-minimum';
}

/** A prefix that stood in the lookback but could not be read. */
export interface NearMiss {
  readonly reason: 'in_flight' | 'expired';
  readonly blockIndex: number;
  readonly tokens: number;
}

/** What the cache did for one request, and the four input counters it bills (spec 4.5, 5.1). */
export interface CacheOutcome {
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
  readonly totalTokens: number;
  /** The longest prefix read; null when nothing was. */
  readonly hit: { readonly blockIndex: number; readonly tokens: number } | null;
  readonly breakpoints: readonly BreakpointOutcome[];
  readonly written: readonly CacheEntry[];
  /** The longest prefix beyond the hit that was known but not readable. */
  readonly nearMiss: NearMiss | null;
}

interface Lookup {
  readonly hitIndex: number;
  readonly nearMiss: NearMiss | null;
}

/**
 * The pure model of Claude's cache: what one request reads, writes, refreshes and is billed for.
 *
 * 1. Breakpoints on a prefix shorter than the model's minimum count for nothing (spec 3).
 * 2. From the last breakpoint to the first, look back over at most 20 positions for an entry that is
 *    readable at the start of this request; the longest found counts (spec 2.2).
 * 3. Bill by the three positions: A the hit, B the last 1h breakpoint after it, C the last one (spec 4.5).
 * 4. The read renews, free of charge and each for its own TTL, every live entry on its path (spec 4.3).
 * 5. Every breakpoint beyond the hit writes an entry, readable once the response begins, living from the
 *    start of the request (spec 2.1, 4.2, 4.4).
 *
 * @example
 * const [outcome, next] = cacheStep(emptyCacheState, request, { startMs: 0, readyMs: 900 });
 * outcome.write5mTokens; // all of it: nothing was there to read
 */
export function cacheStep(
  state: CacheState,
  request: CacheRequest,
  at: RequestTimes,
  rules: CacheRules = defaultCacheRules,
): [CacheOutcome, CacheState] {
  const tokensAt = (index: number): number => request.cumulativeTokens[index] ?? 0;
  const eligible = request.breakpoints.filter((b) => tokensAt(b.blockIndex) >= request.minCacheableTokens);
  const { hitIndex, nearMiss } = findLongestHit(state, request, eligible, at.startMs, rules);
  const beyond = eligible.filter((breakpoint) => breakpoint.blockIndex > hitIndex);
  const written = entriesToWrite(state, request, eligible, hitIndex, at, rules);
  const refreshed = refreshPath(state, request, hitIndex, at.startMs, rules);
  const upgraded = upgradeHit(refreshed, request, eligible, hitIndex, at.startMs, rules);

  const totalTokens = tokensAt(request.prefixIds.length - 1);
  const readTokens = hitIndex < 0 ? 0 : tokensAt(hitIndex);
  const last1h = beyond.findLast((breakpoint) => breakpoint.ttl === '1h');
  const boundary1h = last1h ? tokensAt(last1h.blockIndex) : readTokens;
  const lastBeyond = beyond.at(-1);
  const cachedEnd = lastBeyond ? tokensAt(lastBeyond.blockIndex) : readTokens;
  const outcome: CacheOutcome = {
    readTokens,
    write1hTokens: boundary1h - readTokens,
    write5mTokens: cachedEnd - boundary1h,
    uncachedTokens: totalTokens - cachedEnd,
    totalTokens,
    hit: hitIndex < 0 ? null : { blockIndex: hitIndex, tokens: readTokens },
    breakpoints: request.breakpoints.map((breakpoint) => ({
      breakpoint,
      verdict: verdictOf(breakpoint, tokensAt(breakpoint.blockIndex), hitIndex, request.minCacheableTokens),
    })),
    written,
    nearMiss,
  };
  return [outcome, addEntries(upgraded, written, at.startMs, rules)];
}

function verdictOf(
  breakpoint: Breakpoint,
  tokens: number,
  hitIndex: number,
  minimum: number,
): BreakpointOutcome['verdict'] {
  if (tokens < minimum) return 'below-minimum';
  if (breakpoint.blockIndex > hitIndex) return 'written';
  return breakpoint.blockIndex === hitIndex ? 'read' : 'below-hit';
}

/** Step 2: the deepest readable prefix within the lookback of any breakpoint. */
function findLongestHit(
  state: CacheState,
  request: CacheRequest,
  eligible: readonly Breakpoint[],
  nowMs: number,
  rules: CacheRules,
): Lookup {
  const { positions, prefixIds } = request;
  let nearMiss: NearMiss | null = null;
  let hitIndex = -1;
  // A breakpoint inside a collapsed run may find what a later one steps over, so the others are asked as well.
  for (let at = eligible.length - 1; at >= 0; at -= 1) {
    const from = eligible[at]?.blockIndex ?? -1;
    // 20 positions, the breakpoint's own included.
    const lowest = (positions[from] ?? 0) - (LOOKBACK_POSITIONS - 1);
    for (let index = from; index > hitIndex && (positions[index] ?? 0) >= lowest; index -= 1) {
      const entries = state.entries.get(prefixIds[index] ?? '');
      if (!entries || isSteppedOver(positions, index, from, rules)) continue;
      if (entries.some((entry) => isReadable(state, entry, nowMs, rules))) hitIndex = index;
      else nearMiss ??= describeNearMiss(entries, index, nowMs, rules);
    }
  }
  return { hitIndex, nearMiss: nearMiss && nearMiss.blockIndex > hitIndex ? nearMiss : null };
}

function describeNearMiss(
  entries: readonly CacheEntry[],
  blockIndex: number,
  nowMs: number,
  rules: CacheRules,
): NearMiss | null {
  const [first] = entries;
  if (!first) return null;
  const isPending = entries.some((entry) => conditionOf(entry, nowMs, rules) === 'pending');
  return { reason: isPending ? 'in_flight' : 'expired', blockIndex, tokens: first.tokens };
}

/** Does a breakpoint that looks back pass over a block, since only the end of its run counts? */
function isSteppedOver(
  positions: readonly number[],
  index: number,
  from: number,
  rules: CacheRules,
): boolean {
  const isInsideRun = index < from && positions[index + 1] === positions[index];
  return isInsideRun && rules.open.collapsedRunEnds !== 'any';
}

/** Step 4. */
function refreshPath(
  state: CacheState,
  request: CacheRequest,
  hitIndex: number,
  nowMs: number,
  rules: CacheRules,
): CacheState {
  let refreshed = state;
  const from = rules.open.readRefreshes === 'path' ? 0 : Math.max(0, hitIndex);
  for (let index = from; index <= hitIndex; index += 1) {
    const prefixId = request.prefixIds[index] ?? '';
    const entries = state.entries.get(prefixId);
    // Within one millisecond requests renew the same entries by nothing.
    if (!entries?.some((entry) => isShorter(entry, nowMs, rules))) continue;
    const renewed = entries.map((entry) =>
      isReadable(state, entry, nowMs, rules) ? renewEntry(entry, nowMs, rules) : entry,
    );
    refreshed = withEntries(refreshed, prefixId, renewed);
  }
  return refreshed;
}

/** Would a read now renew the entry, were it readable? */
function isShorter({ usedMs, expiresMs, ttl }: CacheEntry, nowMs: number, rules: CacheRules): boolean {
  return usedMs < nowMs || expiresMs < nowMs + rules.ttlMs[ttl];
}

/** A read never shortens a life, not even where requests are told out of their order. */
function renewEntry(entry: CacheEntry, nowMs: number, rules: CacheRules): CacheEntry {
  return {
    ...entry,
    usedMs: Math.max(entry.usedMs, nowMs),
    expiresMs: Math.max(entry.expiresMs, nowMs + rules.ttlMs[entry.ttl]),
  };
}

/** Only under the switch: a 1h breakpoint on the hit turns what it read into a 1h entry. */
function upgradeHit(
  state: CacheState,
  request: CacheRequest,
  eligible: readonly Breakpoint[],
  hitIndex: number,
  nowMs: number,
  rules: CacheRules,
): CacheState {
  const isAsked = eligible.some(
    (breakpoint) => breakpoint.blockIndex === hitIndex && breakpoint.ttl === '1h',
  );
  if (!rules.open.readUpgradesTtl || !isAsked) return state;
  const prefixId = request.prefixIds[hitIndex] ?? '';
  const entries = state.entries.get(prefixId) ?? [];
  const upgraded = entries.map((entry): CacheEntry =>
    isReadable(state, entry, nowMs, rules)
      ? { ...entry, ttl: '1h', expiresMs: nowMs + rules.ttlMs['1h'] }
      : entry,
  );
  return withEntries(state, prefixId, upgraded);
}

/** Step 5: entries in prefix order, each resting on the one below it. */
function entriesToWrite(
  state: CacheState,
  request: CacheRequest,
  eligible: readonly Breakpoint[],
  hitIndex: number,
  at: RequestTimes,
  rules: CacheRules,
): readonly CacheEntry[] {
  let restsOn: PrefixId | null = hitIndex < 0 ? null : (request.prefixIds[hitIndex] ?? null);
  const written: CacheEntry[] = [];
  for (const breakpoint of eligible) {
    const isBelowHit = breakpoint.blockIndex < hitIndex;
    const prefixId = request.prefixIds[breakpoint.blockIndex];
    if (prefixId === undefined || breakpoint.blockIndex === hitIndex) continue;
    if (isBelowHit && !isRewritten(state, prefixId, breakpoint.ttl, at.startMs, rules)) continue;
    written.push({
      prefixId,
      partition: request.partition,
      tokens: request.cumulativeTokens[breakpoint.blockIndex] ?? 0,
      ttl: breakpoint.ttl,
      readyMs: at.readyMs,
      expiresMs: at.startMs + rules.ttlMs[breakpoint.ttl],
      usedMs: at.startMs,
      restsOn: isBelowHit ? null : restsOn,
    });
    if (!isBelowHit) restsOn = prefixId;
  }
  return written;
}

/** Only under the switch, and only what is missing: below the hit a live entry has just been renewed. */
function isRewritten(state: CacheState, id: PrefixId, ttl: Ttl, nowMs: number, rules: CacheRules): boolean {
  const entries = state.entries.get(id) ?? [];
  const isLive = entries.some((entry) => entry.ttl === ttl && isReadable(state, entry, nowMs, rules));
  return rules.open.rewritesBelowHit && !isLive;
}

/** Adds what was written; an expired entry of the same prefix has no further use. */
function addEntries(
  state: CacheState,
  written: readonly CacheEntry[],
  nowMs: number,
  rules: CacheRules,
): CacheState {
  return written.reduce((next, entry) => {
    const others = (next.entries.get(entry.prefixId) ?? []).filter(
      (other) => conditionOf(other, nowMs, rules) !== 'expired',
    );
    return withEntries(next, entry.prefixId, [...others, entry]);
  }, state);
}
