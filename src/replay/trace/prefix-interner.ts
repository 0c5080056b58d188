import { float64Column, grownColumn, int32Column } from './columns.ts';
import { NO_PREFIX, type PrefixTrie } from './trace.ts';

const CAPACITY_FIRST = 1024;

/** Spreads a parent and a key over 32 bits; keys may need more bits than that. */
function hashOf(parent: number, key: number): number {
  let mixed = Math.imul(parent, 0x9e3779b1) ^ Math.imul(key | 0, 0x85ebca6b);
  mixed ^= Math.imul(Math.floor(key / 2 ** 32), 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** Gives numbers to prefixes: the same parent and the same key are the same prefix. */
export class PrefixInterner {
  #count = 0;
  /** Parents as they were given: negative for roots, so that equal first blocks below other roots stay apart. */
  #givenParents = new Int32Array(CAPACITY_FIRST);
  #keys = new Float64Array(CAPACITY_FIRST);
  #parents = int32Column(CAPACITY_FIRST);
  #cumulativeTokens = float64Column(CAPACITY_FIRST);
  #depths = int32Column(CAPACITY_FIRST);
  #positions = int32Column(CAPACITY_FIRST);
  /** Open addressing: a prefix's number + 1, 0 where the slot is free; twice to four times as long as the prefixes are many. */
  #slots = new Int32Array(2 * CAPACITY_FIRST);

  get count(): number {
    return this.#count;
  }

  /**
   * The prefix that adds one block to `parent`, which is a prefix or a root (`NO_PREFIX` or below). Tokens and position
   * count when the prefix is new.
   */
  intern(parent: number, key: number, tokens: number, position?: number): number {
    const found = this.#find(parent, key);
    if (found >= 0) return found;
    if (this.#count === this.#keys.length) {
      this.#grow();
      return this.#append(parent, key, tokens, position, -1 - this.#find(parent, key));
    }
    return this.#append(parent, key, tokens, position, -1 - found);
  }

  cumulativeTokens(prefixId: number): number {
    return prefixId < 0 ? 0 : (this.#cumulativeTokens[prefixId] ?? 0);
  }

  /** The columns so far. What is interned later may not show in them. */
  toTrie(): PrefixTrie {
    const count = this.#count;
    return {
      count,
      parents: this.#parents.subarray(0, count),
      cumulativeTokens: this.#cumulativeTokens.subarray(0, count),
      depths: this.#depths.subarray(0, count),
      positions: this.#positions.subarray(0, count),
    };
  }

  /** The prefix, or -1 - the slot where it belongs. */
  #find(parent: number, key: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(parent, key) & mask;
    for (;;) {
      const id = (this.#slots[slot] ?? 0) - 1;
      if (id < 0) return -1 - slot;
      if (this.#keys[id] === key && this.#givenParents[id] === parent) return id;
      slot = (slot + 1) & mask;
    }
  }

  #append(parent: number, key: number, tokens: number, position: number | undefined, slot: number): number {
    const id = this.#count;
    const isFirst = parent < 0;
    this.#givenParents[id] = parent;
    this.#keys[id] = key;
    this.#parents[id] = isFirst ? NO_PREFIX : parent;
    this.#cumulativeTokens[id] = this.cumulativeTokens(parent) + tokens;
    this.#depths[id] = isFirst ? 0 : (this.#depths[parent] ?? 0) + 1;
    this.#positions[id] = position ?? (isFirst ? 0 : (this.#positions[parent] ?? 0) + 1);
    this.#slots[slot] = id + 1;
    this.#count += 1;
    return id;
  }

  #grow(): void {
    const length = 2 * this.#keys.length;
    const keys = new Float64Array(length);
    keys.set(this.#keys);
    this.#keys = keys;
    const givenParents = new Int32Array(length);
    givenParents.set(this.#givenParents);
    this.#givenParents = givenParents;
    this.#parents = grownColumn(this.#parents, length);
    this.#cumulativeTokens = grownColumn(this.#cumulativeTokens, length);
    this.#depths = grownColumn(this.#depths, length);
    this.#positions = grownColumn(this.#positions, length);
    this.#slots = new Int32Array(2 * length);
    for (let id = 0; id < this.#count; id += 1) {
      const free = this.#find(givenParents[id] ?? 0, keys[id] ?? 0);
      this.#slots[-1 - free] = id + 1;
    }
  }
}
