import { defaultCacheRules } from '../../core/index.ts';
import { Rows } from './rows.ts';
import { NONE, type Run, type Runs } from './runs.ts';

/** Block index times two, and one more for an hour's. */
const PLACE = 0;
const READY = 1;
const EXPIRES = 2;
/** The next entry of the run in the lower bits, and the stamp in the upper. */
const LINK = 3;
const WIDTH = 4;
const LINK_BITS = 2 ** 26;

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
  /** Until when what an entry rests on lives for sure, of those above one of five minutes. */
  #restsMs = new Map<number, number>();
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

  /** Does any entry stand above one of five minutes? */
  get restsOnAny(): boolean {
    return this.#restsMs.size > 0;
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
    if (isAbove5m) this.#restsMs.set(ref.row, nowMs + ttlMsOf(false));
    return ref;
  }

  /** Until when what a readable entry rests on lives for sure; Infinity where it rests on nothing of five minutes. */
  restsUntilMs(run: Run, index: number, nowMs: number): number {
    let untilMs = -Infinity;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#next(entry)) {
      const isIt = this.#index(entry) === index && this.#isReadable(entry, nowMs);
      if (isIt) untilMs = Math.max(untilMs, this.#restsMs.get(entry) ?? Infinity);
    }
    return untilMs;
  }

  /** An entry that somebody else has written, or renewed. */
  adopt(run: Run, index: number, isHour: boolean, readyMs: number, expiresMs: number): void {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#next(entry)) {
      if (this.#index(entry) !== index || this.#isHour(entry) !== isHour) continue;
      if (!this.#isReadable(entry, readyMs)) continue;
      rows.set(entry, EXPIRES, Math.max(expiresMs, rows.get(entry, EXPIRES)));
      return;
    }
    this.#push(run, index, isHour, readyMs, expiresMs);
  }

  #push(run: Run, index: number, isHour: boolean, readyMs: number, expiresMs: number): EntryRef {
    this.#makeRoom(run);
    const rows = this.#rows;
    const row = rows.add();
    this.#stamp = (this.#stamp % (LINK_BITS - 1)) + 1;
    rows.set(row, PLACE, 2 * index + (isHour ? 1 : 0));
    rows.set(row, READY, readyMs);
    rows.set(row, EXPIRES, expiresMs);
    rows.set(row, LINK, this.#stamp * LINK_BITS + this.#runs.entry(run) + 1);
    this.#runs.setEntry(run, row);
    return { row, stamp: this.#stamp };
  }

  #index(entry: number): number {
    return Math.floor(this.#rows.get(entry, PLACE) / 2);
  }

  #isHour(entry: number): boolean {
    return this.#rows.get(entry, PLACE) % 2 === 1;
  }

  #next(entry: number): number {
    return (this.#rows.get(entry, LINK) % LINK_BITS) - 1;
  }

  #setNext(entry: number, next: number): void {
    this.#rows.set(entry, LINK, this.#stampOf(entry) * LINK_BITS + next + 1);
  }

  #stampOf(entry: number): number {
    return Math.floor(this.#rows.get(entry, LINK) / LINK_BITS);
  }

  /** The response has begun: what was written can be read (spec 4.4). */
  setReady({ row, stamp }: EntryRef, readyMs: number): void {
    if (this.#stampOf(row) === stamp) this.#rows.set(row, READY, readyMs);
  }

  /** It was never written. */
  cancel({ row, stamp }: EntryRef): void {
    if (this.#stampOf(row) === stamp) this.#rows.set(row, EXPIRES, -Infinity);
  }

  /** The last block below `length` on which an entry of a run can be read, of all or of those of an hour; -1 without one. */
  deepestReadable(run: Run, length: number, nowMs: number, ttl: 'any' | '1h'): number {
    let deepest = -1;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#next(entry)) {
      const index = this.#index(entry);
      if (index <= deepest || index >= length || !this.#isReadable(entry, nowMs)) continue;
      if (ttl === 'any' || this.#isHour(entry)) deepest = index;
    }
    return deepest;
  }

  /** Block indices of a run's entries that can be read, the newest first. */
  readableIndices(run: Run, nowMs: number): number[] {
    const indices: number[] = [];
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#next(entry))
      if (this.#isReadable(entry, nowMs)) indices.push(this.#index(entry));
    return indices;
  }

  /** Is an entry at a block or behind it being written, its response not begun yet? */
  isPendingFrom(run: Run, index: number, nowMs: number): boolean {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#next(entry)) {
      const isPending = nowMs < rows.get(entry, READY) && nowMs < rows.get(entry, EXPIRES);
      if (isPending && this.#index(entry) >= index) return true;
    }
    return false;
  }

  /** What was read lives on: all entries up to the hit, each for its own TTL (spec 4.3). */
  refresh(run: Run, hit: number, nowMs: number): void {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#next(entry)) {
      if (this.#index(entry) > hit || !this.#isReadable(entry, nowMs)) continue;
      const expiresMs = nowMs + ttlMsOf(this.#isHour(entry));
      if (expiresMs > rows.get(entry, EXPIRES)) rows.set(entry, EXPIRES, expiresMs);
      if (this.#restsMs.has(entry)) this.#restsMs.set(entry, nowMs + ttlMsOf(false));
    }
  }

  /** Entries on blocks below `at` go on with another run. */
  moveBelow(at: number, from: Run, to: Run): void {
    const ends = { below: NONE, above: NONE };
    let next = NONE;
    const first = this.#runs.entry(from);
    this.#runs.setEntry(from, NONE);
    for (let entry = first; entry !== NONE; entry = next) {
      next = this.#next(entry);
      this.#setNext(entry, NONE);
      const side = this.#index(entry) < at ? 'below' : 'above';
      if (ends[side] === NONE) this.#runs.setEntry(side === 'below' ? to : from, entry);
      else this.#setNext(ends[side], entry);
      ends[side] = entry;
    }
  }

  /** Lets go of what has expired. */
  dropExpired(run: Run, nowMs: number): void {
    if (this.#runs.entry(run) === NONE) return;
    this.#keepOnly(run, (entry) => this.#rows.get(entry, EXPIRES) > nowMs);
  }

  /** Lets go of entries behind a block, but for some that have just been written. */
  dropBehind(run: Run, index: number, written: readonly EntryRef[]): void {
    const isNew = (entry: number): boolean =>
      written.some(({ row, stamp }) => row === entry && stamp === this.#stampOf(entry));
    this.#keepOnly(run, (entry) => this.#index(entry) <= index || isNew(entry));
  }

  dropAll(run: Run): void {
    this.#keepOnly(run, () => false);
  }

  #isReadable(entry: number, nowMs: number): boolean {
    return this.#rows.get(entry, READY) <= nowMs && nowMs < this.#rows.get(entry, EXPIRES);
  }

  /** Lets go of the oldest entries, so that there is room for one more. */
  #makeRoom(run: Run): void {
    let left = ENTRIES_MAX - 1;
    this.#keepOnly(run, () => (left -= 1) >= 0);
  }

  /** Keeps those that are wanted, asked from the newest on. */
  #keepOnly(run: Run, isWanted: (entry: number) => boolean): void {
    let last = NONE;
    let next = NONE;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = next) {
      next = this.#next(entry);
      if (isWanted(entry)) {
        last = entry;
        continue;
      }
      this.#remove(entry);
      if (last === NONE) this.#runs.setEntry(run, next);
      else this.#setNext(last, next);
    }
  }

  #remove(entry: number): void {
    this.#rows.set(entry, LINK, 0);
    this.#restsMs.delete(entry);
    this.#rows.remove(entry);
  }

  /** What `fill` takes back. */
  written(): BelievedEntriesState {
    const restsMs = Float64Array.from([...this.#restsMs].flat());
    return { entries: this.#rows.written(), unused: this.#rows.unused(), restsMs, stamp: this.#stamp };
  }

  /** Does each entry stand with one run, and every list end? */
  isSound(): boolean {
    let left = this.#rows.count;
    for (const run of this.#runs.all()) {
      let entry = this.#runs.entry(run);
      for (; entry >= 0 && entry < this.end && left >= 0; entry = this.#next(entry)) left -= 1;
      if (entry !== NONE) return false;
    }
    return left === 0;
  }

  fill({ entries, unused, restsMs, stamp }: BelievedEntriesState): void {
    this.#rows.fill(entries, unused);
    for (let at = 0; at + 1 < restsMs.length; at += 2)
      this.#restsMs.set(restsMs[at] ?? 0, restsMs[at + 1] ?? 0);
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
  /** Row and time, row and time. */
  readonly restsMs: Float64Array;
  readonly stamp: number;
}
