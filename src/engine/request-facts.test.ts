import { createSecretKey } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  betasOf,
  isEncoded,
  modeOf,
  OWN_HEADER_PREFIX,
  OWN_HEADERS,
  scopeOf,
  tagsOf,
} from './request-facts.ts';

const numRuns = Math.ceil(300 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const SECRET = Buffer.alloc(32, 1);

describe('the scope', () => {
  it('is the same for the same credential, workspace and name', () => {
    const headers = { 'x-api-key': 'k', 'anthropic-workspace-id': 'w', 'x-cachewright-scope': 'n' };
    expect(scopeOf({ ...headers }, SECRET)).toBe(scopeOf({ ...headers, 'user-agent': 'x' }, SECRET));
    expect(scopeOf(headers, SECRET)).toMatch(/^[\w-]{22}$/);
  });

  it('is the same for a credential in either header', () => {
    expect(scopeOf({ authorization: 'Bearer k' }, SECRET)).toBe(scopeOf({ 'x-api-key': 'k' }, SECRET));
    expect(scopeOf({ authorization: 'bearer   k' }, SECRET)).toBe(
      scopeOf({ authorization: 'Bearer k' }, SECRET),
    );
  });

  it('is split by a name, which joins nothing', () => {
    const named = (key: string): string =>
      scopeOf({ 'x-api-key': key, 'x-cachewright-scope': 'team' }, SECRET);
    expect(named('a')).not.toBe(named('b'));
    expect(named('a')).not.toBe(scopeOf({ 'x-api-key': 'a' }, SECRET));
  });

  it('is split by the bearer where all share one key', () => {
    const shared = (bearer: string): string =>
      scopeOf({ 'x-api-key': 'unused', authorization: `Bearer ${bearer}` }, SECRET);
    expect(shared('a')).not.toBe(shared('b'));
  });

  it('is another in another installation, and never shows a credential', () => {
    const headers = { 'x-api-key': 'sk-ant-1' };
    expect(scopeOf(headers, SECRET)).not.toBe(scopeOf(headers, Buffer.alloc(32, 2)));
    expect(scopeOf(headers, SECRET)).not.toContain('sk-ant');
  });

  it('is the same where pseudonyms are remembered, also after more of them than are', () => {
    const key = createSecretKey(SECRET);
    const of = (index: number) => ({
      'x-api-key': `k${index % 40}`,
      'anthropic-workspace-id': `w${index % 100}`,
      'x-cachewright-scope': `${index % 2_200}`,
    });
    for (let index = 0; index < 3_000; index += 1) {
      const headers = of(index);
      const scope = scopeOf(headers, key);
      expect(scope).toBe(scopeOf(headers, SECRET));
      expect(scopeOf({ ...headers }, key)).toBe(scope);
      expect(scopeOf({ ...headers, 'anthropic-workspace-id': 'other' }, key)).not.toBe(scope);
    }
    expect(scopeOf(of(1), createSecretKey(Buffer.alloc(32, 2)))).not.toBe(scopeOf(of(1), key));
  });

  it('never joins two that differ, whatever is in the headers', () => {
    const part = fc.oneof(fc.constantFrom('', 'a', 'b', '","', '\\"', 'a,b'), fc.string({ maxLength: 4 }));
    const facts = fc.record({ key: part, bearer: part, workspace: part, name: part });
    const scope = ({
      key,
      bearer,
      workspace,
      name,
    }: Record<'key' | 'bearer' | 'workspace' | 'name', string>): string =>
      scopeOf(
        {
          'x-api-key': key,
          authorization: bearer && `Bearer ${bearer}`,
          'anthropic-workspace-id': workspace,
          'x-cachewright-scope': name,
        },
        SECRET,
      );
    fc.assert(
      fc.property(facts, facts, (a, b) => {
        const credential = ({ key, bearer }: { key: string; bearer: string }): string =>
          JSON.stringify([key || bearer.trimStart(), key && bearer.trimStart()]);
        const isSame = credential(a) === credential(b) && a.workspace === b.workspace && a.name === b.name;
        expect(scope(a) === scope(b)).toBe(isSame);
      }),
      { numRuns },
    );
  });
});

describe('the mode', () => {
  it.each([
    ['off', 'off'],
    [' Observe ', 'observe'],
    ['OPTIMIZE', 'optimize'],
    ['', 'observe'],
    ['on', 'observe'],
  ])('asked for as %j is %s', (asked, mode) => {
    expect(modeOf({ 'x-cachewright-mode': asked }, 'observe')).toBe(mode);
  });
  it('is the configured one unless asked for', () => {
    expect(modeOf({}, 'off')).toBe('off');
  });
});

describe('tags', () => {
  it('are a list without repetition, spaces and blanks', () => {
    expect(tagsOf({ 'x-cachewright-tags': ' a, b,,a ,c ' })).toEqual(['a', 'b', 'c']);
    expect(tagsOf({})).toEqual([]);
    expect(tagsOf({ 'x-cachewright-tags': ['x', 'y'] })).toEqual(['x']);
  });
  it('are bounded in number and length', () => {
    const tags = tagsOf({
      'x-cachewright-tags': Array.from({ length: 1_000 }, (_, index) => `${index}`.padEnd(500, 'x')).join(
        ',',
      ),
    });
    expect(tags).toHaveLength(16);
    expect(tags.every((tag) => tag.length === 64)).toBe(true);
  });
});

it('betas are a list', () => {
  expect(betasOf({ 'anthropic-beta': 'a-1, b-2,' })).toEqual(['a-1', 'b-2']);
  expect(betasOf({})).toEqual([]);
});

it('a body is encoded unless it says nothing or identity', () => {
  expect(
    ['gzip', ' BR', 'identity, gzip'].map((encoding) => isEncoded({ 'content-encoding': encoding })),
  ).toEqual([true, true, true]);
  expect([{}, { 'content-encoding': '' }, { 'content-encoding': ' Identity ' }].map(isEncoded)).toEqual([
    false,
    false,
    false,
  ]);
});

it('our own headers share a beginning', () => {
  expect([...OWN_HEADERS].every((name) => name.startsWith(OWN_HEADER_PREFIX))).toBe(true);
});
