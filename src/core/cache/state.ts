import { emptyMap, type PersistentMap } from './persistent-map.ts';
import type { CacheRules, Ttl } from './rules.ts';

/** Names one exact prefix inside one partition: a chained hash, or any unique text in a simulation. */
export type PrefixId = string;

/**
 * One stored prefix (spec 2.1). Readable while `readyMs <= now < expiresMs`; two requests that write the
 * same prefix at the same time make two entries.
 */
export interface CacheEntry {
  readonly prefixId: PrefixId;
  /** Whose and which model's: nothing is shared across partitions (spec 8). */
  readonly partition: string;
  /** Length of the whole prefix in tokens. */
  readonly tokens: number;
  readonly ttl: Ttl;
  /** When the response to the writing request begins (spec 4.4). Infinity: not known yet. */
  readonly readyMs: number;
  readonly expiresMs: number;
  /** When it was last written or read. */
  readonly usedMs: number;
  /** The next shorter prefix that was cached when this one was written; matters only to layered entries. */
  readonly restsOn: PrefixId | null;
}

/** All entries of a cache; immutable. */
export interface CacheState {
  readonly entries: PersistentMap<readonly CacheEntry[]>;
}

/** A cache that holds nothing. */
export const emptyCacheState: CacheState = { entries: emptyMap() };

/** An entry's own condition at a time, whatever it rests on. */
export function conditionOf(
  entry: CacheEntry,
  nowMs: number,
  rules: CacheRules,
): 'pending' | 'live' | 'expired' {
  const evictedMs =
    rules.open.earlyEvictionMs === null ? Infinity : entry.usedMs + rules.open.earlyEvictionMs;
  if (nowMs >= Math.min(entry.expiresMs + rules.slackMs, evictedMs)) return 'expired';
  return entry.readyMs <= nowMs ? 'live' : 'pending';
}

/** Can the entry be read now? A layered entry also needs everything that it rests on (spec 15). */
export function isReadable(state: CacheState, entry: CacheEntry, nowMs: number, rules: CacheRules): boolean {
  if (conditionOf(entry, nowMs, rules) !== 'live') return false;
  if (rules.open.entriesAre === 'self-contained' || entry.restsOn === null) return true;
  const below = state.entries.get(entry.restsOn) ?? [];
  return below.some((other) => isReadable(state, other, nowMs, rules));
}

/** The state with one prefix's entries replaced. */
export function withEntries(
  state: CacheState,
  prefixId: PrefixId,
  entries: readonly CacheEntry[],
): CacheState {
  const map = entries.length === 0 ? state.entries.remove(prefixId) : state.entries.put(prefixId, entries);
  return { entries: map };
}

/**
 * The state without entries that have expired by `nowMs`. Never changes what is read, written or billed, only
 * whether a miss can still be told as expired; call it now and then, since a state keeps what it once held.
 */
export function sweepExpired(state: CacheState, nowMs: number, rules: CacheRules): CacheState {
  let swept = state;
  for (const [prefixId, entries] of state.entries.entries()) {
    const kept = entries.filter((entry) => conditionOf(entry, nowMs, rules) !== 'expired');
    if (kept.length < entries.length) swept = withEntries(swept, prefixId, kept);
  }
  return swept;
}

function replaceWritten(
  state: CacheState,
  written: readonly CacheEntry[],
  replace: (entry: CacheEntry) => CacheEntry | null,
): CacheState {
  return written.reduce((next, own) => {
    const entries = next.entries.get(own.prefixId) ?? [];
    const at = entries.findIndex((entry) => isSameWrite(entry, own));
    if (at < 0) return next;
    const replaced = replace(entries[at] ?? own);
    return withEntries(next, own.prefixId, entries.toSpliced(at, 1, ...(replaced ? [replaced] : [])));
  }, state);
}

function isSameWrite(entry: CacheEntry, own: CacheEntry): boolean {
  return entry.ttl === own.ttl && entry.readyMs === own.readyMs && entry.expiresMs === own.expiresMs;
}

/** The response to a request has begun: what it wrote (with `readyMs` Infinity) is readable from now on (spec 4.4). */
export function markReady(state: CacheState, written: readonly CacheEntry[], readyMs: number): CacheState {
  return replaceWritten(state, written, (entry) => ({ ...entry, readyMs }));
}

/** A request failed before its response began: what it was going to write never existed. */
export function withdraw(state: CacheState, written: readonly CacheEntry[]): CacheState {
  return replaceWritten(state, written, () => null);
}

/**
 * What was written for an hour, and could be read from `readyMs` on, turned out to be billed for five minutes: it lives as
 * long as was paid for, counted from when it was last used.
 */
export function shortenWritten(
  state: CacheState,
  written: readonly CacheEntry[],
  readyMs: number,
  rules: CacheRules,
): CacheState {
  return written.reduce((next, own) => {
    const entries = next.entries.get(own.prefixId) ?? [];
    const isOwn = (entry: CacheEntry): boolean => entry.ttl === '1h' && entry.readyMs === readyMs;
    if (!entries.some(isOwn)) return next;
    const shorten = (entry: CacheEntry): CacheEntry =>
      isOwn(entry) ? { ...entry, ttl: '5m', expiresMs: entry.usedMs + rules.ttlMs['5m'] } : entry;
    return withEntries(next, own.prefixId, entries.map(shorten));
  }, state);
}
