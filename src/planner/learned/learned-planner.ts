import { BelievedEntries, type EntryRef } from './believed-entries.ts';
import { findBoundaries, type Around, type Boundary, type Newest } from './boundaries.ts';
import { LifeTables } from './life-tables.ts';
import { deepestReadable, readIndexOf, reachesMinimum } from './lookback.ts';
import { OpenUses } from './open-uses.ts';
import { PrefixTree, type TreePath } from './prefix-tree.ts';
import type { PlannedBreakpoint, PlannedRequest } from './request.ts';
import { ReuseClasses } from './reuse-classes.ts';
import { NONE, Runs, type Run } from './runs.ts';
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
  /** The request's way along what is known, as long as nothing of that was cut or forgotten since. */
  readonly path: readonly Run[];
  readonly changes: number;
}

/** A breakpoint as it was sent, ours or the client's. */
export interface SentBreakpoint {
  readonly index: number;
  readonly isHour: boolean;
}

/** What a request is believed to have read and written; for `begin`, `cancel` and `billed`. */
export interface PlanTicket {
  readonly written: readonly EntryRef[];
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

/**
 * Learns from the requests themselves which prefixes come again and how soon, and places breakpoints and TTLs at least
 * expected cost. Pure: time comes with the requests. What requests cost under any placement can be seen from when they
 * come alone, so nothing has to be tried out to be learned.
 */
export class LearnedPlanner {
  readonly #runs = new Runs();
  readonly #tables = new LifeTables();
  readonly #entries = new BelievedEntries(this.#runs);
  readonly #uses = new OpenUses(this.#runs, this.#tables);
  readonly #classes = new ReuseClasses(this.#tables);
  readonly #tree = new PrefixTree({
    runs: this.#runs,
    entries: this.#entries,
    uses: this.#uses,
    tables: this.#tables,
  });
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

  /** Bytes of all that is remembered, nearly. */
  get byteLength(): number {
    const parts = [this.#runs, this.#tables, this.#entries, this.#uses, this.#tree];
    return parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  /** Plans one request and learns that it was made. Requests come in the order of their times. */
  plan(request: PlannedRequest): LearnedPlan {
    const { atMs, keys, length } = request;
    this.#sweep(atMs);
    const isFollowed = this.#isFollowed(atMs);
    const whole = isFollowed ? null : this.#readWhole(request);
    if (whole) return whole;
    const known = this.#tree.find(keys, length);
    for (const run of known.runs) this.#answer(run, known.knownLength);
    const path = this.#tree.insert(keys, length, known, request.layers, atMs);
    const { changes } = this.#tree;
    const last = path.at(-1);
    if (last === undefined)
      return { breakpoints: [], hitIndex: -1, isInFlight: false, boundaries: [], request, path, changes };
    const boundaries = findBoundaries(path, this.#around(request, known, last));
    // Before this use is counted: it says nothing yet of when the next one comes.
    const decided = this.#decide(request, path, boundaries);
    if (isFollowed) for (const boundary of boundaries) this.#open(boundary, atMs);
    this.#runs.setTurns(last, this.#runs.turns(last) + 1);
    return { ...decided, boundaries, request, path, changes };
  }

  #around(request: PlannedRequest, { knownLength }: TreePath, last: Run): Around {
    const { cumulativeTokens, length } = request;
    const known = cumulativeTokens[knownLength - 1] ?? 0;
    const newest: Newest = {
      run: last,
      freshTokens: (cumulativeTokens[length - 1] ?? 0) - known,
      // What was seen before is not alone, whatever it looks like.
      tail: request.tail === 'lone' && knownLength > 0 ? 'plain' : request.tail,
      turns: this.#runs.turns(last),
    };
    return { request, newest, classes: this.#classes, tables: this.#tables, runs: this.#runs };
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
    const run = this.#tree.lastBlock(keys[length - 1] ?? NaN, length - 1);
    const hitIndex = run === NONE ? -1 : this.#entries.deepestReadable(run, length, atMs, 'any');
    if (hitIndex < length - 1) return null;
    this.#answer(run, length);
    this.#runs.setLastUse(run, atMs);
    this.#runs.setTurns(run, this.#runs.turns(run) + 1);
    const breakpoints = toBreakpoints(NOTHING, [], hitIndex, request);
    const { changes } = this.#tree;
    return { breakpoints, hitIndex, isInFlight: false, boundaries: [], request, path: [run], changes };
  }

  /** A use of a boundary begins. Where enough is known of a shared one, only some are followed. */
  #open({ run, place, index, classes }: Boundary, nowMs: number): void {
    if (place !== 'tail') {
      const table = this.#runs.table(run);
      const isWanted = table === NONE || this.#uses.isWanted(table);
      if (this.#runs.use(run) !== NONE || !isWanted) return;
    }
    this.#uses.open(run, index, nowMs, classes);
  }

  /** Takes note of what was sent: what it refreshes, and what it writes once the response begins. */
  sent(plan: LearnedPlan, breakpoints: readonly SentBreakpoint[]): PlanTicket {
    const { request } = plan;
    const { atMs } = request;
    const path = plan.changes === this.#tree.changes ? plan.path : this.#pathOf(request);
    const written: EntryRef[] = [];
    // A client's own breakpoints need not find what ours would.
    const isAsPlanned = breakpoints === plan.breakpoints;
    const hitIndex = isAsPlanned ? plan.hitIndex : readIndexOf(path, breakpoints, request, this.#entries);
    if (hitIndex >= 0) for (const run of path) this.#entries.refresh(run, hitIndex, atMs);
    for (const { index, isHour } of breakpoints) {
      const run = path.find((each) => index < this.#runs.endOf(each));
      if (run === undefined || index <= hitIndex || !reachesMinimum(request, index)) continue;
      written.push(this.#entries.add(run, index, isHour, atMs));
    }
    return { written, request, hitIndex };
  }

  #pathOf({ keys, length }: PlannedRequest): readonly Run[] {
    return this.#tree.find(keys, length).runs;
  }

  /** The response has begun: what was written can be read. */
  begin({ written }: PlanTicket, readyMs: number): void {
    for (const entry of written) this.#entries.setReady(entry, readyMs);
  }

  /**
   * The bill has come: where much less was read than believed, the entries that were not read are gone, evicted or never
   * written, and must not be counted on.
   *
   * @param readShare tokens read of all input tokens, 0 to 1: shares compare even where token counts are estimates
   */
  billed({ written, request, hitIndex }: PlanTicket, readShare: number): void {
    const total = request.cumulativeTokens[request.length - 1] ?? 0;
    const shareOf = (index: number): number => (request.cumulativeTokens[index] ?? 0) / Math.max(1, total);
    if (hitIndex < 0 || readShare >= shareOf(hitIndex) - SHARE_TOLERANCE) return;
    let readIndex = -1;
    while (readIndex < hitIndex && shareOf(readIndex + 1) <= readShare + SHARE_TOLERANCE) readIndex += 1;
    for (const run of this.#pathOf(request)) this.#entries.dropBehind(run, readIndex, written);
  }

  /** The request failed before its response began: nothing was written. */
  cancel({ written }: PlanTicket): void {
    for (const entry of written) this.#entries.cancel(entry);
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

  #answer(run: Run, knownLength: number): void {
    if (this.#runs.use(run) !== NONE && this.#runs.useIndex(run) < knownLength) this.#uses.answer(run);
  }

  #decide(
    request: PlannedRequest,
    path: readonly Run[],
    boundaries: readonly Boundary[],
  ): Pick<LearnedPlan, 'breakpoints' | 'hitIndex' | 'isInFlight'> {
    const hit = deepestReadable(path, request, this.#entries, 'any');
    const stretches = stretchesBehind(hit, boundaries, request, this.#entries);
    if (stretches.length === 0) {
      const breakpoints = toBreakpoints(NOTHING, stretches, hit, request);
      return { breakpoints, hitIndex: hit, isInFlight: false };
    }
    const hourHit = deepestReadable(path, request, this.#entries, '1h');
    const tail = boundaries.at(-1);
    const conversation = path.at(-1) ?? NONE;
    const debt = this.#runs.debt(conversation);
    const atRisk: AtRisk = { tokens: tokensAtRisk(request, boundaries, hit, hourHit), debt };
    const extent = chooseExtent(stretches, atRisk, request.prices);
    if (tail) {
      const written = stretches.slice(0, extent.count).reduce((sum, { tokens }) => sum + tokens, 0);
      const missed = savedByHour(tail, request.prices) * (atRisk.tokens + written);
      this.#runs.setDebt(conversation, extent.hourCount > 0 ? 0 : debt + missed);
    }
    const isInFlight = stretches.some((stretch) => stretch.isInFlight);
    return { breakpoints: toBreakpoints(extent, stretches, hit, request), hitIndex: hit, isInFlight };
  }
}
