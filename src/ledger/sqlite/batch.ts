import { AMOUNTS_COUNT, type LedgerRow, type MissSumRow } from '../rows.ts';

/**
 * Rows in the form in which they go to another thread: a few flat arrays are copied many times faster than as many objects.
 */
export interface RowBatch {
  readonly ids: readonly string[];
  readonly scopes: readonly string[];
  readonly models: readonly string[];
  readonly bodies: readonly string[];
  /** Time, kind and amounts of each row. */
  readonly numbers: Float64Array;
  /** Index of a row and its tags, for those that have any. */
  readonly tags: readonly (readonly [number, readonly string[]])[];
  readonly misses: readonly (readonly [number, readonly MissSumRow[]])[];
}

const NUMBERS_COUNT = 2 + AMOUNTS_COUNT;

export function packRows(rows: readonly LedgerRow[]): RowBatch {
  const numbers = new Float64Array(rows.length * NUMBERS_COUNT);
  rows.forEach((row, index) => {
    const from = index * NUMBERS_COUNT;
    numbers[from] = row.atMs;
    numbers[from + 1] = row.isOwn ? 1 : 0;
    numbers.set(row.amounts, from + 2);
  });
  return {
    ids: rows.map(({ id }) => id),
    scopes: rows.map(({ scope }) => scope),
    models: rows.map(({ model }) => model),
    bodies: rows.map(({ body }) => body),
    numbers,
    tags: rows.flatMap(({ tags }, index) => (tags.length === 0 ? [] : [[index, tags] as const])),
    misses: rows.flatMap(({ misses }, index) => (misses.length === 0 ? [] : [[index, misses] as const])),
  };
}

export function unpackRows(batch: RowBatch): readonly LedgerRow[] {
  const tags = new Map(batch.tags);
  const misses = new Map(batch.misses);
  return batch.ids.map((id, index) => {
    const from = index * NUMBERS_COUNT;
    return {
      id,
      atMs: batch.numbers[from] ?? 0,
      isOwn: batch.numbers[from + 1] === 1,
      scope: batch.scopes[index] ?? '',
      model: batch.models[index] ?? '',
      tags: tags.get(index) ?? [],
      amounts: [...batch.numbers.subarray(from + 2, from + NUMBERS_COUNT)],
      misses: misses.get(index) ?? [],
      body: batch.bodies[index] ?? '',
    };
  });
}
