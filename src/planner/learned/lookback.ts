import type { BelievedEntries } from './believed-entries.ts';
import type { Memory } from './memory.ts';
import type { PlannedRequest } from './request.ts';
import type { Run } from './runs.ts';

/** Anything that stands on a block. */
interface OnBlock {
  readonly index: number;
}

/** Can the prefix up to a block be as long as the model wants it (spec 3)? */
export function reachesMinimum({ cumulativeHighTokens, prices }: PlannedRequest, index: number): boolean {
  return (cumulativeHighTokens[index] ?? 0) >= prices.minCacheableTokens;
}

/** The longest readable prefix on a path, of all entries or of those of an hour; -1 without one. */
export function deepestReadable(
  path: readonly Run[],
  { length, atMs }: PlannedRequest,
  entries: BelievedEntries,
  ttl: 'any' | '1h',
): number {
  for (let order = path.length - 1; order >= 0; order -= 1) {
    const deepest = entries.deepestReadable(path[order] ?? 0, length, atMs, ttl);
    if (deepest >= 0) return deepest;
  }
  return -1;
}

/** Does what is read end with an entry of five minutes? */
export function isOf5m(
  path: readonly Run[],
  request: PlannedRequest,
  entries: BelievedEntries,
  hitIndex: number,
): boolean {
  return deepestReadable(path, request, entries, '1h') < hitIndex;
}

/** Entries live a little longer than documented (spec 4.7): what should be over for so long is. */
const LAYERING_MARGIN_MS = 60_000;

/** Will the bill show whether an hour's entry outlives those of five minutes below it, since they are over? */
export function testsLayers(
  { entries, runs }: Pick<Memory, 'entries' | 'runs'>,
  path: readonly Run[],
  { atMs }: PlannedRequest,
  hitIndex: number,
): boolean {
  const run = hitIndex < 0 ? undefined : path.find((each) => hitIndex < runs.endOf(each));
  if (run === undefined) return false;
  return entries.restsUntilMs(run, hitIndex, atMs) + LAYERING_MARGIN_MS <= atMs;
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
  path: readonly Run[],
  breakpoints: readonly OnBlock[],
  request: PlannedRequest,
  entries: BelievedEntries,
): number {
  const finders = breakpoints.filter(({ index }) => reachesMinimum(request, index));
  let found = -1;
  for (const run of path) {
    for (const index of entries.readableIndices(run, request.atMs))
      if (index > found && isFound(index, finders, request)) found = index;
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
