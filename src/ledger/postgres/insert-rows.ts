import type { PoolClient } from 'pg';

import { rollUp, type RollupRow } from '../rollup.ts';
import { joinPico, MONEY_FROM, type Amounts, type LedgerRow } from '../rows.ts';
import { insertReuse } from './insert-reuse.ts';
import { SUM_COLUMNS } from './schema.ts';

/** A column of an insert: its name, its type, its values, and how a value is written where it is not taken as it is. */
interface Column {
  readonly name: string;
  readonly type: string;
  readonly values: readonly unknown[];
  readonly written?: string;
}

function moneyOf(usd: number, pico: number): string {
  return joinPico(BigInt(usd), BigInt(pico)).toString();
}

/** Sums as NUMERIC takes them. */
function numericsOf(amounts: Amounts): readonly string[] {
  const money = SUM_COLUMNS.slice(MONEY_FROM).map((_name, index) =>
    moneyOf(amounts[MONEY_FROM + 2 * index] ?? 0, amounts[MONEY_FROM + 2 * index + 1] ?? 0),
  );
  return [...amounts.slice(0, MONEY_FROM).map(String), ...money];
}

function sumColumns(rows: readonly { readonly amounts: Amounts }[]): readonly Column[] {
  const numerics = rows.map(({ amounts }) => numericsOf(amounts));
  return SUM_COLUMNS.map((name, index) => ({
    name,
    type: 'numeric',
    values: numerics.map((row) => row[index]),
  }));
}

interface Inserted {
  readonly seq: string;
  readonly id: string;
  readonly is_own: boolean;
}

/** One statement for any number of rows: a parameter for each column. */
async function insert(
  client: PoolClient,
  table: string,
  columns: readonly Column[],
  rest: string,
): Promise<readonly Inserted[]> {
  if (columns[0]?.values.length === 0) return [];
  const names = columns.map(({ name }) => name).join(', ');
  const written = columns.map(({ name, written: as }) => as ?? name).join(', ');
  const parameters = columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ');
  const { rows } = await client.query<Inserted>(
    `INSERT INTO ${table} (${names}) SELECT ${written} FROM unnest(${parameters}) AS given (${names}) ${rest}`,
    columns.map(({ values }) => values),
  );
  return rows;
}

/** Columns of some rows, each by what a row has there. */
function columnsOf<Row>(
  rows: readonly Row[],
  columns: readonly (readonly [name: string, type: string, value: (row: Row) => unknown, written?: string])[],
): readonly Column[] {
  return columns.map(([name, type, value, written]) => ({
    name,
    type,
    values: rows.map(value),
    ...(written === undefined ? {} : { written }),
  }));
}

const keyOf = (isOwn: boolean, id: string): string => `${isOwn} ${id}`;

async function insertRecords(
  client: PoolClient,
  rows: readonly LedgerRow[],
): Promise<readonly (LedgerRow & { readonly seq: string })[]> {
  const inserted = await insert(
    client,
    'cachewright_record',
    [
      ...columnsOf(rows, [
        ['id', 'text', ({ id }) => id],
        ['is_own', 'boolean', ({ isOwn }) => isOwn],
        ['at_ms', 'bigint', ({ atMs }) => atMs],
        ['scope', 'text', ({ scope }) => scope],
        ['model', 'text', ({ model }) => model],
        // Lists of different lengths are no parameter: each comes as JSON.
        [
          'tags',
          'text',
          ({ tags }) => JSON.stringify(tags),
          'ARRAY(SELECT jsonb_array_elements_text(tags::jsonb))',
        ],
        ['reuse', 'integer', ({ reuse = 0 }) => reuse],
        ['body', 'text', ({ body }) => body],
      ]),
      ...sumColumns(rows),
    ],
    'ON CONFLICT DO NOTHING RETURNING seq, id, is_own',
  );
  // Of two with one id in one batch the first is the one that is stored.
  const byKey = new Map(rows.toReversed().map((row) => [keyOf(row.isOwn, row.id), row]));
  return inserted.flatMap(({ seq, id, is_own: isOwn }) => {
    const row = byKey.get(keyOf(isOwn, id));
    return row ? [{ ...row, seq }] : [];
  });
}

async function insertMissed(
  client: PoolClient,
  rows: readonly (LedgerRow & { readonly seq: string })[],
): Promise<void> {
  const missed = rows.flatMap(({ seq, misses }) => misses.map((miss) => ({ seq, ...miss })));
  await insert(
    client,
    'cachewright_missed',
    columnsOf(missed, [
      ['seq', 'bigint', ({ seq }) => seq],
      ['reason', 'text', ({ reason }) => reason],
      ['tokens', 'numeric', ({ tokens }) => tokens],
      ['cost_pico_usd', 'numeric', ({ usd, pico }) => moneyOf(usd, pico)],
    ]),
    '',
  );
}

function placeColumns(rows: readonly Omit<RollupRow, 'amounts' | 'misses'>[]): readonly Column[] {
  return columnsOf(rows, [
    ['level_ms', 'bigint', ({ levelMs }) => levelMs],
    ['tag', 'text', ({ tag }) => tag],
    ['scope', 'text', ({ scope }) => scope],
    ['bucket_ms', 'bigint', ({ bucketMs }) => bucketMs],
    ['model', 'text', ({ model }) => model],
  ]);
}

const PLACE = 'level_ms, tag, scope, bucket_ms, model';

function adding(table: string, key: string, names: readonly string[]): string {
  const sums = names.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ');
  return `ON CONFLICT (${key}) DO UPDATE SET ${sums}`;
}

/** Rows in one order everywhere: two gateways that update the same ones must not wait for each other in a circle. */
function inOrder(rows: readonly RollupRow[]): readonly RollupRow[] {
  const keyed = rows.map((row) => ({
    row,
    key: `${row.levelMs}\0${row.bucketMs}\0${row.tag}\0${row.scope}\0${row.model}`,
  }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ row }) => row);
}

/**
 * Stores rows and their sums within the caller's transaction; what is stored already is passed over, in the sums too.
 */
export async function insertRows(client: PoolClient, rows: readonly LedgerRow[]): Promise<void> {
  const added = await insertRecords(client, rows);
  await insertMissed(client, added);
  const sums = inOrder(rollUp(added));
  await insert(
    client,
    'cachewright_rollup',
    [...placeColumns(sums), ...sumColumns(sums)],
    adding('cachewright_rollup', PLACE, SUM_COLUMNS),
  );
  const missed = sums.flatMap(({ misses, ...place }) =>
    misses.toSorted((a, b) => (a.reason < b.reason ? -1 : 1)).map((miss) => ({ ...place, ...miss })),
  );
  await insert(
    client,
    'cachewright_miss_rollup',
    [
      ...placeColumns(missed),
      ...columnsOf(missed, [
        ['reason', 'text', ({ reason }) => reason],
        ['requests', 'numeric', ({ requests }) => requests],
        ['tokens', 'numeric', ({ tokens }) => tokens],
        ['cost_pico_usd', 'numeric', ({ usd, pico }) => moneyOf(usd, pico)],
      ]),
    ],
    adding('cachewright_miss_rollup', `${PLACE}, reason`, ['requests', 'tokens', 'cost_pico_usd']),
  );
  await insertReuse(client, added);
}
