import type { Context } from 'hono';

import { MISS_REASONS, type ListFilter, type RecordFilter } from '../ledger/index.ts';
import { parseTimestamp } from '../runtime/index.ts';

/** A query that cannot be understood: a sentence for the caller. */
export class BadQueryError extends Error {
  override readonly name = 'BadQueryError' as const;
}

function shorten(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

/** A time given as ms since 1970 or as RFC 3339. */
function parseTime(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = parseTimestamp(text);
  if (timeMs !== null) return timeMs;
  throw new BadQueryError(`${name} must be ms since 1970 or an RFC 3339 time, got ${shorten(text)}`);
}

/** @throws BadQueryError when it is no whole number within the limits. */
export function readWhole(
  context: Context,
  name: string,
  { min, max, otherwise }: { readonly min: number; readonly max: number; readonly otherwise: number },
): number {
  const text = context.req.query(name);
  if (text === undefined) return otherwise;
  const whole = Number(text);
  if (text !== '' && Number.isInteger(whole) && whole >= min && whole <= max) return whole;
  throw new BadQueryError(`${name} must be a whole number from ${min} to ${max}, got ${shorten(text)}`);
}

/** @throws BadQueryError when it is none of the words. */
export function readWord<Word extends string>(context: Context, name: string, words: readonly Word[]): Word {
  return findWord(name, context.req.query(name) ?? words[0] ?? '', words);
}

function findWord<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new BadQueryError(`${name} must be one of ${words.join(', ')}, got ${shorten(text)}`);
}

const PICO_PER_USD = 1e12;

/** How a list can be sorted. */
const LIST_ORDERS = ['newest', 'dearest'] as const;

/** Dollars as whole pico-dollars. */
function parseUsd(name: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const usd = text.trim() === '' ? Number.NaN : Number(text);
  if (usd >= 0 && usd <= 1e9) return BigInt(Math.round(usd * PICO_PER_USD));
  throw new BadQueryError(`${name} must be dollars from 0 to 1e9, got ${shorten(text)}`);
}

/** What narrows a list: `reason`, `minCostUsd` and `id` besides; and its `order`. */
export function readListFilter(context: Context): ListFilter {
  const asked = context.req.query('reason');
  const reason = asked === undefined ? undefined : findWord('reason', asked, MISS_REASONS);
  const minCostPicoUsd = parseUsd('minCostUsd', context.req.query('minCostUsd'));
  const id = context.req.query('id');
  if (id !== undefined && ['before', 'order'].some((name) => context.req.query(name) !== undefined))
    throw new BadQueryError('id is that of one record: it takes neither before nor order');
  if (readWord(context, 'order', LIST_ORDERS) === 'newest')
    return { ...readFilter(context), reason, minCostPicoUsd, id };
  if (reason === undefined)
    throw new BadQueryError('order=dearest is by what a reason has cost: it needs a reason');
  return { ...readFilter(context), reason, minCostPicoUsd, isDearestFirst: true };
}

/** `from`, `to`, `scope`, `model` and `tag`. */
export function readFilter(context: Context): RecordFilter {
  return {
    fromMs: parseTime('from', context.req.query('from')),
    toMs: parseTime('to', context.req.query('to')),
    scope: context.req.query('scope'),
    model: context.req.query('model'),
    tag: context.req.query('tag'),
  };
}
