import { NO_PREFIX, type Trace } from '../trace/trace.ts';

/**
 * A trie with every run of prefixes that the same requests visit drawn together into one segment. What holds for one
 * prefix of a segment holds for all, so bounds walk segments: many times fewer than prefixes.
 */
export interface Segments {
  readonly count: number;
  /** The segment above; `NO_PREFIX` for a first one. A parent's number is below its children's. */
  readonly parents: Int32Array;
  /** The longest prefix of the segment. */
  readonly ends: Int32Array;
  /** Tokens of all its blocks, and of its last block. */
  readonly tokens: Float64Array;
  readonly lastBlockTokens: Float64Array;
  readonly visits: Int32Array;
  /** Numbers of the first and the last request that visit it. */
  readonly firstRequests: Int32Array;
  readonly lastRequests: Int32Array;
  /** The segment in which each request ends; `NO_PREFIX` where nothing of it can be cached. */
  readonly ofRequests: Int32Array;
}

interface Visits {
  readonly counts: Int32Array;
  readonly firsts: Int32Array;
  readonly lasts: Int32Array;
}

/**
 * Draws the trie together. Requests whose longest prefix is below their model's minimum visit nothing: no breakpoint
 * of theirs counts, so they neither read, write nor refresh (spec 3).
 *
 * @param minimums by model, tokens
 * @param joinsShort whether prefixes below the minimum become one block with the first long enough one of each path:
 *   that is what they are, since no entry can end inside
 */
export function buildSegments(trace: Trace, minimums: readonly number[], joinsShort: boolean): Segments {
  const { trie } = trace;
  const visits = countVisits(trace, minimums);
  const segmentOf = new Int32Array(trie.count).fill(NO_PREFIX);
  const columns = createSegments(trie.count, trace.requests.count);
  let count = 0;
  for (let prefix = 0; prefix < trie.count; prefix += 1) {
    if (visits.counts[prefix] === 0) continue;
    if (joinsShort && isShort(trace, minimums, visits, prefix)) continue;
    const parent = trie.parents[prefix] ?? NO_PREFIX;
    const above = segmentOf[parent] ?? NO_PREFIX;
    const isNew = above === NO_PREFIX || visits.counts[parent] !== visits.counts[prefix];
    const segment = isNew ? count : above;
    if (isNew) {
      count += 1;
      startSegment(columns, segment, above, visits, prefix);
    }
    segmentOf[prefix] = segment;
    const aboveTokens = above === NO_PREFIX ? 0 : (trie.cumulativeTokens[parent] ?? 0);
    addBlock(columns, segment, prefix, (trie.cumulativeTokens[prefix] ?? 0) - aboveTokens);
  }
  placeRequests(trace, minimums, segmentOf, columns.ofRequests);
  return cutToLength(columns, count);
}

function placeRequests(
  trace: Trace,
  minimums: readonly number[],
  segmentOf: Int32Array,
  ofRequests: Int32Array,
): void {
  for (let request = 0; request < ofRequests.length; request += 1) {
    const prefix = trace.requests.prefixIds[request] ?? NO_PREFIX;
    if (isCacheable(trace, minimums, request)) ofRequests[request] = segmentOf[prefix] ?? NO_PREFIX;
  }
}

function isShort(
  { trie, requests }: Trace,
  minimums: readonly number[],
  visits: Visits,
  prefix: number,
): boolean {
  const model = requests.models[visits.firsts[prefix] ?? 0] ?? 0;
  return (trie.cumulativeTokens[prefix] ?? 0) < (minimums[model] ?? 0);
}

function addBlock(columns: Segments, segment: number, prefix: number, tokens: number): void {
  columns.ends[segment] = prefix;
  columns.tokens[segment] = (columns.tokens[segment] ?? 0) + tokens;
  columns.lastBlockTokens[segment] = tokens;
}

function startSegment(
  columns: Segments,
  segment: number,
  above: number,
  visits: Visits,
  prefix: number,
): void {
  columns.parents[segment] = above;
  columns.visits[segment] = visits.counts[prefix] ?? 0;
  columns.firstRequests[segment] = visits.firsts[prefix] ?? 0;
  columns.lastRequests[segment] = visits.lasts[prefix] ?? 0;
}

function createSegments(count: number, requestCount: number): Segments {
  return {
    count,
    parents: new Int32Array(count),
    ends: new Int32Array(count),
    tokens: new Float64Array(count),
    lastBlockTokens: new Float64Array(count),
    visits: new Int32Array(count),
    firstRequests: new Int32Array(count),
    lastRequests: new Int32Array(count),
    ofRequests: new Int32Array(requestCount).fill(NO_PREFIX),
  };
}

/** Copies, so that the room for the longest possible columns is given back. */
function cutToLength(columns: Segments, count: number): Segments {
  return {
    count,
    parents: columns.parents.slice(0, count),
    ends: columns.ends.slice(0, count),
    tokens: columns.tokens.slice(0, count),
    lastBlockTokens: columns.lastBlockTokens.slice(0, count),
    visits: columns.visits.slice(0, count),
    firstRequests: columns.firstRequests.slice(0, count),
    lastRequests: columns.lastRequests.slice(0, count),
    ofRequests: columns.ofRequests,
  };
}

function isCacheable({ trie, requests }: Trace, minimums: readonly number[], request: number): boolean {
  const prefix = requests.prefixIds[request] ?? NO_PREFIX;
  if (prefix === NO_PREFIX) return false;
  return (trie.cumulativeTokens[prefix] ?? 0) >= (minimums[requests.models[request] ?? 0] ?? 0);
}

function countVisits(trace: Trace, minimums: readonly number[]): Visits {
  const { trie, requests } = trace;
  const counts = new Int32Array(trie.count);
  const firsts = new Int32Array(trie.count).fill(requests.count);
  const lasts = new Int32Array(trie.count).fill(-1);
  for (let request = 0; request < requests.count; request += 1) {
    if (!isCacheable(trace, minimums, request)) continue;
    const prefix = requests.prefixIds[request] ?? 0;
    counts[prefix] = (counts[prefix] ?? 0) + 1;
    firsts[prefix] = Math.min(firsts[prefix] ?? request, request);
    lasts[prefix] = request;
  }
  for (let prefix = trie.count - 1; prefix >= 0; prefix -= 1) {
    const parent = trie.parents[prefix] ?? NO_PREFIX;
    if (parent === NO_PREFIX) continue;
    counts[parent] = (counts[parent] ?? 0) + (counts[prefix] ?? 0);
    firsts[parent] = Math.min(firsts[parent] ?? 0, firsts[prefix] ?? 0);
    lasts[parent] = Math.max(lasts[parent] ?? 0, lasts[prefix] ?? 0);
  }
  return { counts, firsts, lasts };
}
