import { defaultCacheRules } from '../../core/index.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import { solveChains } from './chain-costs.ts';
import { buildChains, type Chains } from './chains.ts';
import { solveNodes, type NodeCosts } from './node-costs.ts';
import { PingCharges } from './ping-charges.ts';
import type { BoundPrices, Lifetimes } from './prices.ts';
import { buildSegments, type Segments } from './segments.ts';

/** Input costs of the requests of one model, in units of one uncached input token. */
export interface BoundCosts {
  /** Without caching. */
  readonly none: number;
  /** LB0: below every plan even if each read and ping turned 5m entries into 1h entries for nothing. */
  readonly universal: number;
  /** LB1: every prefix for itself. */
  readonly perNode: number;
  /** LB2: conversations as a whole where that says more; the bound to report. */
  readonly joint: number;
  /** LB2 when no entry may be shorter than the model's minimum: larger where many requests share a short start. */
  readonly jointWithMinimum: number;
}

/** `BoundCosts`, in sum and by the trace's model numbers. */
export interface LowerBounds extends BoundCosts {
  readonly byModel: readonly BoundCosts[];
}

/**
 * What the lower bounds take for granted, and what they leave out so that no plan can be below them; sentences for
 * people, to be shown with the figures.
 */
export const BOUND_ASSUMPTIONS: readonly string[] = [
  'Holds for every policy, clairvoyant ones too, that sends the recorded requests at their recorded times with their blocks as they are, and besides them pings over prefixes that were already sent.',
  'Prices and lifetimes are those of the replay: an entry never outlives its TTL counted from the start of the last request that wrote or read it.',
  'A breakpoint at or below the hit writes nothing, and a 1h marker does not turn a live 5m entry into a 1h entry (the universal bound holds without this).',
  'Left out, so the true optimum is higher: four breakpoints, 20 positions of lookback, TTL order, the wait until an entry can be read, the overhead of pings and their exact timing, early eviction, and the minimum length but for requests that are shorter as a whole.',
  'Output tokens, latency and rate limits have no price. Long prompts are counted at the ordinary price where a model charges more for them.',
];

/** The bounds' lifetimes under the documented rules. */
export const documentedLifetimes: Lifetimes = {
  live5mMs: defaultCacheRules.ttlMs['5m'],
  live1hMs: defaultCacheRules.ttlMs['1h'],
};

/** Shares of `PingCharges` that are tried; the best for each tree counts. */
const PING_SHARES = [0, 0.25, 0.5, 0.75, 1];
/** Each share is another pass; a trace of very many requests gets these only. */
const PING_SHARES_OF_MANY = [0, 1];
const MANY_REQUESTS = 1_000_000;

type MutableCosts = { -readonly [name in keyof BoundCosts]: number };

/**
 * Lower bounds on the input cost of a trace.
 *
 * LB1 adds up the optimum of each prefix (`solveNodes`). LB2 takes, for each chain of prefixes that no other reused
 * prefix branches off from, the larger of that sum and the chain's own joint optimum (`solveChains`): each is a lower
 * bound of what any plan pays for the chain's tokens, so the larger one is too. For each tree of prefixes it takes the
 * best of several ways to share what pings read (`PingCharges`).
 *
 * @param prices by the trace's model numbers
 * @param lifetimes other lifetimes than the documented ones
 * @example lowerBounds(trace, [theoryPrices]).joint / lowerBounds(trace, [theoryPrices]).none
 */
export function lowerBounds(
  trace: Trace,
  prices: readonly BoundPrices[],
  lifetimes: Lifetimes = documentedLifetimes,
): LowerBounds {
  const byModel = costsWithoutCaching(trace);
  const problem = { trace, prices, lifetimes };
  addBounds(problem, buildProblemSegments(problem, false), byModel, 'joint');
  const minimum = Math.max(0, ...minimumsOf(prices));
  if (trace.trie.cumulativeTokens.some((tokens) => tokens < minimum)) {
    addBounds(problem, buildProblemSegments(problem, true), byModel, 'jointWithMinimum');
  } else {
    for (const costs of byModel) costs.jointWithMinimum = costs.joint;
  }
  return { ...sumCosts(byModel), byModel };
}

interface Problem {
  readonly trace: Trace;
  readonly prices: readonly BoundPrices[];
  readonly lifetimes: Lifetimes;
}

function minimumsOf(prices: readonly BoundPrices[]): readonly number[] {
  return prices.map(({ minCacheableTokens }) => minCacheableTokens);
}

function buildProblemSegments({ trace, prices }: Problem, joinsShort: boolean): Segments {
  return buildSegments(trace, minimumsOf(prices), joinsShort);
}

