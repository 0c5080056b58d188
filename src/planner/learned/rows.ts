const ROWS_FIRST = 64;

/**
 * Rows of numbers of one width, given out and taken back by their number. What is known of one thing lies together in
 * memory, and a hundred thousand things are one object.
 */
export class Rows {
  readonly #width: number;
  #numbers: Float64Array<ArrayBuffer>;
  #free: number[] = [];
  #end = 0;

  constructor(width: number) {
    this.#width = width;
    this.#numbers = new Float64Array(width * ROWS_FIRST);
  }

  /** Rows in use. */
  get count(): number {
    return this.#end - this.#free.length;
  }

  /** One more than the highest number ever given out. */
  get end(): number {
    return this.#end;
  }

  get byteLength(): number {
    return this.#numbers.byteLength + this.#free.length * 8;
  }

  /** A row whose numbers are whatever was in it before. */
  add(): number {
    const row = this.#free.pop() ?? this.#end;
    if (row < this.#end) return row;
    this.#end += 1;
    if (this.#end * this.#width > this.#numbers.length) this.#grow();
    return row;
  }

  remove(row: number): void {
    this.#free.push(row);
  }

  get(row: number, field: number): number {
    return this.#numbers[row * this.#width + field] ?? 0;
  }

  set(row: number, field: number, value: number): void {
    this.#numbers[row * this.#width + field] = value;
  }

  /** The numbers of all rows up to `end`, those not in use among them; a view, not a copy. */
  written(): Float64Array {
    return this.#numbers.subarray(0, this.#end * this.#width);
  }

  /** Rows not in use below `end`. */
  unused(): readonly number[] {
    return this.#free;
  }

  /** Takes over what `written` and `unused` gave. */
  fill(numbers: Float64Array, unused: ArrayLike<number>): void {
    this.#end = numbers.length / this.#width;
    this.#numbers = new Float64Array(Math.max(numbers.length, this.#width * ROWS_FIRST));
    this.#numbers.set(numbers);
    this.#free = Array.from(unused);
  }

  #grow(): void {
    // Small ones double; large ones would leave too much unused.
    const rows = this.#numbers.length / this.#width;
    const length = this.#width * Math.ceil(rows * (rows < 1024 ? 2 : 1.25));
    this.#numbers = new Float64Array(this.#numbers.buffer.transfer(length * Float64Array.BYTES_PER_ELEMENT));
  }
}
