import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import type { Segments } from './segments.ts';

/**
 * The reused segments as chains: each segment but a chain's last has exactly one reused child, the next of the chain,
 * and no request ends in a chain before the end of an earlier one. So whatever is cached of a chain, every later
 * request that visits it passes through it.
 */
export interface Chains {
  readonly count: number;
  /** The chain of each segment; `NO_PREFIX` where it has one visit. */
  readonly ofSegments: Int32Array;
  /** A chain's first segment, and the last. */
  readonly heads: Int32Array;
  readonly tails: Int32Array;
  /** Tokens of the chain up to and including each segment. */
  readonly lengths: Float64Array;
}

/** Cuts the trie into chains. */
export function buildChains(trace: Trace, segments: Segments): Chains {
  const reusedChildren = countReusedChildren(segments);
  const isCut = findCuts(trace, segments, reusedChildren);
  const ofSegments = new Int32Array(segments.count).fill(NO_PREFIX);
  const lengths = new Float64Array(segments.count);
  const heads: number[] = [];
  const tails: number[] = [];
  for (let segment = 0; segment < segments.count; segment += 1) {
    if (segments.visits[segment] === 1) continue;
    const parent = segments.parents[segment] ?? NO_PREFIX;
    const isNext = parent !== NO_PREFIX && reusedChildren[parent] === 1 && isCut[parent] === 0;
    const chain = isNext ? (ofSegments[parent] ?? 0) : heads.push(segment) - 1;
    ofSegments[segment] = chain;
    tails[chain] = segment;
    lengths[segment] = (isNext ? (lengths[parent] ?? 0) : 0) + (segments.tokens[segment] ?? 0);
  }
  return {
    count: heads.length,
    ofSegments,
    heads: Int32Array.from(heads),
    tails: Int32Array.from(tails),
    lengths,
  };
}

/** The deepest reused segment that a request visits. */
export function deepestReused(segments: Segments, request: number): number {
  const segment = segments.ofRequests[request] ?? NO_PREFIX;
  const isReused = segment === NO_PREFIX || segments.visits[segment] !== 1;
  return isReused ? segment : (segments.parents[segment] ?? NO_PREFIX);
}

function countReusedChildren({ count, parents, visits }: Segments): Int32Array {
  const children = new Int32Array(count);
  for (let segment = 0; segment < count; segment += 1) {
    const parent = parents[segment] ?? NO_PREFIX;
    if (parent !== NO_PREFIX && visits[segment] !== 1) children[parent] = (children[parent] ?? 0) + 1;
  }
  return children;
}

/** Marks the segments at whose end a request stops although an earlier one went on along the only reused child. */
function findCuts({ requests }: Trace, segments: Segments, reusedChildren: Int32Array): Uint8Array {
  const onlyChildren = new Int32Array(segments.count).fill(NO_PREFIX);
  for (let segment = 0; segment < segments.count; segment += 1) {
    const parent = segments.parents[segment] ?? NO_PREFIX;
    const isReused = segments.visits[segment] !== 1;
    if (parent !== NO_PREFIX && isReused && reusedChildren[parent] === 1) onlyChildren[parent] = segment;
  }
  const isCut = new Uint8Array(segments.count);
  for (let request = 0; request < requests.count; request += 1) {
    const segment = deepestReused(segments, request);
    const next = segment === NO_PREFIX ? NO_PREFIX : (onlyChildren[segment] ?? NO_PREFIX);
    if (next !== NO_PREFIX && (segments.firstRequests[next] ?? 0) < request) isCut[segment] = 1;
  }
  return isCut;
}
