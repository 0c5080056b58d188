import { ttlMsOf } from './believed-entries.ts';
import { aroundOf, findBoundaries, type Boundary } from './boundaries.ts';
import { decide } from './decide.ts';
import { Following } from './following.ts';
import { adviseKeeping, placeToKeep, type KeepAdvice, type KeepQuestion, type KeptPlace } from './keeping.ts';
import type {
  LearnedOptions,
  LearnedPlan,
  PlanTicket,
  SentBreakpoint,
  WrittenEntry,
} from './learned-plan.ts';
import { isOf5m, readIndexOf, reachesMinimum, testsLayers } from './lookback.ts';
import { bytesOf, createMemory, type Memory } from './memory.ts';
import { Neighbours } from './neighbours.ts';
import { readNews } from './news.ts';
import type { PlannedRequest } from './request.ts';
import { NONE, type Run } from './runs.ts';
import { beginSnapshot, restoreMemory, type SnapshotCopy } from './snapshot.ts';
import { toBreakpoints } from './stretches.ts';
import { NOTHING } from './weigh.ts';

const RUNS_MAX = 100_000;
const BLOCKS_MAX = 5_000_000;
/** Share of the runs that is left when they, or their blocks, were too many. */
const KEPT_SHARE = 0.75;
/** A run not used for this long has no entry that could be read, nor a use that is still to be judged. */
const IDLE_MS = 25 * 3_600_000;
/** Requests between two looks for what can go. */
const SWEEP_EVERY = 4096;
/** By so much of a prompt estimates and bills may differ. */
const SHARE_TOLERANCE = 0.05;

/**
 * Learns from the requests themselves which prefixes come again and how soon, and places breakpoints and TTLs at least
 * expected cost. Pure: time comes with the requests. What requests cost under any placement can be seen from when they
 * come alone, so nothing has to be tried out to be learned.
 */
export class LearnedPlanner {
  #memory: Memory;
  readonly #runsMax: number;
  readonly #blocksMax: number;
  readonly #keepsAlive: boolean;
  #revision = 0;
  #untilSweep = SWEEP_EVERY;
  readonly #following = new Following();
  #neighbours: Neighbours | null = null;

  constructor({
    runsMax = RUNS_MAX,
    blocksMax = BLOCKS_MAX,
    entriesAre,
    keepsAlive = false,
  }: LearnedOptions = {}) {
    this.#keepsAlive = keepsAlive;
    this.#memory = createMemory(entriesAre);
    this.#runsMax = runsMax;
    this.#blocksMax = blocksMax;
  }

  /** Runs of blocks remembered. */
  get size(): number {
    return this.#memory.tree.size;
  }

  /** Blocks of all runs remembered. */
  get blockCount(): number {
    return this.#memory.tree.blockCount;
  }

