import type { CacheRules, Ttl } from '../core/index.ts';

/** A prefix that is known to be in the cache. */
export interface WarmEntry {
  readonly prefixId: string;
  /** Lifetime of the entry; of one that others wrote the shorter is assumed. */
  readonly ttl: Ttl;
  /** Size as billed, or as estimated. */
  readonly tokens: number;
  /** It can be read until then, ms since 1970 UTC: a TTL from the start of the last request that used it (spec 4.2). */
  readonly warmUntilMs: number;
}

/** Which prefixes are warm, and until when: forgotten as soon as the entry's own TTL has passed. */
export interface WarmState {
  /** null where it is not known to be warm. */
  find(prefixId: string, atMs: number): WarmEntry | null;
  /** A request that began at `startMs` has written the prefix. */
  wrote(prefixId: string, ttl: Ttl, tokens: number, startMs: number): void;
  /** A request that began at `startMs` has read it: it keeps the TTL that it was written with (spec 4.3). */
  read(prefixId: string, tokens: number, startMs: number): void;
  /** Those that are warm, the first to expire first. */
  list(atMs: number): readonly WarmEntry[];
}

/** Warm prefixes in memory. */
export function createWarmState({ ttlMs }: CacheRules): WarmState {
  const entries = new Map<string, WarmEntry>();

  const find: WarmState['find'] = (prefixId, atMs) => {
    const entry = entries.get(prefixId);
    if (!entry || atMs < entry.warmUntilMs) return entry ?? null;
    entries.delete(prefixId);
    return null;
  };

  const keep = (prefixId: string, ttl: Ttl, tokens: number, startMs: number): void => {
    const warmUntilMs = startMs + ttlMs[ttl];
    const known = entries.get(prefixId);
    // Requests end in any order; the one that began last says how long it lives.
    if (known && known.warmUntilMs > warmUntilMs) return;
    entries.set(prefixId, { prefixId, ttl, tokens, warmUntilMs });
  };

  return {
    find,
    wrote: keep,
    read: (prefixId, tokens, startMs) =>
      keep(prefixId, find(prefixId, startMs)?.ttl ?? '5m', tokens, startMs),
    list(atMs) {
      const alive = [...entries.keys()].flatMap((prefixId) => find(prefixId, atMs) ?? []);
      return alive.toSorted((a, b) => a.warmUntilMs - b.warmUntilMs);
    },
  };
}
