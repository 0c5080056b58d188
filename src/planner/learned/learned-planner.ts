import { BREAKPOINTS_MAX, defaultCacheRules } from '../../core/index.ts';
import { findBoundaries, type Boundary, type Newest } from './boundaries.ts';
import { OpenUses } from './open-uses.ts';
import { endOf, PrefixTree, type BelievedEntry, type PrefixNode } from './prefix-tree.ts';
import type { PlannedBreakpoint, PlannedRequest } from './request.ts';
import { ReuseClasses } from './reuse-classes.ts';
import { chooseExtent, savedByHour, type AtRisk, type Extent, type Stretch } from './weigh.ts';

/** What to do with one request, and what it was decided from. */
export interface LearnedPlan {
  /** In the order of what they are worth; at most four. */
  readonly breakpoints: readonly PlannedBreakpoint[];
  /** Last block of the longest prefix that can be read; -1 without one. */
  readonly hitIndex: number;
  /** Another request is writing some of what could be written: to write it too would buy nothing. */
  readonly isInFlight: boolean;
  readonly boundaries: readonly Boundary[];
  readonly request: PlannedRequest;
  readonly nodes: readonly PrefixNode[];
}

/** A breakpoint as it was sent, ours or the client's. */
export interface SentBreakpoint {
  readonly index: number;
  readonly isHour: boolean;
}

/** What a request is believed to have written; for `begin` and `cancel`. */
export interface PlanTicket {
  readonly written: readonly BelievedEntry[];
  readonly nodes: readonly PrefixNode[];
}

/** Limits of what is remembered. */
export interface LearnedLimits {
  /** Runs of blocks. @default 100,000 */
  readonly runsMax?: number;
}

const RUNS_MAX = 100_000;
/** Share of the runs that is left when they were too many. */
const KEPT_SHARE = 0.75;
/** A run not used for this long has no entry that could be read, nor a use that is still to be judged. */
const IDLE_MS = 25 * 3_600_000;
/** Requests between two looks for idle runs. */
const SWEEP_EVERY = 4096;
/** Entries believed on one run; of more, the shortest prefixes go. */
const ENTRIES_MAX = 64;

const { ttlMs } = defaultCacheRules;

/**
 * Learns from the requests themselves which prefixes come again and how soon, and places breakpoints and TTLs at least
 * expected cost. Pure: time comes with the requests. What requests cost under any placement can be seen from when they
 * come alone, so nothing has to be tried out to be learned.
 */
export class LearnedPlanner {
  readonly #tree = new PrefixTree();
  readonly #uses = new OpenUses();
  readonly #classes = new ReuseClasses();
  readonly #runsMax: number;
  #untilSweep = SWEEP_EVERY;

  constructor({ runsMax = RUNS_MAX }: LearnedLimits = {}) {
    this.#runsMax = runsMax;
  }

  /** Runs of blocks remembered. */
  get size(): number {
    return this.#tree.size;
  }

