import { defaultCacheRules } from '../../core/index.ts';
import { TTL_1H, TTL_5M } from '../policy.ts';
import { NO_PREFIX, type PrefixTrie } from '../trace/trace.ts';

/** Lifetimes in ms by TTL number. */
const TTL_MS: readonly [number, number] = [defaultCacheRules.ttlMs['5m'], defaultCacheRules.ttlMs['1h']];

/** An entry that waits behind another one of its prefix and TTL. */
interface Waiting {
  readonly readyMs: number;
  readonly expiresMs: number;
}

/** Ready and expiry of both TTLs: what one prefix has in `#times`. */
const WIDTH = 4;
const HAS_ENTRY = 1;
const HAS_WAITING = 2;

/**
 * The entries of a simulated cache in columns: for each prefix and TTL when it becomes readable and when it expires.
 *
 * Entries of one prefix and TTL are merged where that can make no difference: two that are readable are refreshed by
 * the same reads, so only the later expiry counts. What is left are twins in flight (spec 4.4), each readable from its
 * own time; the first has its place in the column, the rest wait in a map until they are readable.
 *
 * Times are ms from the start of the trace, never negative, and must not go backwards from call to call.
 */
export class EntryTable {
  readonly #parents: Int32Array;
  readonly #times: Float64Array;
  readonly #flags: Uint8Array;
  readonly #waiting = new Map<number, Waiting[]>();

  constructor(trie: PrefixTrie) {
    this.#parents = trie.parents;
    this.#times = new Float64Array(trie.count * WIDTH);
    this.#flags = new Uint8Array(trie.count);
  }

  /** Is there an entry of either TTL with ready <= now < expiry? */
  isReadable(prefixId: number, nowMs: number): boolean {
    const flags = this.#flags[prefixId] ?? 0;
    if (flags === 0) return false;
    if ((flags & HAS_WAITING) !== 0) this.#settle(prefixId, nowMs);
    const at = prefixId * WIDTH;
    return this.#isSlotReadable(at, nowMs) || this.#isSlotReadable(at + 2, nowMs);
  }

  /** When the last of the prefix's entries of a TTL ends, readable or not yet; -Infinity without one. */
  expiresMs(prefixId: number, ttl: number): number {
    const slot = prefixId * WIDTH + ttl * 2;
    const inColumn = this.#times[slot + 1] ?? 0;
    const last = this.#waiting.get(slot)?.at(-1)?.expiresMs ?? 0;
    return Math.max(inColumn, last) || -Infinity;
  }

  /** A read renews every readable entry on its path, each for its own TTL (spec 4.3). */
  refreshPath(prefixId: number, nowMs: number): void {
    const parents = this.#parents;
    const flags = this.#flags;
    for (let id = prefixId; id >= 0; id = parents[id] ?? NO_PREFIX) {
      const flag = flags[id] ?? 0;
      if (flag === 0) continue;
      if ((flag & HAS_WAITING) !== 0) this.#settle(id, nowMs);
      this.#renew(id * WIDTH, nowMs, TTL_MS[TTL_5M]);
      this.#renew(id * WIDTH + 2, nowMs, TTL_MS[TTL_1H]);
    }
  }

  /** Adds an entry that lives from now on and can be read from `readyMs` on (spec 4.2, 4.4). */
  write(prefixId: number, ttl: number, nowMs: number, readyMs: number, _restsOn?: number): void {
    const slot = prefixId * WIDTH + ttl * 2;
    const expiresMs = nowMs + (TTL_MS[ttl] ?? 0);
    const times = this.#times;
    if (((this.#flags[prefixId] ?? 0) & HAS_WAITING) !== 0) this.#settle(prefixId, nowMs);
    const flags = this.#flags[prefixId] ?? 0;
    const waiting = (flags & HAS_WAITING) === 0 ? undefined : this.#waiting.get(slot);
    // One that is readable later than the new one, and ends earlier, has no further use; nor have those behind it.
    const isOutdone = (times[slot] ?? 0) >= readyMs;
    const isExpired = (times[slot + 1] ?? 0) <= nowMs;
    if (isOutdone || (isExpired && waiting === undefined)) {
      if (waiting !== undefined) this.#waiting.delete(slot);
      times[slot] = readyMs;
      times[slot + 1] = expiresMs;
      this.#flags[prefixId] = flags | HAS_ENTRY;
      return;
    }
    const kept = (waiting ?? []).filter((other) => other.readyMs < readyMs);
    kept.push({ readyMs, expiresMs });
    this.#waiting.set(slot, kept);
    this.#flags[prefixId] = flags | HAS_ENTRY | HAS_WAITING;
  }

  #isSlotReadable(slot: number, nowMs: number): boolean {
    return (this.#times[slot + 1] ?? 0) > nowMs && (this.#times[slot] ?? 0) <= nowMs;
  }

  #renew(slot: number, nowMs: number, ttlMs: number): void {
    if (!this.#isSlotReadable(slot, nowMs)) return;
    if ((this.#times[slot + 1] ?? 0) < nowMs + ttlMs) this.#times[slot + 1] = nowMs + ttlMs;
  }

  /** Moves what has become readable into its column. */
  #settle(prefixId: number, nowMs: number): void {
    const hasWaiting5m = this.#settleSlot(prefixId * WIDTH, nowMs);
    const hasWaiting1h = this.#settleSlot(prefixId * WIDTH + 2, nowMs);
    if (!hasWaiting5m && !hasWaiting1h) this.#flags[prefixId] = HAS_ENTRY;
  }

  #settleSlot(slot: number, nowMs: number): boolean {
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) return false;
    const times = this.#times;
    for (const { readyMs, expiresMs } of waiting) {
      if (readyMs > nowMs) break;
      // What stands in the column came first and is readable earlier, so only the expiry can change.
      times[slot + 1] = Math.max(expiresMs, times[slot + 1] ?? 0);
    }
    const rest = waiting.filter((entry) => entry.readyMs > nowMs);
    if (rest.length > 0) this.#waiting.set(slot, rest);
    else this.#waiting.delete(slot);
    return rest.length > 0;
  }
}
