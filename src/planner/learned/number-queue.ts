const LENGTH_FIRST = 64;

/** Numbers, first in, first out. */
export class NumberQueue {
  #ring = new Int32Array(LENGTH_FIRST);
  #head = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#ring.byteLength;
  }

  add(value: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#count) & (this.#ring.length - 1)] = value;
    this.#count += 1;
  }

  /** The number that has waited longest; -1 without one. */
  first(): number {
    return this.#count === 0 ? -1 : (this.#ring[this.#head] ?? -1);
  }

  removeFirst(): void {
    if (this.#count === 0) return;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count -= 1;
  }

  /** A copy, in order. */
  values(): Int32Array {
    const values = new Int32Array(this.#count);
    const untilEnd = this.#ring.subarray(this.#head, this.#head + this.#count);
    values.set(untilEnd);
    values.set(this.#ring.subarray(0, this.#count - untilEnd.length), untilEnd.length);
    return values;
  }

  #grow(): void {
    const values = this.values();
    this.#ring = new Int32Array(2 * this.#ring.length);
    this.#ring.set(values);
    this.#head = 0;
  }
}
