import { KeyChains, NO_CHAIN } from './key-chains.ts';
import { Rows, type RowsState, type WrittenRows } from './rows.ts';

/** Number of a run of blocks; `NONE` where there is none. */
export type Run = number;

export const NONE = -1;

const KEY = 0;
const LAST_USE = 1;
const DEBT = 2;
const PARENT = 6;
const START = 7;
const LENGTH = 8;
const ENTRY = 9;
const USE = 10;
const CHILDREN = 11;
const USE_INDEX = 12;
const TURNS = 13;
const TABLE = 14;
/** The keys behind the first, in a chain. */
const MORE = 15;
/** A run is one line of the processor's cache. */
const WORDS = 16;

/** Stands in `CHILDREN` of a run that was removed. */
const REMOVED = -1;

/** A run of blocks that no request has parted yet; it ends where a layer ends, where requests part, or with the longest. */
export class Runs {
  readonly #rows = new Rows(WORDS);
  readonly #chains = new KeyChains();

  get count(): number {
    return this.#rows.count;
  }

  /** One more than the highest number of a run. */
  get end(): number {
    return this.#rows.end;
  }

  get byteLength(): number {
    return this.#rows.byteLength + this.#chains.byteLength;
  }

  /** @param keys of the prefixes that end with each block of the run, from one place of an array up to another; at least one */
  add(parent: Run, start: number, keys: ArrayLike<number>, from = 0, to: number = keys.length): Run {
    const rows = this.#rows;
    const run = rows.add();
    rows.setDouble(run, LAST_USE, 0);
    rows.setDouble(run, DEBT, 0);
    rows.setInteger(run, PARENT, parent);
    rows.setInteger(run, ENTRY, NONE);
    rows.setInteger(run, USE, NONE);
    rows.setInteger(run, CHILDREN, 0);
    rows.setInteger(run, USE_INDEX, NONE);
    rows.setInteger(run, TURNS, 0);
    rows.setInteger(run, TABLE, NONE);
    this.#setKeys(run, start, keys, from, to);
    return run;
  }

  remove(run: Run): void {
    this.#chains.remove(this.#rows.integer(run, MORE));
    this.#rows.setInteger(run, CHILDREN, REMOVED);
    this.#rows.remove(run);
  }

  isThere(run: Run): boolean {
    return this.#rows.integer(run, CHILDREN) !== REMOVED;
  }

  /** The keys of a run become others. */
  setKeys(run: Run, start: number, keys: readonly number[]): void {
    this.#chains.remove(this.#rows.integer(run, MORE));
    this.#setKeys(run, start, keys, 0, keys.length);
  }

  #setKeys(run: Run, start: number, keys: ArrayLike<number>, from: number, to: number): void {
    const rows = this.#rows;
    rows.setDouble(run, KEY, keys[from] ?? 0);
    rows.setInteger(run, START, start);
    rows.setInteger(run, LENGTH, to - from);
    rows.setInteger(run, MORE, this.#chains.append(NO_CHAIN, 0, keys, from + 1, to));
  }

