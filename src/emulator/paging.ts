import { invalidRequest, type ApiError } from './errors.ts';

/** One page of a list, in the API's form. */
export interface ListPage<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** Most items of one page, and what a request without `limit` gets: everything that is kept here, as a rule. */
const LIMIT_MAX = 1_000;

function readLimit(query: URLSearchParams): number | null {
  const limit = Number(query.get('limit') ?? LIMIT_MAX);
  return Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX ? limit : null;
}

/** Where a page begins and ends in the whole list; null when its cursor names no item. */
function rangeOf(ids: readonly string[], query: URLSearchParams, limit: number): [number, number] | null {
  const after = query.get('after_id');
  const before = query.get('before_id');
  const cursor = after ?? before;
  const at = cursor === null ? -1 : ids.indexOf(cursor);
  if (cursor !== null && at < 0) return null;
  if (after === null && before !== null) return [Math.max(0, at - limit), at];
  return [at + 1, Math.min(ids.length, at + 1 + limit)];
}

/**
 * The page of a list that `limit`, `after_id` and `before_id` ask for, `has_more` in the direction of paging.
 *
 * @example pageOf([{ id: 'a' }, { id: 'b' }], new URLSearchParams('limit=1')) // { page: { data: [{ id: 'a' }], has_more: true, ... } }
 */
export function pageOf<Item extends { readonly id: string }>(
  items: readonly Item[],
  query: URLSearchParams,
): { readonly page: ListPage<Item> } | { readonly error: ApiError } {
  const limit = readLimit(query);
  if (limit === null)
    return { error: invalidRequest(`limit: must be a whole number from 1 to ${LIMIT_MAX}`) };
  const ids = items.map((item) => item.id);
  const range = rangeOf(ids, query, limit);
  if (!range) return { error: invalidRequest('after_id and before_id must be the id of a listed item') };
  const [start, end] = range;
  const isBackwards = query.has('before_id') && !query.has('after_id');
  const data = items.slice(start, end);
  const has_more = isBackwards ? start > 0 : end < items.length;
  return { page: { data, has_more, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null } };
}
