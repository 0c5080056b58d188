import { isObject, PICO_PER_USD, type PicoUsd } from '../core/index.ts';
import type { OwnCost } from './own-cost.ts';
import type { RequestRecord } from './record.ts';
import { reuseCodeOf } from './reuse.ts';
import { addBill, addOwnCost, COUNTS, emptyTotals, missesByReason, MONEY, type Totals } from './totals.ts';

/**
 * Money as two whole numbers that databases and floats hold exactly: dollars, rounded down, and the pico-dollars above
 * them, 0 up to 10^12. A sum of pico-dollars in one 64-bit number would end at 9.2 million dollars.
 */
export type SplitUsd = readonly [usd: number, pico: number];

/** The sums of a row: counts in the order of `COUNTS`, then money in the order of `MONEY`, each amount split. */
export type Amounts = readonly number[];

/** Names of counts as columns. */
export const COUNT_COLUMNS: readonly string[] = [
  'requests',
  'uncached_tokens',
  'read_tokens',
  'write_5m_tokens',
  'write_1h_tokens',
  'output_tokens',
  'unreported',
  'disputed',
  'own_requests',
  'responses_hit',
  'responses_collapsed',
  'responses_stored',
  'responses_missed',
  'responses_bypassed',
];

/** Names of money as columns, without what says in which unit. */
export const MONEY_COLUMNS: readonly string[] = ['cost', 'no_caching', 'client', 'automatic', 'own'];

/** Where money begins in `Amounts`; from there on dollars and pico-dollars take turns. */
export const MONEY_FROM: number = COUNT_COLUMNS.length;
export const AMOUNTS_COUNT: number = MONEY_FROM + 2 * MONEY_COLUMNS.length;

/** Names of `Amounts` as columns of a database that adds them up as they are. */
export const AMOUNT_COLUMNS: readonly string[] = [
  ...COUNT_COLUMNS,
  ...MONEY_COLUMNS.flatMap((name) => [`${name}_usd`, `${name}_pico`]),
];

/** What was missed for one reason, by one request or by several. */
export interface MissSumRow {
  readonly reason: string;
  readonly requests: number;
  readonly tokens: number;
  readonly usd: number;
  readonly pico: number;
}

/** A record as a database stores it: what is searched and added up, and the whole as text. */
export interface LedgerRow {
  readonly id: string;
  /** Whole ms since 1970 UTC. */
  readonly atMs: number;
  /** Sent by ourselves: no request of anybody. */
  readonly isOwn: boolean;
  readonly scope: string;
  readonly model: string;
  readonly tags: readonly string[];
  readonly amounts: Amounts;
  readonly misses: readonly MissSumRow[];
  readonly body: string;
  /**
   * Numbers of a run, where the row stands for several records (`runs.ts`): `id` and `atMs` are those of the first,
   * `amounts` those of one, and `body` is what they have in common.
   */
  readonly run?: Float64Array;
  /** How long after their last use it wanted prefixes again (`reuseCodeOf`); nothing is the same as 0. */
  readonly reuse?: number;
}

/** Numbers of each record of a run. */
export const RUN_NUMBERS = 5;

/** How many records a row stands for. */
export function recordsOf({ run }: LedgerRow): number {
  return run === undefined ? 1 : run.length / RUN_NUMBERS;
}

/** @throws RangeError beyond any money that there is. */
export function splitPico(pico: PicoUsd): SplitUsd {
  const small = Number(pico);
  if (Number.isSafeInteger(small)) {
    const rest = small % 1e12;
    const above = rest < 0 ? rest + 1e12 : rest;
    return [(small - above) / 1e12, above];
  }
  const rest = pico % PICO_PER_USD;
  const above = rest < 0n ? rest + PICO_PER_USD : rest;
  const usd = Number((pico - above) / PICO_PER_USD);
  if (!Number.isSafeInteger(usd)) throw new RangeError('an amount of money is beyond what can be stored');
  return [usd, Number(above)];
}

/** The other way; both parts may be sums. */
export function joinPico(usd: bigint | number, pico: bigint | number): PicoUsd {
  if (usd === 0) return BigInt(pico);
  return BigInt(usd) * PICO_PER_USD + BigInt(pico);
}

/** A name as every database takes it; the empty one stands for all names, so no name may be empty. */
export function nameOf(text: string): string {
  return text === '' ? '(empty)' : text.toWellFormed().replaceAll('\0', '\ufffd');
}

