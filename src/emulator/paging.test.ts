import fc from 'fast-check';
import { expect, test } from 'vitest';

import { pageOf } from './paging.ts';

const items = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));
const runs = { numRuns: Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };

function page(query: string, all = items): unknown {
  const result = pageOf(all, new URLSearchParams(query));
  if ('error' in result) return result.error.message;
  const { data, has_more, first_id, last_id } = result.page;
  return [data.map(({ id }) => id).join(''), has_more, first_id, last_id];
}

test.each([
  ['', ['abcde', false, 'a', 'e']],
  ['limit=2', ['ab', true, 'a', 'b']],
  ['limit=2&after_id=b', ['cd', true, 'c', 'd']],
  ['limit=2&after_id=c', ['de', false, 'd', 'e']],
  ['after_id=e', ['', false, null, null]],
  ['limit=2&before_id=d', ['bc', true, 'b', 'c']],
  ['limit=3&before_id=d', ['abc', false, 'a', 'c']],
  ['before_id=a', ['', false, null, null]],
  ['limit=0', 'limit: must be a whole number from 1 to 1000'],
  ['limit=many', 'limit: must be a whole number from 1 to 1000'],
  ['after_id=z', 'after_id and before_id must be the id of a listed item'],
])('page "%s"', (query, expected) => {
  expect(page(query)).toEqual(expected);
});

test('an empty list is one empty page', () => {
  expect(page('', [])).toEqual(['', false, null, null]);
});

test('pages in either direction, put together, are the list', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.uuid(), { maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      (ids, limit) => {
        const all = ids.map((id) => ({ id }));
        const seen: string[] = [];
        let query = `limit=${limit}`;
        for (let hasMore = true; hasMore;) {
          const result = pageOf(all, new URLSearchParams(query));
          if ('error' in result) throw new Error(result.error.message);
          seen.push(...result.page.data.map(({ id }) => id));
          hasMore = result.page.has_more;
          query = `limit=${limit}&after_id=${result.page.last_id}`;
        }
        expect(seen).toEqual(ids);
      },
    ),
    runs,
  );
});
