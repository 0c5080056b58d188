/** Keys of one generation; two are kept, 64 MiB in all at most. */
const GENERATION_KEYS_MAX = 2_000_000;
const FIRST_SLOTS = 4096;

/** Two independent 32-bit hashes of a text, mixed so that every character moves every bit. */
function hashOf(text: string): readonly [number, number] {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high ^ code, 0x5f356495);
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  // 0, 0 marks a free slot.
  return [low >>> 0 || 1, high >>> 0];
}

/** An open-addressing set of 64-bit hashes. */
class HashSet {
  #slots: Uint32Array = new Uint32Array(FIRST_SLOTS * 2);
  size = 0;

  has(low: number, high: number): boolean {
    return this.#slots[this.#find(low, high)] === low;
  }

  add(low: number, high: number): void {
    const at = this.#find(low, high);
    if (this.#slots[at] === low) return;
    this.#slots[at] = low;
    this.#slots[at + 1] = high;
    this.size += 1;
    if (this.size * 2 > this.#slots.length / 2) this.#grow();
  }

  /** Where the hash is, or the free slot for it. */
  #find(low: number, high: number): number {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let slot = (low ^ high) & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot * 2];
      if (found === 0 || (found === low && slots[slot * 2 + 1] === high)) return slot * 2;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.size = 0;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] !== 0) this.add(old[at] ?? 0, old[at + 1] ?? 0);
    }
  }
}

/**
 * Remembers which calls were billed. Bounded: it keeps 64-bit hashes (two of a million calls share one with a chance of
 * one in forty million) in two generations; when the newer holds two million, the older is forgotten, so a call is
 * known again for at least the next two million calls.
 */
export class SeenKeys {
  readonly #generationKeysMax: number;
  #newer = new HashSet();
  #older = new HashSet();

  constructor(generationKeysMax: number = GENERATION_KEYS_MAX) {
    this.#generationKeysMax = generationKeysMax;
  }

  /** false when the key was there already. */
  add(key: string): boolean {
    const [low, high] = hashOf(key);
    const isKnown = this.#newer.has(low, high) || this.#older.has(low, high);
    this.#newer.add(low, high);
    if (this.#newer.size >= this.#generationKeysMax) {
      this.#older = this.#newer;
      this.#newer = new HashSet();
    }
    return !isKnown;
  }
}
