import { Rows } from './rows.ts';

/** Number of a run of blocks; `NONE` where there is none. */
export type Run = number;

export const NONE = -1;

const KEY = 0;
const PARENT = 1;
const START = 2;
const LENGTH = 3;
const LAST_USE = 4;
const ENTRY = 5;
const USE = 6;
const CHILDREN = 7;
const USE_INDEX = 8;
const DEBT = 9;
const TURNS = 10;
const TABLE = 11;
const WIDTH = 12;

/** Stands in `CHILDREN` of a run that was removed. */
const REMOVED = -1;

/** A run of blocks that no request has parted yet; it ends where a layer ends, where requests part, or with the longest. */
export class Runs {
  readonly #rows = new Rows(WIDTH);
  /** Keys behind the first, of runs that have more than one block. */
  #more: (number[] | undefined)[] = [];

  get count(): number {
    return this.#rows.count;
  }

  /** One more than the highest number of a run. */
  get end(): number {
    return this.#rows.end;
  }

  get byteLength(): number {
    const keys = this.#more.reduce((sum, more) => sum + (more ? more.length * 8 + 32 : 0), 0);
    return this.#rows.byteLength + this.#more.length * 8 + keys;
  }

  /** @param keys of the prefixes that end with each block of the run; at least one */
  add(parent: Run, start: number, keys: readonly number[]): Run {
    const rows = this.#rows;
    const run = rows.add();
    rows.set(run, PARENT, parent);
    rows.set(run, LAST_USE, 0);
    rows.set(run, ENTRY, NONE);
    rows.set(run, USE, NONE);
    rows.set(run, CHILDREN, 0);
    rows.set(run, USE_INDEX, NONE);
    rows.set(run, DEBT, 0);
    rows.set(run, TURNS, 0);
    rows.set(run, TABLE, NONE);
    this.setKeys(run, start, keys);
    return run;
  }

  remove(run: Run): void {
    this.#rows.set(run, CHILDREN, REMOVED);
    this.#more[run] = undefined;
    this.#rows.remove(run);
  }

  isThere(run: Run): boolean {
    return this.#rows.get(run, CHILDREN) !== REMOVED;
  }

  setKeys(run: Run, start: number, keys: readonly number[]): void {
    this.#rows.set(run, KEY, keys[0] ?? 0);
    this.#rows.set(run, START, start);
    this.#rows.set(run, LENGTH, keys.length);
    this.#more[run] = keys.length > 1 ? keys.slice(1) : undefined;
  }

  append(run: Run, keys: readonly number[]): void {
    // An array that is pushed to keeps room for half as much again.
    const more = (this.#more[run] ?? []).concat(keys);
    this.#more[run] = more;
    this.#rows.set(run, LENGTH, more.length + 1);
  }

  firstKey(run: Run): number {
    return this.#rows.get(run, KEY);
  }

  /** @param offset 0 for the first block of the run */
  key(run: Run, offset: number): number {
    return offset === 0 ? this.firstKey(run) : (this.#more[run]?.[offset - 1] ?? NaN);
  }

  keys(run: Run): readonly number[] {
    return [this.firstKey(run), ...(this.#more[run] ?? [])];
  }

  parent(run: Run): Run {
    return this.#rows.get(run, PARENT);
  }

  setParent(run: Run, parent: Run): void {
    this.#rows.set(run, PARENT, parent);
  }

  /** Block index of the first block. */
  start(run: Run): number {
    return this.#rows.get(run, START);
  }

  length(run: Run): number {
    return this.#rows.get(run, LENGTH);
  }

  /** Block index behind the last block. */
  endOf(run: Run): number {
    return this.start(run) + this.length(run);
  }

  lastUseMs(run: Run): number {
    return this.#rows.get(run, LAST_USE);
  }

  setLastUse(run: Run, atMs: number): void {
    this.#rows.set(run, LAST_USE, atMs);
  }

  childCount(run: Run): number {
    return this.#rows.get(run, CHILDREN);
  }

  setChildCount(run: Run, count: number): void {
    this.#rows.set(run, CHILDREN, count);
  }

  /** The newest entry believed on the run's blocks. */
  entry(run: Run): number {
    return this.#rows.get(run, ENTRY);
  }

  setEntry(run: Run, entry: number): void {
    this.#rows.set(run, ENTRY, entry);
  }

  /** The latest use of the run's end, or of the place where a request ended inside it. */
  use(run: Run): number {
    return this.#rows.get(run, USE);
  }

  /** Block index that the use is of. */
  useIndex(run: Run): number {
    return this.#rows.get(run, USE_INDEX);
  }

  setUse(run: Run, use: number, index: number): void {
    this.#rows.set(run, USE, use);
    this.#rows.set(run, USE_INDEX, index);
  }

  /** What missing the hour has cost the conversation that ends here so far, in tokens at the uncached price. */
  debt(run: Run): number {
    return this.#rows.get(run, DEBT);
  }

  setDebt(run: Run, debt: number): void {
    this.#rows.set(run, DEBT, debt);
  }

  /** Requests that ended in the run. */
  turns(run: Run): number {
    return this.#rows.get(run, TURNS);
  }

  setTurns(run: Run, turns: number): void {
    this.#rows.set(run, TURNS, turns);
  }

  /** How soon requests come by the end of the run again: a life table; `NONE` before the first did. */
  table(run: Run): number {
    return this.#rows.get(run, TABLE);
  }

  setTable(run: Run, table: number): void {
    this.#rows.set(run, TABLE, table);
  }

  /** Every run that is there. */
  *all(): IterableIterator<Run> {
    for (let run = 0; run < this.end; run += 1) if (this.isThere(run)) yield run;
  }

  /** What `fill` takes back. */
  written(): RunsState {
    const lengths = new Int32Array(this.end);
    let total = 0;
    for (let run = 0; run < this.end; run += 1) {
      lengths[run] = this.#more[run]?.length ?? 0;
      total += lengths[run] ?? 0;
    }
    const more = new Float64Array(total);
    let at = 0;
    for (let run = 0; run < this.end; run += 1) {
      const keys = this.#more[run];
      if (!keys) continue;
      more.set(keys, at);
      at += keys.length;
    }
    return { runs: this.#rows.written(), unused: this.#rows.unused(), lengths, more };
  }

  fill({ runs, unused, lengths, more }: RunsState): void {
    this.#rows.fill(runs, unused);
    let at = 0;
    this.#more = Array.from(lengths, (length) => {
      const keys = length > 0 ? [...more.subarray(at, at + length)] : undefined;
      at += length;
      return keys;
    });
  }
}

/** All runs, as numbers. */
export interface RunsState {
  readonly runs: Float64Array;
  readonly unused: ArrayLike<number>;
  /** Keys behind the first, by run, and all of them one after the other. */
  readonly lengths: Int32Array;
  readonly more: Float64Array;
}
