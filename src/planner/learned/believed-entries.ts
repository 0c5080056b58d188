import { defaultCacheRules } from '../../core/index.ts';
import { Rows } from './rows.ts';
import { NONE, type Run, type Runs } from './runs.ts';

const INDEX = 0;
const HOUR = 1;
const READY = 2;
const EXPIRES = 3;
const NEXT = 4;
const STAMP = 5;
/** Until when what an entry rests on lives for sure, if entries are layered. */
const RESTS = 6;
const WIDTH = 7;

/** Entries believed on one run; of more, those written first go. */
const ENTRIES_MAX = 64;

/** An entry as it was when it was written: its row may be another's by now. */
export interface EntryRef {
  readonly row: number;
  readonly stamp: number;
}

export function ttlMsOf(isHour: boolean): number {
  return defaultCacheRules.ttlMs[isHour ? '1h' : '5m'];
}

/** Entries that the cache is believed to hold, each with the run that its last block is in; the newest first. */
export class BelievedEntries {
  readonly #rows = new Rows(WIDTH);
  readonly #runs: Runs;
  #stamp = 0;

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  get count(): number {
    return this.#rows.count;
  }

  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /** One more than the highest number of an entry. */
  get end(): number {
    return this.#rows.end;
  }

  /**
   * An entry that lives from now on, and can be read once `setReady` says so.
   *
   * @param isAbove5m an hour's entry above one of five minutes
   */
  add(run: Run, index: number, isHour: boolean, nowMs: number, isAbove5m = false): EntryRef {
    this.dropExpired(run, nowMs);
    const ref = this.#push(run, index, isHour, Infinity, nowMs + ttlMsOf(isHour));
    if (isAbove5m) this.#rows.set(ref.row, RESTS, nowMs + ttlMsOf(false));
    return ref;
  }

