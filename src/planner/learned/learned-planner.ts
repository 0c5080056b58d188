import { BREAKPOINTS_MAX } from '../../core/index.ts';
import {
  deepestReadable,
  findReader,
  isPending,
  isFound,
  reachesMinimum,
  readIndexOf,
  refresh,
  ttlMsOf,
} from './beliefs.ts';
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
  /** Blocks of all runs. @default 5,000,000 */
  readonly blocksMax?: number;
}

const RUNS_MAX = 100_000;
const BLOCKS_MAX = 5_000_000;
/** Share of the runs that is left when they, or their blocks, were too many. */
const KEPT_SHARE = 0.75;
/** A run not used for this long has no entry that could be read, nor a use that is still to be judged. */
const IDLE_MS = 25 * 3_600_000;
/** Requests between two looks for what can go. */
const SWEEP_EVERY = 4096;
/** Uses of a shared prefix as close as this say no more than one: what is used a thousand times a second costs no more. */
const MERGED_MS = 1000;
/** Requests a second whose uses are followed, and how many more in a burst: habits show in a sample as well. */
const FOLLOWED_PER_SECOND = 10;
const FOLLOWED_AT_ONCE = 10_000;
/** Nothing is written. */
const NOTHING: Extent = { hourCount: 0, count: 0 };
/** Entries believed on one run; of more, the shortest prefixes go. */
const ENTRIES_MAX = 64;

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
  readonly #blocksMax: number;
  #untilSweep = SWEEP_EVERY;
  #credit = FOLLOWED_AT_ONCE;
  #creditMs = 0;

  constructor({ runsMax = RUNS_MAX, blocksMax = BLOCKS_MAX }: LearnedLimits = {}) {
    this.#runsMax = runsMax;
    this.#blocksMax = blocksMax;
  }

  /** Runs of blocks remembered. */
  get size(): number {
    return this.#tree.size;
  }

  /** Blocks of all runs remembered. */
  get blockCount(): number {
    return this.#tree.blockCount;
  }

  /** Plans one request and learns that it was made. Requests come in the order of their times. */
  plan(request: PlannedRequest): LearnedPlan {
    const { atMs, keys, length, cumulativeTokens } = request;
    this.#sweep(atMs);
    const path = this.#tree.find(keys, length);
    for (const node of path.nodes) {
      const isMerged = node !== path.nodes.at(-1) && isRepeated(node, atMs);
      if (!isMerged) this.#answer(node, path.knownLength);
    }
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
      turns: last.turns,
    };
    const boundaries = findBoundaries(request, nodes, newest, this.#classes);
    // Before this use is counted: it says nothing yet of when the next one comes.
    const decided = this.#decide(request, nodes, boundaries);
    if (this.#isFollowed(atMs)) for (const boundary of boundaries) this.#open(boundary, atMs);
    last.turns += 1;
    return { ...decided, boundaries, request, nodes };
  }

  /** Is this one of the requests whose uses are followed? All are, unless there are more than are needed. */
  #isFollowed(nowMs: number): boolean {
    const earned = ((nowMs - this.#creditMs) / 1000) * FOLLOWED_PER_SECOND;
    this.#credit = Math.min(FOLLOWED_AT_ONCE, this.#credit + earned);
    this.#creditMs = nowMs;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }

  /** A use of a boundary begins. Where enough is known of a shared one, only some are followed. */
  #open(boundary: Boundary, nowMs: number): void {
    const { node, place } = boundary;
    if (place !== 'tail') {
      const isWanted = node.counts === null || this.#uses.isWanted(node.counts);
      if (node.openUse || !isWanted) return;
    }
    node.openUse = this.#uses.open(nowMs, boundary.classes);
    node.openIndex = boundary.index;
  }

  /** Takes note of what was sent: what it refreshes, and what it writes once the response begins. */
  sent(plan: LearnedPlan, breakpoints: readonly SentBreakpoint[]): PlanTicket {
    const { request, nodes } = plan;
    const written: BelievedEntry[] = [];
    // A client's own breakpoints need not find what ours would.
    const isAsPlanned = breakpoints === plan.breakpoints;
    const hitIndex = isAsPlanned ? plan.hitIndex : readIndexOf(nodes, breakpoints, request);
    for (const node of nodes) refresh(node, hitIndex, request.atMs);
    for (const { index, isHour } of breakpoints) {
      const node = nodes.find((each) => index < endOf(each));
      if (!node || index <= hitIndex || !reachesMinimum(request, index)) continue;
      const entry = {
        index,
        isHour,
        readyMs: Infinity,
        expiresMs: request.atMs + ttlMsOf(isHour),
      };
      const alive = node.entries.filter(({ expiresMs }) => expiresMs > request.atMs);
      node.entries = [...alive.slice(1 - ENTRIES_MAX), entry];
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
    const { size, blockCount } = this.#tree;
    if (size > this.#runsMax || blockCount > this.#blocksMax)
      this.#tree.shrinkTo(Math.floor(Math.min(size, this.#runsMax) * KEPT_SHARE));
    this.#untilSweep -= 1;
    if (this.#untilSweep > 0) return;
    this.#untilSweep = Math.max(SWEEP_EVERY, size >> 3);
    this.#tree.tidy(nowMs);
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
    const hit = deepestReadable(nodes, request, 'any');
    const stretches = stretchesBehind(hit, boundaries, request);
    if (stretches.length === 0) {
      const breakpoints = toBreakpoints(NOTHING, stretches, hit, request);
      return { breakpoints, hitIndex: hit, isInFlight: false };
    }
    const hourHit = deepestReadable(nodes, request, '1h');
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

/** Was the end of the run used a moment ago? The two uses count as one. */
function isRepeated({ openUse, openIndex, start, keys }: PrefixNode, nowMs: number): boolean {
  return openUse !== null && openIndex === start + keys.length - 1 && nowMs - openUse.atMs < MERGED_MS;
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
    const isInFlight = node.entries.some((entry) => entry.index >= index && isPending(entry, request.atMs));
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
  const add = (boundary: Stretch['boundary'] | undefined): void => {
    if (!boundary || chosen.some(({ index }) => index === boundary.index)) return;
    const { index, place, chance } = boundary;
    chosen.push({ index, place, isHour: index <= lastHour, ...chance });
  };
  add(stretches[count - 1]?.boundary);
  add(stretches[hourCount - 1]?.boundary);
  const reader = hit < 0 || isFound(hit, chosen, request) ? -1 : findReader(hit, request);
  if (reader >= 0)
    chosen.push({ index: reader, place: 'read', isHour: reader <= lastHour, within5m: 1, within1h: 1 });
  for (let order = count - 1; order > 0; order -= 1) add(stretches[order - 1]?.boundary);
  return chosen.slice(0, BREAKPOINTS_MAX);
}
