/** A column of a table: one typed array on shared memory, so that worker threads read it without a copy. */
export type Column = Int32Array | Float64Array | Uint8Array;

/** `length` zeros. */
export function int32Column(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

/** `length` zeros. */
export function float64Column(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
}

/** `length` zeros. */
export function uint8Column(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

function zerosLike<T extends Column>(column: T, length: number): T {
  if (column instanceof Int32Array) return int32Column(length) as T;
  return (column instanceof Float64Array ? float64Column(length) : uint8Column(length)) as T;
}

/** A longer column with the same start. Zeros that are never written take no memory of the machine. */
export function grownColumn<T extends Column>(column: T, length: number): T {
  const longer = zerosLike(column, length);
  longer.set(column);
  return longer;
}

/** A column with the values of `column` in the order that `order` lists their places. */
export function reorderedColumn<T extends Column>(column: T, order: Uint32Array): T {
  const ordered = zerosLike(column, order.length);
  for (let row = 0; row < order.length; row += 1) ordered[row] = column[order[row] ?? 0] ?? 0;
  return ordered;
}
