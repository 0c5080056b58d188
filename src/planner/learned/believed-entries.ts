import { defaultCacheRules } from '../../core/index.ts';
import { EntryRows } from './entry-rows.ts';
import type { RowsState, WrittenRows } from './rows.ts';
import { NONE, type Run, type Runs } from './runs.ts';

const STAMP_MAX = 2 ** 30;

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
  readonly #rows = new EntryRows();
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

  /** That of the newest entry; for saving. */
  get stamp(): number {
    return this.#stamp;
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
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry)) {
      const isIt = this.#rows.index(entry) === index && this.#rows.isReadable(entry, nowMs);
      if (isIt) untilMs = Math.max(untilMs, this.#restsMs.get(entry) ?? Infinity);
    }
    return untilMs;
  }

  /** An entry that somebody else has written, or renewed. */
  adopt(run: Run, index: number, isHour: boolean, readyMs: number, expiresMs: number): void {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry)) {
      if (this.#rows.index(entry) !== index || this.#rows.isHour(entry) !== isHour) continue;
      if (!this.#rows.isReadable(entry, readyMs)) continue;
      rows.setExpires(entry, Math.max(expiresMs, rows.expiresMs(entry)));
      this.#rows.noteRead(entry);
      return;
    }
    this.#push(run, index, isHour, readyMs, expiresMs);
  }

  /** @param readyMs Infinity where the response has not begun */
  #push(run: Run, index: number, isHour: boolean, readyMs: number, expiresMs: number): EntryRef {
    this.#makeRoom(run);
    this.#stamp = (this.#stamp % STAMP_MAX) + 1;
    const stamp = this.#stamp;
    const row = this.#rows.add({ index, isHour, expiresMs, next: this.#runs.entry(run), stamp });
    if (readyMs < Infinity) this.#rows.setReady(row, readyMs);
    this.#runs.setEntry(run, row);
    return { row, stamp };
  }

  /** The response has begun: what was written can be read (spec 4.4). */
  setReady({ row, stamp }: EntryRef, readyMs: number): void {
    if (this.#rows.stamp(row) === stamp && readyMs < Infinity) this.#rows.setReady(row, readyMs);
  }

  /** It was never written. */
  cancel({ row, stamp }: EntryRef): void {
    if (this.#rows.stamp(row) === stamp) this.#rows.setExpires(row, -Infinity);
  }

  /** The last block below `length` on which an entry of a run can be read, of all or of those of an hour; -1 without one. */
  deepestReadable(run: Run, length: number, nowMs: number, ttl: 'any' | '1h'): number {
    let deepest = -1;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry)) {
      const index = this.#rows.index(entry);
      if (index <= deepest || index >= length || !this.#rows.isReadable(entry, nowMs)) continue;
      if (ttl === 'any' || this.#rows.isHour(entry)) deepest = index;
    }
    return deepest;
  }

  /** Block indices of a run's entries that can be read, the newest first. */
  readableIndices(run: Run, nowMs: number): number[] {
    const indices: number[] = [];
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry))
      if (this.#rows.isReadable(entry, nowMs)) indices.push(this.#rows.index(entry));
    return indices;
  }

  /** Is an entry at a block or behind it being written, its response not begun yet? */
  isPendingFrom(run: Run, index: number, nowMs: number): boolean {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry)) {
      const isPending = nowMs < rows.expiresMs(entry) && !this.#rows.isReady(entry, nowMs);
      if (isPending && this.#rows.index(entry) >= index) return true;
    }
    return false;
  }

  /** What was read lives on: all entries up to the hit, each for its own TTL (spec 4.3). */
  refresh(run: Run, hit: number, nowMs: number): void {
    const rows = this.#rows;
    for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry)) {
      if (this.#rows.index(entry) > hit || !this.#rows.isReadable(entry, nowMs)) continue;
      const expiresMs = nowMs + ttlMsOf(this.#rows.isHour(entry));
      if (expiresMs > rows.expiresMs(entry)) rows.setExpires(entry, expiresMs);
      this.#rows.noteRead(entry);
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
      next = this.#rows.next(entry);
      this.#rows.setNext(entry, NONE);
      const side = this.#rows.index(entry) < at ? 'below' : 'above';
      if (ends[side] === NONE) this.#runs.setEntry(side === 'below' ? to : from, entry);
      else this.#rows.setNext(ends[side], entry);
      ends[side] = entry;
    }
  }

  /** Lets go of what has expired. */
  dropExpired(run: Run, nowMs: number): void {
    if (this.#runs.entry(run) === NONE) return;
    this.#keepOnly(run, (entry) => this.#rows.expiresMs(entry) > nowMs);
  }

  /** Lets go of entries behind a block, but for some that have just been written. */
  dropBehind(run: Run, index: number, written: readonly EntryRef[]): void {
    const isNew = (entry: number): boolean =>
      written.some(({ row, stamp }) => row === entry && stamp === this.#rows.stamp(entry));
    this.#keepOnly(run, (entry) => this.#rows.index(entry) <= index || isNew(entry));
  }

  dropAll(run: Run): void {
    this.#keepOnly(run, () => false);
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
      next = this.#rows.next(entry);
      if (isWanted(entry)) {
        last = entry;
        continue;
      }
      this.#remove(entry);
      if (last === NONE) this.#runs.setEntry(run, next);
      else this.#rows.setNext(last, next);
    }
  }

  #remove(entry: number): void {
    this.#restsMs.delete(entry);
    this.#rows.remove(entry);
  }

  /** What `fill` takes back. */
  written(): BelievedEntriesState<WrittenRows> {
    const restsMs = new Float64Array(2 * this.#restsMs.size);
    let at = 0;
    for (const [entry, untilMs] of this.#restsMs) {
      restsMs[at] = entry;
      restsMs[at + 1] = untilMs;
      at += 2;
    }
    return { entries: this.#rows.written(), restsMs };
  }

  /** Does each entry stand with one run? */
  isSound(): boolean {
    return this.#rows.isSound(this.#allLinked());
  }

  *#allLinked(): IterableIterator<number> {
    for (const run of this.#runs.all())
      for (let entry = this.#runs.entry(run); entry !== NONE; entry = this.#rows.next(entry)) yield entry;
  }

  fill({ entries, restsMs }: BelievedEntriesState, stamp: number): void {
    this.#rows.fill(entries);
    for (let at = 0; at + 1 < restsMs.length; at += 2)
      this.#restsMs.set(restsMs[at] ?? 0, restsMs[at + 1] ?? 0);
    this.#stamp = stamp;
    // Nobody will say any more that the response to those being written has begun.
    for (let entry = 0; entry < this.end; entry += 1)
      if (this.#rows.isPending(entry)) this.#rows.setExpires(entry, -Infinity);
  }
}

/** All entries, as numbers. */
export interface BelievedEntriesState<State = RowsState> {
  readonly entries: State;
  /** Row and time, row and time. */
  readonly restsMs: Float64Array;
}
