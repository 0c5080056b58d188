import { PageCopy } from './page-copy.ts';

const ROWS_FIRST = 64;
const NO_ROW = -1;
/** Rows from which on one that is full grows by an eighth: to double would leave too much unused. */
const ROWS_MANY = 1024;

/** Rows as they lie in memory. */
export interface RowsState {
  /** The words of all rows up to `end`, those not in use among them. */
  readonly words: Int32Array;
  /** The first row not in use, -1 without one, and how many there are; each leads to the next by its last word. */
  readonly free: Int32Array;
}

/** Rows as they lie in memory now, and where they do. */
export interface WrittenRows extends RowsState {
  readonly source: Rows;
}

/**
 * Rows of numbers of one kind, given out and taken back by their number. What is known of one thing lies together in
 * memory, and a hundred thousand things are one object.
 *
 * Numbers of 64 bits come first, as fields 0, 1, ...; each takes two words. Integers and numbers of 32 bits follow under
 * the number of their word: with two of the former, 4, 5, ...
 */
export class Rows {
  readonly #width: number;
  readonly #doublesWidth: number;
  #words: Int32Array<ArrayBuffer>;
  #doubles: Float64Array<ArrayBuffer>;
  #floats: Float32Array<ArrayBuffer>;
  #copy: PageCopy | null = null;
  #firstFree = NO_ROW;
  #freeCount = 0;
  #end = 0;

  /** @param words 32-bit words a row, an even number; the last one has to be an integer, and holds a link while a row is free */
  constructor(words: number) {
    this.#width = words;
    this.#doublesWidth = words / 2;
    this.#words = new Int32Array(words * ROWS_FIRST);
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#floats = new Float32Array(this.#words.buffer);
  }

  /** Rows in use. */
  get count(): number {
    return this.#end - this.#freeCount;
  }

  /** One more than the highest number ever given out. */
  get end(): number {
    return this.#end;
  }

  get byteLength(): number {
    return this.#words.byteLength;
  }

  /** A row whose numbers are whatever was in it before, but for the last word. */
  add(): number {
    const free = this.#firstFree;
    if (free !== NO_ROW) {
      this.#firstFree = this.#linkOf(free);
      this.#freeCount -= 1;
      return free;
    }
    const row = this.#end;
    this.#end += 1;
    if (this.#end * this.#width > this.#words.length) this.#grow();
    return row;
  }

  remove(row: number): void {
    this.setInteger(row, this.#width - 1, this.#firstFree);
    this.#firstFree = row;
    this.#freeCount += 1;
  }

  integer(row: number, field: number): number {
    return this.#words[row * this.#width + field] ?? 0;
  }

  setInteger(row: number, field: number, value: number): void {
    const at = row * this.#width + field;
    if (this.#copy !== null) this.#copy.keep(this.#words, at);
    this.#words[at] = value;
  }

  double(row: number, field: number): number {
    return this.#doubles[row * this.#doublesWidth + field] ?? 0;
  }

  setDouble(row: number, field: number, value: number): void {
    const at = row * this.#doublesWidth + field;
    if (this.#copy !== null) this.#copy.keep(this.#words, 2 * at);
    this.#doubles[at] = value;
  }

  float(row: number, field: number): number {
    return this.#floats[row * this.#width + field] ?? 0;
  }

  setFloat(row: number, field: number, value: number): void {
    const at = row * this.#width + field;
    if (this.#copy !== null) this.#copy.keep(this.#words, at);
    this.#floats[at] = value;
  }

  /** Sets all words of a row to 0. */
  clear(row: number): void {
    for (let field = 0; field < this.#width; field += 1) this.setInteger(row, field, 0);
  }

  /** What `fill` takes back; views, not copies. */
  written(): WrittenRows {
    const free = Int32Array.of(this.#firstFree, this.#freeCount);
    return { words: this.#words.subarray(0, this.#end * this.#width), free, source: this };
  }

  /** Begins to copy the words as they are now, as `written` gives them, to where `copySome` will put them; ends a copy before. */
  beginCopy(target: Int32Array): void {
    this.copySome(Infinity);
    this.#copy = new PageCopy(target);
  }

  /** Copies some more, about so many words at most; true once all are there. */
  copySome(most: number): boolean {
    if (this.#copy?.copySome(this.#words, most) === false) return false;
    this.#copy = null;
    return true;
  }

  /** Takes over what `written` gave; `isSound` says whether it was that. */
  fill({ words, free }: RowsState): void {
    this.#end = Math.floor(words.length / this.#width);
    this.#words = new Int32Array(this.#width * Math.max(this.#end, ROWS_FIRST));
    this.#words.set(words.subarray(0, this.#end * this.#width));
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#floats = new Float32Array(this.#words.buffer);
    this.#firstFree = free[0] ?? NO_ROW;
    this.#freeCount = free[1] ?? 0;
  }

  /** Is every row either in use, once, or free? */
  isSound(used: Iterable<number>): boolean {
    const isSeen = new Uint8Array(this.#end);
    let left = this.#end;
    const isNew = (row: number): boolean => {
      if (isSeen[row] !== 0) return false;
      isSeen[row] = 1;
      left -= 1;
      return true;
    };
    let free = 0;
    for (let row = this.#firstFree; row !== NO_ROW; row = this.#linkOf(row)) {
      if (!isNew(row)) return false;
      free += 1;
    }
    for (const row of used) if (!isNew(row)) return false;
    return left === 0 && free === this.#freeCount;
  }

  #linkOf(row: number): number {
    return this.integer(row, this.#width - 1);
  }

  #grow(): void {
    const rows = this.#words.length / this.#width;
    const words = this.#width * Math.ceil(rows * (rows < ROWS_MANY ? 2 : 1.125));
    this.#words = new Int32Array(this.#words.buffer.transfer(words * Int32Array.BYTES_PER_ELEMENT));
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#floats = new Float32Array(this.#words.buffer);
  }
}