  /** Keys of an array, from one place up to another, come behind those of the run. */
  append(run: Run, keys: ArrayLike<number>, from: number, to: number): void {
    const rows = this.#rows;
    const length = this.length(run);
    rows.setInteger(run, MORE, this.#chains.append(rows.integer(run, MORE), length - 1, keys, from, to));
    rows.setInteger(run, LENGTH, length + to - from);
  }

  firstKey(run: Run): number {
    return this.#rows.double(run, KEY);
  }

  /** @param offset 0 for the first block of the run */
  key(run: Run, offset: number): number {
    if (offset === 0) return this.firstKey(run);
    const length = this.length(run);
    if (!(offset > 0 && offset < length)) return NaN;
    return this.#chains.keyAt(this.#rows.integer(run, MORE), length - 1, offset - 1);
  }

  keys(run: Run): readonly number[] {
    return [this.firstKey(run), ...this.#chains.keys(this.#rows.integer(run, MORE), this.length(run) - 1)];
  }

  /** Keys of a run that a path of `length` keys shares; their first is known to be the same. */
  sameLength(run: Run, keys: ArrayLike<number>, length: number): number {
    const from = this.start(run) + 1;
    const more = this.length(run) - 1;
    return 1 + this.#chains.sameLength(this.#rows.integer(run, MORE), more, keys, from, length - from);
  }

  parent(run: Run): Run {
    return this.#rows.integer(run, PARENT);
  }

  setParent(run: Run, parent: Run): void {
    this.#rows.setInteger(run, PARENT, parent);
  }

  /** Block index of the first block. */
  start(run: Run): number {
    return this.#rows.integer(run, START);
  }

  length(run: Run): number {
    return this.#rows.integer(run, LENGTH);
  }

  /** Block index behind the last block. */
  endOf(run: Run): number {
    return this.start(run) + this.length(run);
  }

  lastUseMs(run: Run): number {
    return this.#rows.double(run, LAST_USE);
  }

  setLastUse(run: Run, atMs: number): void {
    this.#rows.setDouble(run, LAST_USE, atMs);
  }

  childCount(run: Run): number {
    return this.#rows.integer(run, CHILDREN);
  }

  setChildCount(run: Run, count: number): void {
    this.#rows.setInteger(run, CHILDREN, count);
  }

  /** The newest entry believed on the run's blocks. */
  entry(run: Run): number {
    return this.#rows.integer(run, ENTRY);
  }

  setEntry(run: Run, entry: number): void {
    this.#rows.setInteger(run, ENTRY, entry);
  }

  /** The latest use of the run's end, or of the place where a request ended inside it. */
  use(run: Run): number {
    return this.#rows.integer(run, USE);
  }

  /** Block index that the use is of. */
  useIndex(run: Run): number {
    return this.#rows.integer(run, USE_INDEX);
  }

  setUse(run: Run, use: number, index: number): void {
    this.#rows.setInteger(run, USE, use);
    this.#rows.setInteger(run, USE_INDEX, index);
  }

  /** What missing the hour has cost the conversation that ends here so far, in tokens at the uncached price. */
  debt(run: Run): number {
    return this.#rows.double(run, DEBT);
  }

  setDebt(run: Run, debt: number): void {
    this.#rows.setDouble(run, DEBT, debt);
  }

  /** Requests that ended in the run. */
  turns(run: Run): number {
    return this.#rows.integer(run, TURNS);
  }

  setTurns(run: Run, turns: number): void {
    this.#rows.setInteger(run, TURNS, turns);
  }

  /** How soon requests come by the end of the run again: a life table; `NONE` before the first did. */
  table(run: Run): number {
    return this.#rows.integer(run, TABLE);
  }

  setTable(run: Run, table: number): void {
    this.#rows.setInteger(run, TABLE, table);
  }

  /** Every run that is there. */
  *all(): IterableIterator<Run> {
    for (let run = 0; run < this.end; run += 1) if (this.isThere(run)) yield run;
  }

  /** What `fill` takes back. */
  written(): RunsState<WrittenRows> {
    return { runs: this.#rows.written(), more: this.#chains.written() };
  }

  fill({ runs, more }: RunsState): void {
    this.#rows.fill(runs);
    this.#chains.fill(more);
  }

  /** Does each run follow the one before it, and have its keys? */
  isSound(): boolean {
    return this.#rows.isSound(this.all()) && this.#chains.isSound(this.#allChains());
  }

  *#allChains(): IterableIterator<readonly [chain: number, length: number]> {
    for (const run of this.all()) yield [this.#rows.integer(run, MORE), this.length(run) - 1];
  }
}

/** All runs, as numbers. */
export interface RunsState<State = RowsState> {
  readonly runs: State;
  /** Keys behind the first. */
  readonly more: State;
}
