import { defaultCacheRules } from '../../core/index.ts';
import { TTL_1H } from '../policy.ts';
import { NO_PREFIX, type PrefixTrie } from '../trace/trace.ts';

interface Entry {
  readonly ttl: number;
  readonly readyMs: number;
  expiresMs: number;
  /** The longest prefix that was cached below when it was written. */
  readonly restsOn: number;
}

const ttlMsOf = (ttl: number): number => defaultCacheRules.ttlMs[ttl === TTL_1H ? '1h' : '5m'];

/**
 * The entries of a simulated cache under the other reading of the documents (spec 15): an entry can be read only as long
 * as what it was written on top of can. Slower than `EntryTable`, since entries of one prefix cannot be merged.
 */
export class LayeredEntries {
  readonly #parents: Int32Array;
  readonly #entries = new Map<number, Entry[]>();

  constructor(trie: PrefixTrie) {
    this.#parents = trie.parents;
  }

  isReadable(prefixId: number, nowMs: number): boolean {
    return (this.#entries.get(prefixId) ?? []).some((entry) => this.#isEntryReadable(entry, nowMs));
  }

  /** When the last of the prefix's entries of a TTL ends by its own time; -Infinity without one. */
  expiresMs(prefixId: number, ttl: number): number {
    const own = (this.#entries.get(prefixId) ?? []).filter((entry) => entry.ttl === ttl);
    return Math.max(-Infinity, ...own.map((entry) => entry.expiresMs));
  }

  refreshPath(prefixId: number, nowMs: number): void {
    for (let id = prefixId; id >= 0; id = this.#parents[id] ?? NO_PREFIX) {
      // What an entry rests on is on the path above it, and is renewed after it.
      for (const entry of this.#entries.get(id) ?? [])
        if (this.#isEntryReadable(entry, nowMs))
          entry.expiresMs = Math.max(entry.expiresMs, nowMs + ttlMsOf(entry.ttl));
    }
  }

  write(prefixId: number, ttl: number, nowMs: number, readyMs: number, restsOn: number): void {
    const alive = (this.#entries.get(prefixId) ?? []).filter((entry) => entry.expiresMs > nowMs);
    alive.push({ ttl, readyMs, expiresMs: nowMs + ttlMsOf(ttl), restsOn });
    this.#entries.set(prefixId, alive);
  }

  #isEntryReadable(entry: Entry, nowMs: number): boolean {
    if (entry.readyMs > nowMs || entry.expiresMs <= nowMs) return false;
    return entry.restsOn < 0 || this.isReadable(entry.restsOn, nowMs);
  }
}
