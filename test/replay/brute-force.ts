import {
  cacheStep,
  defaultCacheRules,
  emptyCacheState,
  sweepExpired,
  type Breakpoint,
  type CacheRequest,
  type CacheRules,
  type CacheState,
  type Ttl,
} from '../../src/core/cache/index.ts';

/** One request of a small trace: names of its blocks and their tokens, times in ms. */
export interface SmallRequest {
  readonly startMs: number;
  readonly readyAfterMs: number;
  readonly blocks: readonly (readonly [name: string, tokens: number])[];
}

/** A small trace with all that its cheapest plan depends on. */
export interface SmallTrace {
  readonly requests: readonly SmallRequest[];
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly minCacheableTokens: number;
  readonly live5mMs: number;
  readonly live1hMs: number;
}

/** The cheapest plan, or null when the search was given up. */
export interface Optimum {
  readonly cost: number | null;
  readonly expanded: number;
  readonly pings: number;
}

interface Node {
  readonly next: number;
  readonly nowMs: number;
  readonly state: CacheState;
  readonly cost: number;
  readonly estimate: number;
  readonly pings: number;
}

interface Problem {
  readonly trace: SmallTrace;
  readonly rules: CacheRules;
  readonly chains: readonly Omit<CacheRequest, 'breakpoints'>[];
  readonly placements: readonly (readonly (readonly Breakpoint[])[])[];
  /** A lower bound on what the requests from each one on will cost. */
  readonly remaining: readonly number[];
}

/**
 * The cost of the cheapest plan for a small trace, found by searching every set of breakpoints with every split into
 * 1h and 5m for every request, and pings over every prefix that was sent, of both TTLs, at the last moment of an
 * entry, as soon as the latest entries can be read, and right before the next request. Costs are in uncached input
 * tokens; a ping has no overhead and can be read at once, so that no bound can hide behind either. A* over the states
 * of core's own cache.
 *
 * @param expandedMax states after which the search gives up
 */
export function findOptimum(trace: SmallTrace, expandedMax: number): Optimum {
  const problem = setUp(trace);
  const heap = new NodeHeap();
  const closed = new Set<string>();
  heap.push({
    next: 0,
    nowMs: -1,
    state: emptyCacheState,
    cost: 0,
    estimate: problem.remaining[0] ?? 0,
    pings: 0,
  });
  let expanded = 0;
  for (let node = heap.pop(); node; node = heap.pop()) {
    if (node.next === trace.requests.length) return { cost: node.cost, expanded, pings: node.pings };
    const key = keyOf(node);
    if (closed.has(key)) continue;
    closed.add(key);
    expanded += 1;
    if (expanded > expandedMax) return { cost: null, expanded, pings: 0 };
    for (const successor of successorsOf(problem, node)) heap.push(successor);
  }
  return { cost: null, expanded, pings: 0 };
}

function setUp(trace: SmallTrace): Problem {
  const chains = trace.requests.map(({ blocks }) => {
    const prefixIds = blocks.map((_block, index) =>
      blocks
        .slice(0, index + 1)
        .map(([name]) => name)
        .join('/'),
    );
    let total = 0;
    return {
      partition: '',
      prefixIds,
      cumulativeTokens: blocks.map(([, tokens]) => (total += tokens)),
      positions: blocks.map((_block, index) => index),
      minCacheableTokens: trace.minCacheableTokens,
    };
  });
  const seen = new Set<string>();
  const least = chains.map(({ prefixIds, cumulativeTokens }) => {
    const knownCount = prefixIds.filter((id) => seen.has(id)).length;
    const known = cumulativeTokens[knownCount - 1] ?? 0;
    for (const id of prefixIds) seen.add(id);
    return trace.read * known + (cumulativeTokens.at(-1) ?? 0) - known;
  });
  const remaining = [...least.keys(), least.length].map((from) =>
    least.slice(from).reduce((sum, cost) => sum + cost, 0),
  );
  return {
    trace,
    rules: { ...defaultCacheRules, ttlMs: { '5m': trace.live5mMs, '1h': trace.live1hMs } },
    chains,
    placements: chains.map(({ prefixIds }) => placementsOf(prefixIds.length)),
    remaining,
  };
}