  /** Plans one request and learns that it was made. Requests come in the order of their times. */
  plan(request: PlannedRequest): LearnedPlan {
    const { atMs, keys, length, cumulativeTokens } = request;
    this.#sweep(atMs);
    const path = this.#tree.find(keys, length);
    for (const node of path.nodes) this.#answer(node, path.knownLength);
    const layerEnds = request.layers.map((layer) => layer.length);
    const nodes = this.#tree.insert(keys, length, path, layerEnds, atMs);
    const last = nodes.at(-1) ?? null;
    if (!last) return { breakpoints: [], hitIndex: -1, isInFlight: false, boundaries: [], request, nodes };
    const known = cumulativeTokens[path.knownLength - 1] ?? 0;
    const newest: Newest = {
      node: last,
      freshTokens: (cumulativeTokens[length - 1] ?? 0) - known,
      // What was seen before is not alone, whatever it looks like.
      tail: request.tail === 'lone' && path.knownLength > 0 ? 'plain' : request.tail,
    };
    const boundaries = findBoundaries(request, nodes, newest, this.#classes);
    for (const { node, index, classes } of boundaries) {
      node.openUse = this.#uses.open(atMs, classes);
      node.openIndex = index;
    }
    last.turns += 1;
    return { ...this.#decide(request, nodes, boundaries), boundaries, request, nodes };
  }

  /** Takes note of what was sent: what it refreshes, and what it writes once the response begins. */
  sent(plan: LearnedPlan, breakpoints: readonly SentBreakpoint[]): PlanTicket {
    const { request, nodes, hitIndex } = plan;
    const written: BelievedEntry[] = [];
    for (const node of nodes) refresh(node, hitIndex, request.atMs);
    for (const { index, isHour } of breakpoints) {
      const node = nodes.find((each) => index < endOf(each));
      if (!node || index <= hitIndex || !reachesMinimum(request, index)) continue;
      const entry = {
        index,
        isHour,
        readyMs: Infinity,
        expiresMs: request.atMs + ttlMs[isHour ? '1h' : '5m'],
      };
      node.entries.push(entry);
      if (node.entries.length > ENTRIES_MAX) node.entries.shift();
      written.push(entry);
    }
    return { written, nodes };
  }

  /** The response has begun: what was written can be read. */
  begin({ written }: PlanTicket, readyMs: number): void {
    for (const entry of written) entry.readyMs = readyMs;
  }

  /** The request failed before its response began: nothing was written. */
  cancel({ written }: PlanTicket): void {
    for (const entry of written) entry.expiresMs = -Infinity;
  }

  #sweep(nowMs: number): void {
    this.#uses.expire(nowMs);
    if (this.#tree.size > this.#runsMax) this.#tree.shrinkTo(Math.floor(this.#runsMax * KEPT_SHARE));
    this.#untilSweep -= 1;
    if (this.#untilSweep > 0) return;
    this.#untilSweep = SWEEP_EVERY;
    this.#tree.forgetBefore(nowMs - IDLE_MS);
  }

  #answer(node: PrefixNode, knownLength: number): void {
    if (!node.openUse || node.openIndex >= knownLength) return;
    this.#uses.answer(node.openUse);
    node.openUse = null;
  }

  #decide(
    request: PlannedRequest,
    nodes: readonly PrefixNode[],
    boundaries: readonly Boundary[],
  ): Pick<LearnedPlan, 'breakpoints' | 'hitIndex' | 'isInFlight'> {
    const { hit, hourHit } = deepestReadable(nodes, request);
    const stretches = stretchesBehind(hit, boundaries, request);
    const tail = boundaries.at(-1);
    const conversation = nodes.at(-1);
    const atRisk: AtRisk = {
      tokens: tokensAtRisk(request, boundaries, hit, hourHit),
      debt: conversation?.debt ?? 0,
    };
    const extent = chooseExtent(stretches, atRisk, request.prices);
    if (conversation && tail) {
      const written = stretches.slice(0, extent.count).reduce((sum, { tokens }) => sum + tokens, 0);
      const missed = savedByHour(tail, request.prices) * (atRisk.tokens + written);
      conversation.debt = extent.hourCount > 0 ? 0 : conversation.debt + missed;
    }
    const isInFlight = stretches.some((stretch) => stretch.isInFlight);
    return { breakpoints: toBreakpoints(extent, stretches, hit, request), hitIndex: hit, isInFlight };
  }
}

function reachesMinimum({ cumulativeHighTokens, prices }: PlannedRequest, index: number): boolean {
  return (cumulativeHighTokens[index] ?? 0) >= prices.minCacheableTokens;
}

/** The longest readable prefix on a path, and the longest with an hour's entry. */
function deepestReadable(
  nodes: readonly PrefixNode[],
  { length, atMs }: PlannedRequest,
): { readonly hit: number; readonly hourHit: number } {
  let hit = -1;
  let hourHit = -1;
  for (const node of nodes) {
    if (node.entries.length > 0) node.entries = node.entries.filter(({ expiresMs }) => expiresMs > atMs);
    for (const { index, readyMs, isHour } of node.entries) {
      if (index >= length || readyMs > atMs) continue;
      hit = Math.max(hit, index);
      if (isHour) hourHit = Math.max(hourHit, index);
    }
  }
  return { hit, hourHit };
}

function refresh(node: PrefixNode, hit: number, nowMs: number): void {
  for (const entry of node.entries) {
    if (entry.index <= hit && entry.readyMs <= nowMs)
      entry.expiresMs = Math.max(entry.expiresMs, nowMs + ttlMs[entry.isHour ? '1h' : '5m']);
  }
}

/** What lies behind the hit, boundary by boundary; one below the minimum is part of the next. */
function stretchesBehind(
  hit: number,
  boundaries: readonly Boundary[],
  request: PlannedRequest,
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let from = request.cumulativeTokens[hit] ?? 0;
  for (const boundary of boundaries) {
    const { index, tokens, node } = boundary;
    if (index <= hit || !reachesMinimum(request, index)) continue;
    const isInFlight = node.entries.some((entry) => entry.readyMs > request.atMs && entry.index >= index);
    stretches.push({ boundary, tokens: tokens - from, isInFlight });
    from = tokens;
  }
  return stretches;
}

/** Tokens of the hit above the last hour's entry, each stretch weighed by how likely no other request keeps it alive. */
function tokensAtRisk(
  request: PlannedRequest,
  boundaries: readonly Boundary[],
  hit: number,
  hourHit: number,
): number {
  let atRisk = 0;
  let from = hourHit;
  for (const { index, place, chance } of boundaries) {
    const end = Math.min(index, hit);
    if (end <= from) continue;
    const isKept = place !== 'tail' && index <= hit ? chance.within5m : 0;
    atRisk += tokensBetween(request, from, end) * (1 - isKept);
    from = end;
  }
  return atRisk;
}

function tokensBetween({ cumulativeTokens }: PlannedRequest, from: number, to: number): number {
  return (cumulativeTokens[to] ?? 0) - (from < 0 ? 0 : (cumulativeTokens[from] ?? 0));
}

/** The ends of what is written, what is needed to find what is read, and for nothing more the shared places between. */
function toBreakpoints(
  { hourCount, count }: Extent,
  stretches: readonly Stretch[],
  hit: number,
  request: PlannedRequest,
): readonly PlannedBreakpoint[] {
  const chosen: PlannedBreakpoint[] = [];
  const lastHour = stretches[hourCount - 1]?.boundary.index ?? -1;
  const add = (boundary: Boundary | undefined): void => {
    if (!boundary || chosen.some(({ index }) => index === boundary.index)) return;
    const { index, place, chance } = boundary;
    chosen.push({ index, place, isHour: index <= lastHour, ...chance });
  };
  add(stretches[count - 1]?.boundary);
  add(stretches[hourCount - 1]?.boundary);
  if (hit >= 0 && !isFound(hit, chosen, request))
    chosen.push({ index: hit, place: 'read', isHour: hit <= lastHour, within5m: 1, within1h: 1 });
  for (let order = count - 1; order > 0; order -= 1) add(stretches[order - 1]?.boundary);
  return chosen.slice(0, BREAKPOINTS_MAX);
}

/** Does one of the breakpoints find the hit when it looks back? */
function isFound(hit: number, chosen: readonly PlannedBreakpoint[], request: PlannedRequest): boolean {
  const at = request.positions[hit] ?? 0;
  return chosen.some(({ index }) => (request.positions[index] ?? 0) - at < request.lookbackPositions);
}
