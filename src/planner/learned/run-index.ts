import { NONE, type Run, type Runs } from './runs.ts';

const SLOTS_FIRST = 1024;

/** Spreads a key of up to 53 bits over 32. */
function hashOf(key: number): number {
  let mixed = Math.imul(key | 0, 0x85ebca6b) ^ Math.imul(Math.floor(key / 2 ** 32), 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Runs by their first keys: open addressing, at most half full; the keys themselves stand with the runs. */
export class RunIndex {
  readonly #runs: Runs;
  /** Number of a run + 1; 0 where nothing stands. */
  #slots = new Int32Array(SLOTS_FIRST);
  #count = 0;

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#slots.byteLength;
  }

  find(key: number): Run {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(key) & mask; ; slot = (slot + 1) & mask) {
      const run = (this.#slots[slot] ?? 0) - 1;
      if (run < 0) return NONE;
      if (this.#runs.firstKey(run) === key) return run;
    }
  }

  /** Puts a run where its first key leads; what stood there under the same key does so no longer. */
  set(run: Run): void {
    if (2 * (this.#count + 1) > this.#slots.length) this.#grow();
    if (this.#put(run)) this.#count += 1;
  }

  /** Takes a run away by its first key. */
  remove(run: Run): void {
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.#runs.firstKey(run)) & mask;
    while (this.#slots[slot] !== run + 1) {
      if (this.#slots[slot] === 0) return;
      slot = (slot + 1) & mask;
    }
    this.#count -= 1;
    this.#close(slot, mask);
  }

  /** Moves up what had been pushed behind a slot that is now free, so that searches need not step over it. */
  #close(from: number, mask: number): void {
    let free = from;
    for (let slot = (free + 1) & mask; ; slot = (slot + 1) & mask) {
      const run = (this.#slots[slot] ?? 0) - 1;
      if (run < 0) break;
      const home = hashOf(this.#runs.firstKey(run)) & mask;
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      this.#slots[free] = run + 1;
      free = slot;
    }
    this.#slots[free] = 0;
  }

  #put(run: Run): boolean {
    const mask = this.#slots.length - 1;
    const key = this.#runs.firstKey(run);
    let slot = hashOf(key) & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#runs.firstKey((this.#slots[slot] ?? 0) - 1) !== key) continue;
      this.#slots[slot] = run + 1;
      return false;
    }
    this.#slots[slot] = run + 1;
    return true;
  }

  #grow(): void {
    const slots = this.#slots;
    this.#slots = new Int32Array(2 * slots.length);
    for (const slot of slots) if (slot > 0) this.#put(slot - 1);
  }
}
