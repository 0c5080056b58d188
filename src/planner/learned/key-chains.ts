import { Rows, type RowsState, type WrittenRows } from './rows.ts';

/** Number of a chain's last link; `NO_CHAIN` where there are no keys. */
export type Chain = number;

export const NO_CHAIN = -1;

/** Keys that a link holds: with the number of the next link they fill its words. */
const KEYS = 6;
/** Lower 32 bits of each key, then the next 16, two to a word, then the next link; the last leads to the first. */
const HIGHS = KEYS;
const NEXT = HIGHS + KEYS / 2;
const WORDS = NEXT + 1;
const LOW_SIZE = 2 ** 32;
const HIGH_MASK = 0xffff;

const highOf = (key: number): number => Math.floor(key / LOW_SIZE) & HIGH_MASK;

/**
 * Keys of 48 bits in chains of six, so that a run may grow without being moved, and takes little where it is short. Whoever
 * has a chain knows how many keys are in it.
 */
export class KeyChains {
  readonly #rows = new Rows(WORDS);

  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /** Puts keys behind the `length` that a chain has; gives the chain that it is from then on. */
  append(chain: Chain, length: number, keys: ArrayLike<number>, from: number, to: number): Chain {
    const rows = this.#rows;
    let last = chain;
    for (let at = from; at < to; at += 1) {
      const slot = (length + at - from) % KEYS;
      if (slot === 0) last = this.#addLink(last);
      const key = keys[at] ?? 0;
      rows.setInteger(last, slot, key);
      this.#setHigh(last, slot, highOf(key));
    }
    return last;
  }

  #addLink(last: Chain): Chain {
    const rows = this.#rows;
    const link = rows.add();
    rows.setInteger(link, NEXT, last === NO_CHAIN ? link : rows.integer(last, NEXT));
    if (last !== NO_CHAIN) rows.setInteger(last, NEXT, link);
    return link;
  }

  #setHigh(link: number, slot: number, high: number): void {
    const field = HIGHS + (slot >> 1);
    const word = this.#rows.integer(link, field);
    const isFirst = (slot & 1) === 0;
    this.#rows.setInteger(link, field, isFirst ? high : (word & HIGH_MASK) | (high << 16));
  }

  #high(link: number, slot: number): number {
    const word = this.#rows.integer(link, HIGHS + (slot >> 1));
    return (slot & 1) === 0 ? word & HIGH_MASK : word >>> 16;
  }

  #key(link: number, slot: number): number {
    return this.#high(link, slot) * LOW_SIZE + (this.#rows.integer(link, slot) >>> 0);
  }

  #isKey(link: number, slot: number, key: number): boolean {
    return this.#rows.integer(link, slot) === (key | 0) && this.#high(link, slot) === highOf(key);
  }

  remove(chain: Chain): void {
    if (chain === NO_CHAIN) return;
    const rows = this.#rows;
    let link = rows.integer(chain, NEXT);
    while (link !== chain) {
      const next = rows.integer(link, NEXT);
      rows.remove(link);
      link = next;
    }
    rows.remove(chain);
  }

  /** @param at less than `length` */
  keyAt(chain: Chain, length: number, at: number): number {
    return this.#key(this.#linkAt(chain, length, at), at % KEYS);
  }

  #linkAt(chain: Chain, length: number, at: number): number {
    let left = Math.floor(at / KEYS);
    if (left === Math.floor((length - 1) / KEYS)) return chain;
    let link = this.#rows.integer(chain, NEXT);
    for (; left > 0; left -= 1) link = this.#rows.integer(link, NEXT);
    return link;
  }

  keys(chain: Chain, length: number): number[] {
    const keys: number[] = [];
    let link = chain;
    for (let at = 0; at < length; at += 1) {
      if (at % KEYS === 0) link = this.#rows.integer(link, NEXT);
      keys.push(this.#key(link, at % KEYS));
    }
    return keys;
  }

  /**
   * How many keys of a chain are those of a path, counted from `from` on, `most` at most. A key stands for all before it,
   * so only the ends of links are looked at, and of a chain that is there as a whole only its own.
   */
  sameLength(chain: Chain, length: number, keys: ArrayLike<number>, from: number, most: number): number {
    const isWhole = (at: number, link: number): boolean =>
      this.#isKey(link, (at - 1) % KEYS, keys[from + at - 1] ?? NaN);
    if (length === 0 || (length <= most && isWhole(length, chain))) return length;
    const end = Math.min(length, most);
    let link = chain;
    for (let at = 0; at < end; at += KEYS) {
      link = this.#rows.integer(link, NEXT);
      let same = Math.min(at + KEYS, end);
      if (isWhole(same, link)) continue;
      while (same > at && !isWhole(same, link)) same -= 1;
      return same;
    }
    return end;
  }

  written(): WrittenRows {
    return this.#rows.written();
  }

  fill(state: RowsState): void {
    this.#rows.fill(state);
  }

  /** Is every link in one of these chains, and each of them as long as it should be? */
  isSound(chains: Iterable<readonly [chain: Chain, length: number]>): boolean {
    let areWhole = true;
    const links = function* (rows: Rows): Iterable<number> {
      for (const [chain, length] of chains) {
        let link = chain;
        for (let left = Math.ceil(length / KEYS); left > 0 && areWhole; left -= 1) {
          link = rows.integer(link, NEXT);
          yield link;
        }
        areWhole &&= link === chain && (length > 0 || chain === NO_CHAIN);
      }
    };
    return this.#rows.isSound(links(this.#rows)) && areWhole;
  }
}