  /** Bytes of all that is remembered, nearly. */
  get byteLength(): number {
    return bytesOf(this.#memory);
  }

  /** Goes up with all that is learned: where it has not moved, there is nothing new to save. */
  get revision(): number {
    return this.#revision;
  }

  /** All that was learned, as bytes for `restore`: a copy, in the byte order of this machine. Holds no text of prompts. */
  snapshot(): Uint8Array<ArrayBuffer> {
    return beginSnapshot(this.#memory, Infinity).finish();
  }

  /**
   * The same in slices, for a process that answers requests meanwhile: `copySlice` copies about a megabyte and says
   * whether that was all. What is learned meanwhile is no part of it.
   */
  beginSnapshot(): SnapshotCopy {
    return beginSnapshot(this.#memory);
  }

  /**
   * Goes on from what a snapshot holds, in the place of what was learned so far.
   *
   * @throws PlannerStateError where the bytes are something else or of another version; then nothing has changed
   */
  restore(bytes: Uint8Array): void {
    this.#memory = restoreMemory(bytes);
    this.#revision += 1;
    this.#neighbours?.listen(this.#memory);
  }

  /** From now on keeps what others of a fleet should know, for `drainChanges`. */
  noteChanges(): void {
    this.#neighbours ??= new Neighbours();
    this.#neighbours.listen(this.#memory);
  }

  /** What others should know and were not told yet, in at most about so many bytes; null when there is nothing. */
  drainChanges(nowMs: number, maxBytes: number): Uint8Array | null {
    return this.#neighbours?.tell(nowMs, maxBytes) ?? null;
  }

  /**
   * Takes over what another planner drained.
   *
   * @param drainedMs when that was, by the clock of this machine
   * @throws PlannerStateError where it is something else or of another version; then nothing has changed
   */
  mergeChanges(bytes: Uint8Array, drainedMs: number): void {
    const news = readNews(bytes, drainedMs);
    this.noteChanges();
    this.#neighbours?.merge(this.#memory, news);
    this.#revision += 1;
  }

  /** Plans one request and learns that it was made. Requests come in the order of their times. */
  plan(request: PlannedRequest): LearnedPlan {
    const { atMs, keys, length } = request;
    this.#revision += 1;
    this.#sweep(atMs);
    const isFollowed = this.#following.isFollowed(atMs);
    const whole = isFollowed ? null : this.#readWhole(request);
    if (whole) return whole;
    const { tree, runs } = this.#memory;
    const known = tree.find(keys, length);
    for (const run of known.runs) this.#answer(run, known.knownLength);
    const path = tree.insert(keys, length, known, request.layers, atMs);
    const seenLength = Math.max(known.knownLength, this.#adopt(path, request));
    const place = { request, path, tree, changes: tree.changes };
    const last = path.at(-1);
    if (last === undefined)
      return { breakpoints: [], hitIndex: -1, isInFlight: false, boundaries: [], ...place };
    const boundaries = findBoundaries(path, aroundOf(this.#memory, request, seenLength, last));
    // Before this use is counted: it says nothing yet of when the next one comes.
    const decided = decide(this.#memory, request, path, boundaries, this.#keepsAlive);
    if (isFollowed) for (const boundary of boundaries) this.#open(boundary, atMs);
    runs.setTurns(last, runs.turns(last) + 1);
    return { ...decided, boundaries, ...place };
  }

  /** Takes over what others of the fleet have on the path; gives the length of what they have seen of it. */
  #adopt(path: readonly Run[], request: PlannedRequest): number {
    return this.#neighbours?.adopt(this.#memory, path, request) ?? 0;
  }

  /**
   * Among more requests than are followed, one that reads all of its prompt is not walked through: there is nothing to
   * decide, and what its beginnings share is kept up to date by those that are.
   */
  #readWhole(request: PlannedRequest): LearnedPlan | null {
    const { tree, runs, entries } = this.#memory;
    const { atMs, keys, length } = request;
    const run = tree.lastBlock(keys[length - 1] ?? NaN, length - 1);
    const hitIndex = run === NONE ? -1 : entries.deepestReadable(run, length, atMs, 'any');
    if (hitIndex < length - 1) return null;
    this.#answer(run, length);
    runs.setLastUse(run, atMs);
    runs.setTurns(run, runs.turns(run) + 1);
    const breakpoints = toBreakpoints(NOTHING, [], hitIndex, request);
    const place = { request, path: [run], tree, changes: tree.changes };
    return { breakpoints, hitIndex, isInFlight: false, boundaries: [], ...place };
  }

  /** A use of a boundary begins. Where enough is known of a shared one, only some are followed. */
  #open({ run, place, index, classes }: Boundary, nowMs: number): void {
    const { runs, uses } = this.#memory;
    if (place !== 'tail') {
      const table = runs.table(run);
      const isWanted = table === NONE || uses.isWanted(table);
      if (runs.use(run) !== NONE || !isWanted) return;
    }
    uses.open(run, index, nowMs, classes, place !== 'tail');
    this.#neighbours?.noteOpen(this.#memory, run, index, nowMs);
  }

  /** Takes note of what was sent: what it refreshes, and what it writes once the response begins. */
  sent(plan: LearnedPlan, breakpoints: readonly SentBreakpoint[]): PlanTicket {
    const { entries, tree } = this.#memory;
    const { request } = plan;
    const { atMs } = request;
    const isStill = plan.tree === tree && plan.changes === tree.changes;
    const path = isStill ? plan.path : tree.find(request.keys, request.length).runs;
    // A client's own breakpoints need not find what ours would.
    const isAsPlanned = breakpoints === plan.breakpoints;
    const hitIndex = isAsPlanned ? plan.hitIndex : readIndexOf(path, breakpoints, request, entries);
    const testsLayering = entries.restsOnAny && testsLayers(this.#memory, path, request, hitIndex);
    if (this.#neighbours && hitIndex >= 0)
      this.#tell({ index: hitIndex, isHour: !isOf5m(path, request, entries, hitIndex) }, request, atMs);
    if (hitIndex >= 0) for (const run of path) entries.refresh(run, hitIndex, atMs);
    const reached = breakpoints.filter(({ index }) => index > hitIndex && reachesMinimum(request, index));
    const isAbove5m = reached.some(({ isHour }) => isHour) && isOf5m(path, request, entries, hitIndex);
    const written = reached.flatMap((breakpoint) => this.#write(breakpoint, path, atMs, isAbove5m));
    return { written, entries, request, hitIndex, testsLayering };
  }

  /** @param isAbove5m whether the hit below is of five minutes */
  #write(
    { index, isHour }: SentBreakpoint,
    path: readonly Run[],
    atMs: number,
    isAbove5m: boolean,
  ): readonly WrittenEntry[] {
    const { entries, runs, layering } = this.#memory;
    const run = path.find((each) => index < runs.endOf(each));
    // Of what was forgotten meanwhile nothing is noted.
    if (run === undefined) return [];
    // Where entries are layered it ends with those that it stands on.
    const livesAnHour = isHour && !(isAbove5m && layering.isLayered);
    const ref = entries.add(run, index, livesAnHour, atMs, livesAnHour && isAbove5m);
    return [{ index, isHour: livesAnHour, ref }];
  }

  #tell({ index, isHour }: SentBreakpoint, { keys, atMs }: PlannedRequest, readyMs: number): void {
    this.#neighbours?.noteEntry(keys[index] ?? NaN, isHour, readyMs, atMs + ttlMsOf(isHour));
  }

  /** The response has begun: what was written can be read. */
  begin({ written, entries, request }: PlanTicket, readyMs: number): void {
    for (const entry of written) {
      entries.setReady(entry.ref, readyMs);
      this.#tell(entry, request, readyMs);
    }
  }

  /**
   * The bill has come: where much less was read than believed, the entries that were not read are gone, evicted or never
   * written, and must not be counted on.
   *
   * @param readShare tokens read of all input tokens, 0 to 1: shares compare even where token counts are estimates
   */
  billed({ written, request, hitIndex, testsLayering }: PlanTicket, readShare: number): void {
    const total = request.cumulativeTokens[request.length - 1] ?? 0;
    const shareOf = (index: number): number => (request.cumulativeTokens[index] ?? 0) / Math.max(1, total);
    const isRead = readShare >= shareOf(hitIndex) - SHARE_TOLERANCE;
    if (testsLayering) this.#memory.layering.vote(isRead);
    if (hitIndex < 0 || isRead) return;
    let readIndex = -1;
    while (readIndex < hitIndex && shareOf(readIndex + 1) <= readShare + SHARE_TOLERANCE) readIndex += 1;
    const refs = written.map(({ ref }) => ref);
    const { tree, entries } = this.#memory;
    const { runs } = tree.find(request.keys, request.length);
    for (const run of runs) entries.dropBehind(run, readIndex, refs);
  }

  /** The longest shared prefix of a request that pings could keep alive; null where nothing is shared. */
  placeToKeep({ request, boundaries }: LearnedPlan): KeptPlace | null {
    return placeToKeep(this.#memory, request, boundaries);
  }

  /** Whether a ping for a prefix pays now; null when the prefix is forgotten. */
  adviseKeeping(place: KeptPlace, question: KeepQuestion): KeepAdvice | null {
    return adviseKeeping(this.#memory, place, question);
  }

  /** A ping has read a prefix: its entries, and those of what it begins with, live on from its start. */
  pinged({ run, index }: KeptPlace, nowMs: number): void {
    const { runs, entries } = this.#memory;
    for (let each = run; each !== NONE && runs.isThere(each); each = runs.parent(each))
      entries.refresh(each, index, nowMs);
  }

  /** The request failed before its response began: nothing was written. */
  cancel({ written, entries }: PlanTicket): void {
    for (const { ref } of written) entries.cancel(ref);
  }

  #sweep(nowMs: number): void {
    const { uses, tree } = this.#memory;
    uses.expire(nowMs);
    const { size, blockCount } = tree;
    if (size > this.#runsMax || blockCount > this.#blocksMax)
      tree.shrinkTo(Math.floor(Math.min(size, this.#runsMax) * KEPT_SHARE));
    this.#untilSweep -= 1;
    if (this.#untilSweep > 0) return;
    this.#untilSweep = Math.max(SWEEP_EVERY, size);
    tree.tidy(nowMs);
    tree.forgetBefore(nowMs - IDLE_MS);
  }

  #answer(run: Run, knownLength: number): void {
    const { runs, uses } = this.#memory;
    if (runs.use(run) !== NONE && runs.useIndex(run) < knownLength) uses.answer(run);
  }
}