/** Takes off what caching can save at most; `universal` and `perNode` go with `joint`. */
function addBounds(
  { trace, prices, lifetimes }: Problem,
  segments: Segments,
  byModel: readonly MutableCosts[],
  name: 'joint' | 'jointWithMinimum',
): void {
  const chains = buildChains(trace, segments);
  const treeOf = findTrees(segments);
  const best = new Float64Array(segments.count).fill(-Infinity);
  const shares = trace.requests.count > MANY_REQUESTS ? PING_SHARES_OF_MANY : PING_SHARES;
  for (const share of shares) {
    const makeCharges = (): PingCharges =>
      new PingCharges(segments, chains, share, trace.trie.cumulativeTokens);
    const nodes = solveNodes(trace, segments, prices, lifetimes, makeCharges());
    const chainCosts = solveChains(trace, segments, chains, prices, lifetimes, makeCharges());
    if (share === 0 && name === 'joint') addNodeBounds(trace, segments, nodes, byModel);
    const trees = addUpTrees(segments, chains, treeOf, nodes, chainCosts);
    for (let tree = 0; tree < trees.length; tree += 1)
      best[tree] = Math.max(best[tree] ?? 0, trees[tree] ?? 0);
  }
  for (let segment = 0; segment < segments.count; segment += 1) {
    const costs = byModel[modelOf(trace, segments, segment)];
    if (!costs) continue;
    if (treeOf[segment] === segment) costs[name] += best[segment] ?? 0;
    if (segments.visits[segment] !== 1) costs[name] -= uncachedCost(segments, segment);
  }
}

/** The first segment of the tree of each segment. Trees share nothing, so each may have its own share. */
function findTrees({ count, parents }: Segments): Int32Array {
  const treeOf = new Int32Array(count);
  for (let segment = 0; segment < count; segment += 1) {
    const parent = parents[segment] ?? NO_PREFIX;
    treeOf[segment] = parent === NO_PREFIX ? segment : (treeOf[parent] ?? segment);
  }
  return treeOf;
}

function modelOf({ requests }: Trace, segments: Segments, segment: number): number {
  return requests.models[segments.firstRequests[segment] ?? 0] ?? 0;
}

function uncachedCost({ tokens, visits }: Segments, segment: number): number {
  return (tokens[segment] ?? 0) * (visits[segment] ?? 0);
}

function nodeCost({ tokens, lastBlockTokens }: Segments, nodes: NodeCosts, segment: number): number {
  const last = lastBlockTokens[segment] ?? 0;
  return ((tokens[segment] ?? 0) - last) * (nodes.inner[segment] ?? 0) + last * (nodes.last[segment] ?? 0);
}

function addNodeBounds(
  trace: Trace,
  segments: Segments,
  nodes: NodeCosts,
  byModel: readonly MutableCosts[],
): void {
  for (let segment = 0; segment < segments.count; segment += 1) {
    const costs = byModel[modelOf(trace, segments, segment)];
    if (!costs || segments.visits[segment] === 1) continue;
    const uncached = uncachedCost(segments, segment);
    costs.universal += (segments.tokens[segment] ?? 0) * (nodes.inner[segment] ?? 0) - uncached;
    costs.perNode += nodeCost(segments, nodes, segment) - uncached;
  }
}

/** By first segment: of each chain the larger bound. */
function addUpTrees(
  segments: Segments,
  chains: Chains,
  treeOf: Int32Array,
  nodes: NodeCosts,
  chainCosts: Float64Array,
): Float64Array {
  const perNode = new Float64Array(chains.count);
  for (let segment = 0; segment < segments.count; segment += 1) {
    const chain = chains.ofSegments[segment] ?? NO_PREFIX;
    if (chain !== NO_PREFIX) perNode[chain] = (perNode[chain] ?? 0) + nodeCost(segments, nodes, segment);
  }
  const trees = new Float64Array(segments.count);
  for (let chain = 0; chain < chains.count; chain += 1) {
    const tree = treeOf[chains.heads[chain] ?? 0] ?? 0;
    trees[tree] = (trees[tree] ?? 0) + Math.max(perNode[chain] ?? 0, chainCosts[chain] ?? 0);
  }
  return trees;
}

/** All bounds start from the cost without caching; what is reused is then taken off. */
function costsWithoutCaching({ trie, requests, models }: Trace): MutableCosts[] {
  const none = new Float64Array(models.length);
  for (let request = 0; request < requests.count; request += 1) {
    const prefix = requests.prefixIds[request] ?? NO_PREFIX;
    const cacheable = prefix === NO_PREFIX ? 0 : (trie.cumulativeTokens[prefix] ?? 0);
    const model = requests.models[request] ?? 0;
    none[model] = (none[model] ?? 0) + cacheable + (requests.tailTokens[request] ?? 0);
  }
  return Array.from(none, (cost) => ({
    none: cost,
    universal: cost,
    perNode: cost,
    joint: cost,
    jointWithMinimum: cost,
  }));
}

function sumCosts(byModel: readonly BoundCosts[]): BoundCosts {
  const sum: MutableCosts = { none: 0, universal: 0, perNode: 0, joint: 0, jointWithMinimum: 0 };
  for (const costs of byModel) {
    sum.none += costs.none;
    sum.universal += costs.universal;
    sum.perNode += costs.perNode;
    sum.joint += costs.joint;
    sum.jointWithMinimum += costs.jointWithMinimum;
  }
  return sum;
}