  /** Until when what a readable entry rests on lives for sure; Infinity where it rests on nothing of five minutes. */
  restsUntilMs(run: Run, index: number, nowMs: number): number {
    const rows = this.#rows;
    let untilMs = -Infinity;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = rows.get(entry, NEXT)) {
      const isIt = rows.get(entry, INDEX) === index && this.#isReadable(entry, nowMs);
      if (isIt) untilMs = Math.max(untilMs, rows.get(entry, RESTS));
    }
    return untilMs;
  }

  /** An entry that somebody else has written, or renewed. */
  adopt(run: Run, index: number, isHour: boolean, readyMs: number, expiresMs: number): void {
    const rows = this.#rows;
    const hour = isHour ? 1 : 0;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = rows.get(entry, NEXT)) {
      if (rows.get(entry, INDEX) !== index || rows.get(entry, HOUR) !== hour) continue;
      if (!this.#isReadable(entry, readyMs)) continue;
      rows.set(entry, EXPIRES, Math.max(expiresMs, rows.get(entry, EXPIRES)));
      return;
    }
    this.#push(run, index, isHour, readyMs, expiresMs);
  }

  #push(run: Run, index: number, isHour: boolean, readyMs: number, expiresMs: number): EntryRef {
    this.#keepOnly(run, ENTRIES_MAX - 1, () => true);
    const rows = this.#rows;
    const row = rows.add();
    this.#stamp += 1;
    rows.set(row, INDEX, index);
    rows.set(row, HOUR, isHour ? 1 : 0);
    rows.set(row, READY, readyMs);
    rows.set(row, EXPIRES, expiresMs);
    rows.set(row, NEXT, this.#runs.entry(run));
    rows.set(row, STAMP, this.#stamp);
    rows.set(row, RESTS, Infinity);
    this.#runs.setEntry(run, row);
    return { row, stamp: this.#stamp };
  }

  /** The response has begun: what was written can be read (spec 4.4). */
  setReady({ row, stamp }: EntryRef, readyMs: number): void {
    if (this.#rows.get(row, STAMP) === stamp) this.#rows.set(row, READY, readyMs);
  }

  /** It was never written. */
  cancel({ row, stamp }: EntryRef): void {
    if (this.#rows.get(row, STAMP) === stamp) this.#rows.set(row, EXPIRES, -Infinity);
  }

  /** The last block below `length` on which an entry of a run can be read, of all or of those of an hour; -1 without one. */
  deepestReadable(run: Run, length: number, nowMs: number, ttl: 'any' | '1h'): number {
    let deepest = -1;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.get(entry, NEXT)) {
      const index = this.#rows.get(entry, INDEX);
      if (index <= deepest || index >= length || !this.#isReadable(entry, nowMs)) continue;
      if (ttl === 'any' || this.#rows.get(entry, HOUR) === 1) deepest = index;
    }
    return deepest;
  }

  /** Block indices of a run's entries that can be read, the newest first. */
  readableIndices(run: Run, nowMs: number): number[] {
    const indices: number[] = [];
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.get(entry, NEXT))
      if (this.#isReadable(entry, nowMs)) indices.push(this.#rows.get(entry, INDEX));
    return indices;
  }

  /** Is an entry at a block or behind it being written, its response not begun yet? */
  isPendingFrom(run: Run, index: number, nowMs: number): boolean {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = rows.get(entry, NEXT)) {
      const isPending = nowMs < rows.get(entry, READY) && nowMs < rows.get(entry, EXPIRES);
      if (isPending && rows.get(entry, INDEX) >= index) return true;
    }
    return false;
  }

  /** What was read lives on: all entries up to the hit, each for its own TTL (spec 4.3). */
  refresh(run: Run, hit: number, nowMs: number): void {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = rows.get(entry, NEXT)) {
      if (rows.get(entry, INDEX) > hit || !this.#isReadable(entry, nowMs)) continue;
      const expiresMs = nowMs + ttlMsOf(rows.get(entry, HOUR) === 1);
      if (expiresMs > rows.get(entry, EXPIRES)) rows.set(entry, EXPIRES, expiresMs);
      if (rows.get(entry, RESTS) !== Infinity) rows.set(entry, RESTS, nowMs + ttlMsOf(false));
    }
  }

  /** Entries on blocks below `at` go on with another run. */
  moveBelow(at: number, from: Run, to: Run): void {
    const rows = this.#rows;
    const ends = { below: NONE, above: NONE };
    let next = NONE;
    const first = this.#runs.entry(from);
    this.#runs.setEntry(from, NONE);
    for (let entry = first; entry !== NONE; entry = next) {
      next = rows.get(entry, NEXT);
      rows.set(entry, NEXT, NONE);
      const side = rows.get(entry, INDEX) < at ? 'below' : 'above';
      if (ends[side] === NONE) this.#runs.setEntry(side === 'below' ? to : from, entry);
      else rows.set(ends[side], NEXT, entry);
      ends[side] = entry;
    }
  }

  /** Lets go of what has expired. */
  dropExpired(run: Run, nowMs: number): void {
    if (this.#runs.entry(run) === NONE) return;
    this.#keepOnly(run, ENTRIES_MAX, (entry) => this.#rows.get(entry, EXPIRES) > nowMs);
  }

  /** Lets go of entries behind a block, but for some that have just been written. */
  dropBehind(run: Run, index: number, written: readonly EntryRef[]): void {
    const isNew = (entry: number): boolean =>
      written.some(({ row, stamp }) => row === entry && stamp === this.#rows.get(entry, STAMP));
    this.#keepOnly(run, ENTRIES_MAX, (entry) => this.#rows.get(entry, INDEX) <= index || isNew(entry));
  }

  dropAll(run: Run): void {
    this.#keepOnly(run, 0, () => false);
  }

  #isReadable(entry: number, nowMs: number): boolean {
    return this.#rows.get(entry, READY) <= nowMs && nowMs < this.#rows.get(entry, EXPIRES);
  }

  /** Keeps those that are wanted, the newest of them. */
  #keepOnly(run: Run, most: number, isWanted: (entry: number) => boolean): void {
    const rows = this.#rows;
    let last = NONE;
    let kept = 0;
    let next = NONE;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = next) {
      next = rows.get(entry, NEXT);
      if (kept < most && isWanted(entry)) {
        kept += 1;
        last = entry;
        continue;
      }
      rows.set(entry, STAMP, 0);
      rows.remove(entry);
      if (last === NONE) this.#runs.setEntry(run, next);
      else rows.set(last, NEXT, next);
    }
  }

  /** What `fill` takes back. */
  written(): BelievedEntriesState {
    return { entries: this.#rows.written(), unused: this.#rows.unused(), stamp: this.#stamp };
  }

  /** Does each entry stand with one run, and every list end? */
  isSound(): boolean {
    let left = this.#rows.count;
    for (const run of this.#runs.all()) {
      let entry = this.#runs.entry(run);
      for (; entry >= 0 && entry < this.end && left >= 0; entry = this.#rows.get(entry, NEXT)) left -= 1;
      if (entry !== NONE) return false;
    }
    return left === 0;
  }

  fill({ entries, unused, stamp }: BelievedEntriesState): void {
    this.#rows.fill(entries, unused);
    this.#stamp = stamp;
    // Nobody will say any more that the response to those being written has begun.
    for (let entry = 0; entry < this.end; entry += 1)
      if (this.#rows.get(entry, READY) === Infinity) this.#rows.set(entry, EXPIRES, -Infinity);
  }
}

/** All entries, as numbers. */
export interface BelievedEntriesState {
  readonly entries: Float64Array;
  readonly unused: ArrayLike<number>;
  readonly stamp: number;
}
