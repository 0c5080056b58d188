import type { Trace } from '../../src/replay/index.ts';

interface Entry {
  readonly readyMs: number;
  expiresMs: number;
}

const TTL_MS = 300_000;
const LOOKBACK = 20;
const MINIMUM = 1024;

/** Tokens that automatic caching reads and writes. */
export interface PlainResult {
  readonly readTokens: number;
  readonly writeTokens: number;
}

function pathOf(trace: Trace, request: number): number[] {
  const path: number[] = [];
  for (let id = trace.requests.prefixIds[request] ?? -1; id >= 0; id = trace.trie.parents[id] ?? -1)
    path.push(id);
  return path.reverse();
}

class PlainCache {
  readonly #entries = new Map<number, Entry[]>();

  isReadable(id: number, nowMs: number): boolean {
    const entries = this.#entries.get(id) ?? [];
    return entries.some((entry) => entry.readyMs <= nowMs && nowMs < entry.expiresMs);
  }

  refresh(id: number, nowMs: number): void {
    for (const entry of this.#entries.get(id) ?? [])
      if (entry.readyMs <= nowMs && nowMs < entry.expiresMs) entry.expiresMs = nowMs + TTL_MS;
  }

  write(id: number, nowMs: number, readyMs: number): void {
    const alive = (this.#entries.get(id) ?? []).filter((entry) => entry.expiresMs > nowMs);
    this.#entries.set(id, [...alive, { readyMs, expiresMs: nowMs + TTL_MS }]);
  }
}

/**
 * Automatic caching for five minutes as one would write it at first: a `Map` from prefix to its entries, and a path for
 * each request. What the simulator's speed is held against; both must count the same tokens.
 */
export function playPlainly(trace: Trace): PlainResult {
  const { requests, trie } = trace;
  const cache = new PlainCache();
  const tokensOf = (id: number | undefined): number => trie.cumulativeTokens[id ?? -1] ?? 0;
  let readTokens = 0;
  let writeTokens = 0;
  for (let request = 0; request < requests.count; request += 1) {
    const nowMs = requests.startMs[request] ?? 0;
    const path = pathOf(trace, request);
    const last = path.at(-1);
    if (last === undefined || tokensOf(last) < MINIMUM) continue;
    const lowest = trace.hasLookbackLimit ? (trie.positions[last] ?? 0) - (LOOKBACK - 1) : -1;
    const hitIndex = path.findLastIndex(
      (id) => (trie.positions[id] ?? 0) >= lowest && cache.isReadable(id, nowMs),
    );
    for (const id of path.slice(0, hitIndex + 1)) cache.refresh(id, nowMs);
    readTokens += tokensOf(path[hitIndex]);
    writeTokens += tokensOf(last) - tokensOf(path[hitIndex]);
    if (path[hitIndex] !== last)
      cache.write(last, nowMs, nowMs + (requests.timeToFirstTokenMs[request] ?? 0));
  }
  return { readTokens, writeTokens };
}
