import { defaultCacheRules } from '../../core/index.ts';
import type { BelievedEntry, PrefixNode } from './prefix-tree.ts';
import type { PlannedRequest } from './request.ts';

/** Anything that stands on a block. */
interface OnBlock {
  readonly index: number;
}

export function ttlMsOf(isHour: boolean): number {
  return defaultCacheRules.ttlMs[isHour ? '1h' : '5m'];
}

/** Can the prefix up to a block be as long as the model wants it (spec 3)? */
export function reachesMinimum({ cumulativeHighTokens, prices }: PlannedRequest, index: number): boolean {
  return (cumulativeHighTokens[index] ?? 0) >= prices.minCacheableTokens;
}

function isReadable({ readyMs, expiresMs }: BelievedEntry, nowMs: number): boolean {
  return readyMs <= nowMs && nowMs < expiresMs;
}

/** Is the entry being written, its response not begun yet? */
export function isPending({ readyMs, expiresMs }: BelievedEntry, nowMs: number): boolean {
  return nowMs < readyMs && nowMs < expiresMs;
}

/** The longest readable prefix on a path, of all entries or of those of an hour; -1 without one. */
export function deepestReadable(
  nodes: readonly PrefixNode[],
  { length, atMs }: PlannedRequest,
  ttl: 'any' | '1h',
): number {
  for (let order = nodes.length - 1; order >= 0; order -= 1) {
    let deepest = -1;
    for (const entry of nodes[order]?.entries ?? []) {
      const isWanted = (ttl === 'any' || entry.isHour) && entry.index < length && entry.index > deepest;
      if (isWanted && isReadable(entry, atMs)) deepest = entry.index;
    }
    if (deepest >= 0) return deepest;
  }
  return -1;
}

/** Does one of the breakpoints find an entry when it looks back (spec 2.2)? */
export function isFound(
  entryIndex: number,
  breakpoints: readonly OnBlock[],
  request: PlannedRequest,
): boolean {
  const { positions, lookbackPositions } = request;
  const at = positions[entryIndex] ?? 0;
  return breakpoints.some(
    ({ index }) => index >= entryIndex && (positions[index] ?? 0) - at < lookbackPositions,
  );
}

/** The longest readable prefix that breakpoints find; -1 without one. */
export function readIndexOf(
  nodes: readonly PrefixNode[],
  breakpoints: readonly OnBlock[],
  request: PlannedRequest,
): number {
  const finders = breakpoints.filter(({ index }) => reachesMinimum(request, index));
  let found = -1;
  for (const { entries } of nodes) {
    for (const entry of entries) {
      if (entry.index <= found || !isReadable(entry, request.atMs)) continue;
      if (isFound(entry.index, finders, request)) found = entry.index;
    }
  }
  return found;
}

/**
 * The first block on which a breakpoint may stand and finds an entry; -1 without one. Mostly the entry's own; but the
 * block may have carried a client's marker that we could not write.
 */
export function findReader(entryIndex: number, request: PlannedRequest): number {
  for (let index = entryIndex; index < request.length; index += 1) {
    if (!isFound(entryIndex, [{ index }], request)) return -1;
    if (request.canMark(index)) return index;
  }
  return -1;
}

/** What was read lives on: all entries below the hit, each for its own TTL (spec 4.3). */
export function refresh(node: PrefixNode, hit: number, nowMs: number): void {
  for (const entry of node.entries) {
    if (entry.index <= hit && isReadable(entry, nowMs))
      entry.expiresMs = Math.max(entry.expiresMs, nowMs + ttlMsOf(entry.isHour));
  }
}