/** Every set of at most four blocks, with each possible number of 1h breakpoints before the 5m ones. */
function placementsOf(blockCount: number): Breakpoint[][] {
  const placements: Breakpoint[][] = [];
  for (let bits = 0; bits < 1 << blockCount; bits += 1) {
    const marked = [...Array(blockCount).keys()].filter((index) => (bits >> index) & 1);
    if (marked.length > 4) continue;
    for (let count1h = 0; count1h <= marked.length; count1h += 1) {
      placements.push(
        marked.map((blockIndex, order) => ({
          blockIndex,
          ttl: order < count1h ? '1h' : '5m',
          origin: 'explicit',
        })),
      );
    }
  }
  return placements;
}

function keyOf({ next, nowMs, state }: Node): string {
  const entries = [...state.entries.entries()].map(([id, list]) => {
    const lives = list.map(({ ttl, readyMs, expiresMs }) => `${ttl}${Math.max(readyMs, nowMs)}-${expiresMs}`);
    return `${id}:${[...new Set(lives)].toSorted().join('+')}`;
  });
  return `${next} ${nowMs} ${entries.toSorted().join(' ')}`;
}

function* successorsOf(problem: Problem, node: Node): IterableIterator<Node> {
  const { trace, chains, placements } = problem;
  const request = trace.requests[node.next];
  const chain = chains[node.next];
  if (!request || !chain) return;
  for (const breakpoints of placements[node.next] ?? []) {
    const times = { startMs: request.startMs, readyMs: request.startMs + request.readyAfterMs };
    yield take(problem, node, { ...chain, breakpoints }, times, 1);
  }
  for (const nowMs of pingTimes(problem, node, request.startMs)) {
    for (const ping of pingsOver(problem, node.next)) {
      yield take(problem, node, ping, { startMs: nowMs, readyMs: nowMs }, 0);
    }
  }
}

function take(
  { trace, rules, remaining }: Problem,
  node: Node,
  request: CacheRequest,
  times: { readonly startMs: number; readonly readyMs: number },
  advance: number,
): Node {
  const [outcome, state] = cacheStep(node.state, request, times, rules);
  const cost =
    node.cost +
    trace.read * outcome.readTokens +
    trace.write5m * outcome.write5mTokens +
    trace.write1h * outcome.write1hTokens +
    outcome.uncachedTokens;
  const next = node.next + advance;
  return {
    next,
    nowMs: times.startMs,
    state: sweepExpired(state, times.startMs, rules),
    cost,
    estimate: cost + (remaining[next] ?? 0),
    pings: node.pings + 1 - advance,
  };
}

/** The last moments of entries, the moment when the latest can be read, and the moment before the next request. */
function pingTimes({ trace }: Problem, { next, nowMs, state }: Node, untilMs: number): number[] {
  const before = trace.requests[next - 1];
  if (!before) return [];
  const times = new Set([before.startMs + before.readyAfterMs, untilMs - 1]);
  for (const [, list] of state.entries.entries()) {
    for (const { expiresMs } of list) times.add(expiresMs - 1);
  }
  return [...times].filter((timeMs) => timeMs >= nowMs && timeMs < untilMs);
}

/** One for each prefix that was sent before request `next` and each TTL. */
function* pingsOver({ chains }: Problem, next: number): IterableIterator<CacheRequest> {
  const seen = new Set<string>();
  for (const chain of chains.slice(0, next)) {
    for (const [index, id] of chain.prefixIds.entries()) {
      if (seen.has(id)) continue;
      seen.add(id);
      for (const ttl of ['5m', '1h'] satisfies Ttl[]) {
        yield {
          ...chain,
          prefixIds: chain.prefixIds.slice(0, index + 1),
          cumulativeTokens: chain.cumulativeTokens.slice(0, index + 1),
          positions: chain.positions.slice(0, index + 1),
          breakpoints: [{ blockIndex: index, ttl, origin: 'explicit' }],
        };
      }
    }
  }
}

/** A binary heap by estimate. */
class NodeHeap {
  readonly #nodes: Node[] = [];

  push(node: Node): void {
    const nodes = this.#nodes;
    let at = nodes.push(node) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = nodes[parentAt];
      if (!parent || parent.estimate <= node.estimate) break;
      nodes[at] = parent;
      at = parentAt;
    }
    nodes[at] = node;
  }

  pop(): Node | undefined {
    const nodes = this.#nodes;
    const top = nodes[0];
    const moved = nodes.pop();
    if (!top || !moved || nodes.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const leftEstimate = nodes[left]?.estimate ?? Infinity;
      const rightEstimate = nodes[right]?.estimate ?? Infinity;
      const child = rightEstimate < leftEstimate ? right : left;
      const below = nodes[child];
      if (!below || below.estimate >= moved.estimate) break;
      nodes[at] = below;
      at = child;
    }
    nodes[at] = moved;
    return top;
  }
}
