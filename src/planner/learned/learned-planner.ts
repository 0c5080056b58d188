import { deepestReadable, reachesMinimum, readIndexOf, refresh, ttlMsOf } from './beliefs.ts';
import { findBoundaries, type Boundary, type Newest } from './boundaries.ts';
import { OpenUses } from './open-uses.ts';
import { endOf, PrefixTree, type BelievedEntry, type PrefixNode } from './prefix-tree.ts';
import type { PlannedBreakpoint, PlannedRequest } from './request.ts';
import { ReuseClasses } from './reuse-classes.ts';
import { stretchesBehind, toBreakpoints, tokensAtRisk } from './stretches.ts';
import { chooseExtent, savedByHour, type AtRisk, type Extent } from './weigh.ts';

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

/** What a request is believed to have read and written; for `begin`, `cancel` and `billed`. */
export interface PlanTicket {
  readonly written: readonly BelievedEntry[];
  readonly nodes: readonly PrefixNode[];
  readonly request: PlannedRequest;
  /** Last block of what it should read; -1 when nothing. */
  readonly hitIndex: number;
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
/** Requests a second whose uses are followed, and how many more in a burst: habits show in a sample as well. */
const FOLLOWED_PER_SECOND = 10;
const FOLLOWED_AT_ONCE = 10_000;
/** By so much of a prompt estimates and bills may differ. */
const SHARE_TOLERANCE = 0.05;
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
    const isFollowed = this.#isFollowed(atMs);
    const whole = isFollowed ? null : this.#readWhole(request);
    if (whole) return whole;
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
      turns: last.turns,
    };
    const boundaries = findBoundaries(request, nodes, newest, this.#classes);
    // Before this use is counted: it says nothing yet of when the next one comes.
    const decided = this.#decide(request, nodes, boundaries);
    if (isFollowed) for (const boundary of boundaries) this.#open(boundary, atMs);
    last.turns += 1;
    return { ...decided, boundaries, request, nodes };
  }

  /** Is this one of the requests whose uses are followed? All are, unless there are more than are needed. */
  #isFollowed(nowMs: number): boolean {
    // A clock that is set back must not run up a debt.
    const earned = (Math.max(0, nowMs - this.#creditMs) / 1000) * FOLLOWED_PER_SECOND;
    this.#credit = Math.min(FOLLOWED_AT_ONCE, this.#credit + earned);
    this.#creditMs = nowMs;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }

  /**
   * Among more requests than are followed, one that reads all of its prompt is not walked through: there is nothing to
   * decide, and what its beginnings share is kept up to date by those that are.
   */
  #readWhole(request: PlannedRequest): LearnedPlan | null {
    const { atMs, keys, length } = request;
    const node = this.#tree.lastBlock(keys[length - 1] ?? NaN, length - 1);
    const hitIndex = node ? deepestReadable([node], request, 'any') : -1;
    if (!node || hitIndex < length - 1) return null;
    this.#answer(node, length);
    node.lastUseMs = atMs;
    node.turns += 1;
    const breakpoints = toBreakpoints(NOTHING, [], hitIndex, request);
    return { breakpoints, hitIndex, isInFlight: false, boundaries: [], request, nodes: [node] };
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
    return { written, nodes, request, hitIndex };
  }

  /** The response has begun: what was written can be read. */
  begin({ written }: PlanTicket, readyMs: number): void {
    for (const entry of written) entry.readyMs = readyMs;
  }

  /**
   * The bill has come: where much less was read than believed, the entries that were not read are gone, evicted or never
   * written, and must not be counted on.
   *
   * @param readShare tokens read of all input tokens, 0 to 1: shares compare even where token counts are estimates
   */
  billed({ written, nodes, request, hitIndex }: PlanTicket, readShare: number): void {
    const total = request.cumulativeTokens[request.length - 1] ?? 0;
    const shareOf = (index: number): number => (request.cumulativeTokens[index] ?? 0) / Math.max(1, total);
    if (hitIndex < 0 || readShare >= shareOf(hitIndex) - SHARE_TOLERANCE) return;
    for (const node of nodes) {
      node.entries = node.entries.filter(
        (entry) => written.includes(entry) || shareOf(entry.index) <= readShare + SHARE_TOLERANCE,
      );
    }
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
    this.#untilSweep = Math.max(SWEEP_EVERY, size);
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
