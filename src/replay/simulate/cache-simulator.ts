import { BREAKPOINTS_MAX, LOOKBACK_POSITIONS, type OpenQuestions } from '../../core/index.ts';
import { TTL_1H, type PlacementBuffer, type ReplayOutcome } from '../policy.ts';
import { NO_PREFIX, type PrefixTrie, type Trace } from '../trace/trace.ts';
import { EntryTable } from './entry-table.ts';
import { LayeredEntries } from './layered-entries.ts';

/** An empty buffer for the breakpoints of one request. */
export function createPlacements(): PlacementBuffer {
  return {
    count: 0,
    prefixIds: new Int32Array(BREAKPOINTS_MAX),
    ttls: new Uint8Array(BREAKPOINTS_MAX),
  };
}

/** An outcome in which nothing has happened yet. */
export function createOutcome(): ReplayOutcome {
  return {
    readTokens: 0,
    write5mTokens: 0,
    write1hTokens: 0,
    uncachedTokens: 0,
    hitPrefixId: NO_PREFIX,
  };
}

/** When a request is sent and when its response begins, in ms from the start of the trace. */
export interface SimulatedRequest {
  /** All input tokens: those of the prefix and the tail after it. */
  totalTokens: number;
  startMs: number;
  readyMs: number;
  minCacheableTokens: number;
}

/**
 * `cacheStep` of `core` in integers, for millions of requests: the same look-up, bill, refresh and writes under the
 * default rules and those for layered entries, with prefixes as numbers and one state that changes in place. A property test holds the two against
 * each other.
 */
export class CacheSimulator {
  readonly #trie: PrefixTrie;
  readonly #entries: EntryTable | LayeredEntries;
  readonly #hasLookbackLimit: boolean;

  constructor(
    trace: Pick<Trace, 'trie' | 'hasLookbackLimit'>,
    entriesAre: OpenQuestions['entriesAre'] = 'self-contained',
  ) {
    this.#trie = trace.trie;
    this.#entries = entriesAre === 'layered' ? new LayeredEntries(trace.trie) : new EntryTable(trace.trie);
    this.#hasLookbackLimit = trace.hasLookbackLimit;
  }

  isReadable(prefixId: number, atMs: number): boolean {
    return this.#entries.isReadable(prefixId, atMs);
  }

  expiresMs(prefixId: number, ttl: number): number {
    return this.#entries.expiresMs(prefixId, ttl);
  }

  /** One request; fills in `outcome`. Requests must come by start time. */
  step(request: Readonly<SimulatedRequest>, placements: PlacementBuffer, outcome: ReplayOutcome): void {
    const first = this.#firstEligible(placements, request.minCacheableTokens);
    const hit = this.#findLongestHit(placements, first, request.startMs);
    this.#bill(request, placements, first, hit, outcome);
    if (hit >= 0) this.#entries.refreshPath(hit, request.startMs);
    const hitDepth = this.#depthOf(hit);
    let below = hit;
    for (let index = first; index < placements.count; index += 1) {
      const id = placements.prefixIds[index] ?? NO_PREFIX;
      if (this.#depthOf(id) <= hitDepth) continue;
      this.#entries.write(id, placements.ttls[index] ?? 0, request.startMs, request.readyMs, below);
      below = id;
    }
  }

  #depthOf(prefixId: number): number {
    return prefixId < 0 ? -1 : (this.#trie.depths[prefixId] ?? -1);
  }

  /** Breakpoints are in order of length, so those below the minimum come first (spec 3). */
  #firstEligible(placements: PlacementBuffer, minimum: number): number {
    const tokens = this.#trie.cumulativeTokens;
    let first = 0;
    while (first < placements.count && (tokens[placements.prefixIds[first] ?? NO_PREFIX] ?? 0) < minimum)
      first += 1;
    return first;
  }

  /** From the last breakpoint to the first, the first readable prefix within its lookback (spec 2.2). */
  #findLongestHit(placements: PlacementBuffer, first: number, nowMs: number): number {
    for (let index = placements.count - 1; index >= first; index -= 1) {
      const hit = this.#lookBack(placements.prefixIds[index] ?? NO_PREFIX, nowMs);
      // Without a limit the last breakpoint has seen all that the others could.
      if (hit >= 0 || !this.#hasLookbackLimit) return hit;
    }
    return NO_PREFIX;
  }

  #lookBack(from: number, nowMs: number): number {
    const { parents, positions } = this.#trie;
    const lowest = this.#hasLookbackLimit ? (positions[from] ?? 0) - (LOOKBACK_POSITIONS - 1) : -Infinity;
    for (let id = from; id >= 0; id = parents[id] ?? NO_PREFIX) {
      if ((positions[id] ?? 0) < lowest) return NO_PREFIX;
      if (this.#entries.isReadable(id, nowMs)) return id;
    }
    return NO_PREFIX;
  }

  /** A the hit, B the last 1h breakpoint after it, C the last breakpoint (spec 4.5). */
  #bill(
    request: Readonly<SimulatedRequest>,
    placements: PlacementBuffer,
    first: number,
    hit: number,
    outcome: ReplayOutcome,
  ): void {
    const tokens = this.#trie.cumulativeTokens;
    const readTokens = hit < 0 ? 0 : (tokens[hit] ?? 0);
    const hitDepth = this.#depthOf(hit);
    let end1hTokens = readTokens;
    let endTokens = readTokens;
    for (let index = first; index < placements.count; index += 1) {
      const id = placements.prefixIds[index] ?? NO_PREFIX;
      if (this.#depthOf(id) <= hitDepth) continue;
      endTokens = tokens[id] ?? 0;
      if (placements.ttls[index] === TTL_1H) end1hTokens = endTokens;
    }
    outcome.readTokens = readTokens;
    outcome.write1hTokens = end1hTokens - readTokens;
    outcome.write5mTokens = endTokens - end1hTokens;
    outcome.uncachedTokens = request.totalTokens - endTokens;
    outcome.hitPrefixId = hit;
  }
}