/** Sums as columns. */
function toAmounts(totals: Totals): Amounts {
  const amounts: number[] = [];
  for (const name of COUNTS) amounts.push(totals[name]);
  for (const name of MONEY) amounts.push(...splitPico(totals[name]));
  return amounts;
}

function amountsOf(record: RequestRecord): Amounts {
  const totals = emptyTotals();
  addBill(totals, record);
  return toAmounts(totals);
}

function ownAmountsOf(cost: OwnCost): Amounts {
  const totals = emptyTotals();
  addOwnCost(totals, cost);
  return toAmounts(totals);
}

function missRowsOf(record: RequestRecord): readonly MissSumRow[] {
  if (record.misses.length === 0) return [];
  return missesByReason(record.misses).map(({ reason, tokens, costPicoUsd }) => {
    const [usd, pico] = splitPico(costPicoUsd);
    return { reason: nameOf(reason), requests: 1, tokens, usd, pico };
  });
}

/** Money as text, wherever it is: JSON has no integers of that size. */
function encode(value: object): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'bigint' ? member.toString() : member,
  );
}

/** A copy of an object with its money as text. */
function moneyAsText(amounts: object): object {
  const copy = { ...amounts } as Record<string, unknown>;
  for (const name in copy) {
    const value = copy[name];
    if (typeof value === 'bigint') copy[name] = value.toString();
  }
  return copy;
}

/** What `encode` gives, in half the time where money is in its usual places. */
export function encodeRecord(record: RequestRecord): string {
  const { cost, savings, misses, gate, responses } = record;
  return JSON.stringify({
    ...record,
    cost: cost && moneyAsText(cost),
    savings: savings && moneyAsText(savings),
    misses: misses.length === 0 ? misses : misses.map(moneyAsText),
    gate: gate && moneyAsText(gate),
    responses: responses && moneyAsText(responses),
  });
}

/** Members that are money have names that say so. */
const MONEY_SUFFIX = 'PicoUsd';

function reviveMoney(value: unknown): void {
  if (Array.isArray(value)) for (const member of value) reviveMoney(member);
  else if (isObject(value)) {
    const object = value as Record<string, unknown>;
    for (const [name, member] of Object.entries(object)) {
      if (typeof member === 'string' && name.endsWith(MONEY_SUFFIX)) object[name] = BigInt(member);
      else if (typeof member === 'object') reviveMoney(member);
    }
  }
}

/** A row as this version makes it, from one that an earlier version left in a file. */
export function renewRow(row: LedgerRow): LedgerRow {
  if (row.amounts.length === AMOUNTS_COUNT) return row;
  return row.isOwn ? toOwnRow(decodeBody<OwnCost>(row.body)) : toRow(decodeBody<RequestRecord>(row.body));
}

/** A record, or a cost of our own, from its text. */
export function decodeBody<Kind extends RequestRecord | OwnCost>(body: string): Kind {
  const value: unknown = JSON.parse(body);
  reviveMoney(value);
  return value as Kind;
}

/**
 * A record as a row. It costs about what writing it as text does: a few microseconds.
 *
 * @throws RangeError for numbers that no bill can have.
 */
export function toRow(record: RequestRecord): LedgerRow {
  return {
    id: nameOf(record.id),
    atMs: Math.floor(record.atMs),
    isOwn: false,
    scope: nameOf(record.scope),
    model: nameOf(record.model),
    tags: record.tags.length === 0 ? [] : [...new Set(record.tags.map(nameOf))],
    amounts: amountsOf(record),
    misses: missRowsOf(record),
    body: encodeRecord(record),
    reuse: reuseCodeOf(record),
  };
}

/** What we spent ourselves as a row. */
export function toOwnRow(cost: OwnCost): LedgerRow {
  return {
    id: nameOf(cost.id),
    atMs: Math.floor(cost.atMs),
    isOwn: true,
    scope: nameOf(cost.scope),
    model: nameOf(cost.model),
    tags: [],
    amounts: ownAmountsOf(cost),
    misses: [],
    body: encode(cost),
  };
}

/** Sums from columns; counters are beyond 2^53 only where no bill is. */
export function toTotals(amounts: readonly (bigint | number)[]): Totals {
  const totals = emptyTotals();
  for (const [index, name] of COUNTS.entries()) totals[name] = Number(amounts[index] ?? 0);
  for (const [index, name] of MONEY.entries()) {
    const from = MONEY_FROM + 2 * index;
    totals[name] = joinPico(amounts[from] ?? 0, amounts[from + 1] ?? 0);
  }
  return totals;
}
