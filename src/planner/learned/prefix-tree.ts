import type { BelievedEntries } from './believed-entries.ts';
import type { LifeTables } from './life-tables.ts';
import type { OpenUses } from './open-uses.ts';
import { RunIndex } from './run-index.ts';
import { NONE, type Run, type Runs } from './runs.ts';

/** A request's way along the tree. */
export interface TreePath {
  /** Runs from the start, all but the last matched to their ends. */
  readonly runs: Run[];
  /** Blocks that were known before. */
  readonly knownLength: number;
}

/** What is kept with the runs, and goes with them. */
export interface Kept {
  readonly runs: Runs;
  readonly entries: BelievedEntries;
  readonly uses: OpenUses;
  readonly tables: LifeTables;
}

/** The end of a layer, as a length. */
interface End {
  readonly length: number;
}

/** Prefixes seen, as a radix tree over keys that stand for a whole prefix each. */
export class PrefixTree {
  readonly #kept: Kept;
  readonly #runs: Runs;
  readonly #index: RunIndex;
  #blockCount = 0;
  #changes = 0;

  constructor(kept: Kept) {
    this.#kept = kept;
    this.#runs = kept.runs;
    this.#index = new RunIndex(kept.runs);
  }

  get size(): number {
    return this.#runs.count;
  }

  get blockCount(): number {
    return this.#blockCount;
  }

  get byteLength(): number {
    return this.#index.byteLength;
  }

  /** How often runs were cut or forgotten: a path found before such a change may be none any more. */
  get changes(): number {
    return this.#changes;
  }

  /** The run that consists of one block alone, by its key and index; `NONE` where there is none. */
  lastBlock(key: number, index: number): Run {
    const run = this.#index.find(key);
    const isAlone = run !== NONE && this.#runs.start(run) === index && this.#runs.length(run) === 1;
    return isAlone ? run : NONE;
  }

  /** Follows as much of a path as is known. */
  find(keys: ArrayLike<number>, length: number): TreePath {
    const found: Run[] = [];
    let at = 0;
    while (at < length) {
      const run = this.#index.find(keys[at] ?? 0);
      if (run === NONE || this.#runs.start(run) !== at) break;
      found.push(run);
      const same = this.#runs.sameLength(run, keys, length);
      at += same;
      if (same < this.#runs.length(run)) break;
    }
    return { runs: found, knownLength: at };
  }

  /**
   * Makes the whole path known and gives its runs, in the path's own list; a run ends at each of `layerEnds`, which are
   * ascending.
   */
  insert(
    keys: ArrayLike<number>,
    length: number,
    { runs, knownLength }: TreePath,
    layerEnds: readonly End[],
    nowMs: number,
  ): Run[] {
    const last = runs.at(-1);
    if (last !== undefined && knownLength < this.#runs.endOf(last) && knownLength < length)
      runs[runs.length - 1] = this.#split(last, knownLength);
    let from = knownLength;
    const leaf = runs.at(-1);
    const isOpen = leaf !== undefined && from < length && this.#runs.childCount(leaf) === 0;
    if (isOpen && !layerEnds.some((end) => end.length === from))
      from = this.#append(leaf, keys, from, nextEnd(layerEnds, from, length));
    while (from < length) {
      const to = nextEnd(layerEnds, from, length);
      runs.push(this.#add(runs.at(-1) ?? NONE, keys, from, to));
      from = to;
    }
    for (const run of runs) this.#runs.setLastUse(run, nowMs);
    return runs;
  }

  #append(leaf: Run, keys: ArrayLike<number>, from: number, to: number): number {
    this.#runs.append(leaf, keys, from, to);
    this.#blockCount += to - from;
    return to;
  }

  #add(parent: Run, keys: ArrayLike<number>, from: number, to: number): Run {
    const run = this.#runs.add(parent, from, keys, from, to);
    this.#blockCount += to - from;
    if (parent !== NONE) this.#runs.setChildCount(parent, this.#runs.childCount(parent) + 1);
    this.#index.set(run);
    return run;
  }

  /** Cuts a run in two; the run stays the end of it, and its beginning becomes a run of its own, which is given back. */
  #split(run: Run, at: number): Run {
    const { entries, uses } = this.#kept;
    const runs = this.#runs;
    const keys = runs.keys(run);
    const start = runs.start(run);
    this.#changes += 1;
    this.#index.remove(run);
    const upper = runs.add(runs.parent(run), start, keys, 0, at - start);
    runs.setChildCount(upper, 1);
    runs.setLastUse(upper, runs.lastUseMs(run));
    runs.setParent(run, upper);
    runs.setKeys(run, at, keys.slice(at - start));
    entries.moveBelow(at, run, upper);
    if (runs.use(run) !== NONE && runs.useIndex(run) < at) uses.move(run, upper);
    this.#index.set(upper);
    this.#index.set(run);
    return upper;
  }

  /** Lets go of entries that have expired. */
  tidy(nowMs: number): void {
    for (const run of this.#runs.all()) this.#kept.entries.dropExpired(run, nowMs);
    this.#kept.tables.tidy();
  }

  /** Forgets runs that were not used since a time, from the ends of paths backwards. */
  forgetBefore(timeMs: number): void {
    const runs = this.#runs;
    for (const run of runs.all()) {
      let leaf = run;
      while (leaf !== NONE && runs.childCount(leaf) === 0 && runs.lastUseMs(leaf) < timeMs)
        leaf = this.#remove(leaf);
    }
  }

  /** Forgets what was not used for the longest until at most so many runs are left. */
  shrinkTo(most: number): void {
    if (this.size <= most) return;
    const runs = this.#runs;
    const times = Float64Array.from(runs.all(), (run) => runs.lastUseMs(run)).sort();
    const timeMs = times[times.length - most - 1] ?? Infinity;
    this.forgetBefore(timeMs);
    // Runs used at one and the same time may be more than are to go.
    for (const run of runs.all()) {
      let leaf = run;
      while (
        leaf !== NONE &&
        this.size > most &&
        runs.childCount(leaf) === 0 &&
        runs.lastUseMs(leaf) <= timeMs
      )
        leaf = this.#remove(leaf);
    }
  }

  /** Gives the parent. */
  #remove(leaf: Run): Run {
    const { entries, uses, tables } = this.#kept;
    const runs = this.#runs;
    const parent = runs.parent(leaf);
    this.#changes += 1;
    this.#index.remove(leaf);
    this.#blockCount -= runs.length(leaf);
    entries.dropAll(leaf);
    uses.leaveRun(leaf);
    if (runs.table(leaf) !== NONE) tables.remove(runs.table(leaf));
    runs.remove(leaf);
    if (parent !== NONE) runs.setChildCount(parent, runs.childCount(parent) - 1);
    return parent;
  }

  /** Builds the index and counts the blocks of runs that came from elsewhere. */
  takeOver(): void {
    for (const run of this.#runs.all()) {
      this.#index.set(run);
      this.#blockCount += this.#runs.length(run);
    }
  }
}

function nextEnd(layerEnds: readonly End[], from: number, length: number): number {
  for (const end of layerEnds) if (end.length > from && end.length < length) return end.length;
  return length;
}
