import { AMOUNTS_COUNT, type LedgerRow, type MissSumRow } from '../rows.ts';

/**
 * Rows in the form in which they go to another thread: a few flat arrays are copied many times faster than as many objects.
 */
export interface RowBatch {
  readonly ids: readonly string[];
  readonly scopes: readonly string[];
  readonly models: readonly string[];
  readonly bodies: readonly string[];
  /** Time, kind, reuse and amounts of each row. */
  readonly numbers: Float64Array;
  /** Index of a row and its tags, for those that have any. */
  readonly tags: readonly (readonly [number, readonly string[]])[];
  readonly misses: readonly (readonly [number, readonly MissSumRow[]])[];
  /** Index of a row that stands for several records, and their numbers. */
  readonly runs: readonly (readonly [number, Float64Array])[];
}

const NUMBERS_COUNT = 3 + AMOUNTS_COUNT;

export function packRows(rows: readonly LedgerRow[]): RowBatch {
  const numbers = new Float64Array(rows.length * NUMBERS_COUNT);
  rows.forEach((row, index) => {
    const from = index * NUMBERS_COUNT;
    numbers[from] = row.atMs;
    numbers[from + 1] = row.isOwn ? 1 : 0;
    numbers[from + 2] = row.reuse ?? 0;
    numbers.set(row.amounts, from + 3);
  });
  return {
    ids: rows.map(({ id }) => id),
    scopes: rows.map(({ scope }) => scope),
    models: rows.map(({ model }) => model),
    bodies: rows.map(({ body }) => body),
    numbers,
    tags: rows.flatMap(({ tags }, index) => (tags.length === 0 ? [] : [[index, tags] as const])),
    misses: rows.flatMap(({ misses }, index) => (misses.length === 0 ? [] : [[index, misses] as const])),
    runs: rows.flatMap(({ run }, index) => (run ? [[index, run] as const] : [])),
  };
}

export function unpackRows(batch: RowBatch): readonly LedgerRow[] {
  const tags = new Map(batch.tags);
  const misses = new Map(batch.misses);
  const runs = new Map(batch.runs);
  return batch.ids.map((id, index) => {
    const from = index * NUMBERS_COUNT;
    const run = runs.get(index);
    return {
      id,
      atMs: batch.numbers[from] ?? 0,
      isOwn: batch.numbers[from + 1] === 1,
      scope: batch.scopes[index] ?? '',
      model: batch.models[index] ?? '',
      tags: tags.get(index) ?? [],
      amounts: [...batch.numbers.subarray(from + 3, from + NUMBERS_COUNT)],
      misses: misses.get(index) ?? [],
      body: batch.bodies[index] ?? '',
      reuse: batch.numbers[from + 2] ?? 0,
      ...(run ? { run } : {}),
    };
  });
}
