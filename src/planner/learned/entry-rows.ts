import { Rows, type RowsState, type WrittenRows } from './rows.ts';

const EXPIRES = 0;
/** Block index times eight, and the bits below. */
const PLACE = 2;
/** The next entry of the run. */
const NEXT = 3;
/** Tells an entry from others that had its row before; 0 where there is none. */
const STAMP = 4;
/** The lower 32 bits of the time: by when they are those of another, it has expired, or was read. */
const READY = 5;
const WORDS = 6;

const IS_HOUR = 1;
/** The response that writes it has not begun. */
const IS_PENDING = 2;
/** Since it was read, there is no question whether it can be. */
const WAS_READ = 4;
const INDEX_SHIFT = 3;

/** What is known of one entry. */
interface NewEntry {
  readonly index: number;
  readonly isHour: boolean;
  readonly expiresMs: number;
  /** The entry that it is put before. */
  readonly next: number;
  /** Above 0. */
  readonly stamp: number;
}

/** Entries of a cache, each by the number of its row. */
export class EntryRows {
  readonly #rows = new Rows(WORDS);

  get count(): number {
    return this.#rows.count;
  }

  get end(): number {
    return this.#rows.end;
  }

  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /** An entry whose response has not begun. */
  add({ index, isHour, expiresMs, next, stamp }: NewEntry): number {
    const rows = this.#rows;
    const entry = rows.add();
    rows.setDouble(entry, EXPIRES, expiresMs);
    rows.setInteger(entry, PLACE, (index << INDEX_SHIFT) | IS_PENDING | (isHour ? IS_HOUR : 0));
    rows.setInteger(entry, NEXT, next);
    rows.setInteger(entry, STAMP, stamp);
    return entry;
  }

  remove(entry: number): void {
    this.#rows.setInteger(entry, STAMP, 0);
    this.#rows.remove(entry);
  }

  index(entry: number): number {
    return this.#rows.integer(entry, PLACE) >> INDEX_SHIFT;
  }

  isHour(entry: number): boolean {
    return (this.#rows.integer(entry, PLACE) & IS_HOUR) !== 0;
  }

  next(entry: number): number {
    return this.#rows.integer(entry, NEXT);
  }

  setNext(entry: number, next: number): void {
    this.#rows.setInteger(entry, NEXT, next);
  }

  stamp(entry: number): number {
    return this.#rows.integer(entry, STAMP);
  }

  expiresMs(entry: number): number {
    return this.#rows.double(entry, EXPIRES);
  }

  setExpires(entry: number, expiresMs: number): void {
    this.#rows.setDouble(entry, EXPIRES, expiresMs);
  }

  /** It can be read from a time on; the fraction of a millisecond does not count. */
  setReady(entry: number, readyMs: number): void {
    const rows = this.#rows;
    rows.setInteger(entry, PLACE, rows.integer(entry, PLACE) & ~IS_PENDING);
    rows.setInteger(entry, READY, readyMs);
  }

  /** It was read, so it can be from now on. */
  noteRead(entry: number): void {
    this.#rows.setInteger(entry, PLACE, this.#rows.integer(entry, PLACE) | WAS_READ);
  }

  isPending(entry: number): boolean {
    return (this.#rows.integer(entry, PLACE) & IS_PENDING) !== 0;
  }

  /** Has the response that wrote it begun? */
  isReady(entry: number, nowMs: number): boolean {
    const bits = this.#rows.integer(entry, PLACE) & (WAS_READ | IS_PENDING);
    return bits === 0 ? ((nowMs - this.#rows.integer(entry, READY)) | 0) >= 0 : bits !== IS_PENDING;
  }

  isReadable(entry: number, nowMs: number): boolean {
    return nowMs < this.expiresMs(entry) && this.isReady(entry, nowMs);
  }

  /** What `fill` takes back. */
  written(): WrittenRows {
    return this.#rows.written();
  }

  fill(state: RowsState): void {
    this.#rows.fill(state);
  }

  /** Is every row either one of these entries, once, or free? */
  isSound(entries: Iterable<number>): boolean {
    return this.#rows.isSound(entries);
  }
}
