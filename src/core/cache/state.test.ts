import { describe, expect, it } from 'vitest';
import { cacheStep, type CacheRequest } from './cache-step.ts';
import { defaultCacheRules, type CacheRules, type OpenQuestions } from './rules.ts';
import {
  conditionOf,
  emptyCacheState,
  isReadable,
  markReady,
  shortenWritten,
  sweepExpired,
  withdraw,
  withEntries,
  type CacheEntry,
  type CacheState,
} from './state.ts';

const entry = (members: Partial<CacheEntry> = {}): CacheEntry => ({
  prefixId: 'a',
  partition: 'p',
  tokens: 10,
  ttl: '5m',
  readyMs: 100,
  expiresMs: 1000,
  usedMs: 0,
  restsOn: null,
  ...members,
});

const rules = (open: Partial<OpenQuestions> = {}, slackMs = 0): CacheRules => ({
  ...defaultCacheRules,
  slackMs,
  open: { ...defaultCacheRules.open, ...open },
});

const all = (state: CacheState): readonly CacheEntry[] =>
  [...state.entries.entries()].flatMap(([, list]) => list);

const REQUEST: CacheRequest = {
  partition: 'p',
  prefixIds: ['a', 'b'],
  cumulativeTokens: [10, 20],
  positions: [0, 1],
  breakpoints: [
    { blockIndex: 0, ttl: '1h', origin: 'explicit' },
    { blockIndex: 1, ttl: '5m', origin: 'explicit' },
  ],
  minCacheableTokens: 0,
};

describe('conditionOf', () => {
  it.each([
    [0, 'pending'],
    [99, 'pending'],
    [100, 'live'],
    [999, 'live'],
    [1000, 'expired'],
  ])('at %i ms it is %s', (nowMs, condition) => {
    expect(conditionOf(entry(), nowMs, rules())).toBe(condition);
  });

  it('counts slack from the end of life', () => {
    expect(conditionOf(entry(), 1049, rules({}, 50))).toBe('live');
    expect(conditionOf(entry(), 1050, rules({}, 50))).toBe('expired');
  });

  it('counts early eviction from the last use', () => {
    const open = { earlyEvictionMs: 300 };
    expect(conditionOf(entry({ usedMs: 200 }), 499, rules(open))).toBe('live');
    expect(conditionOf(entry({ usedMs: 200 }), 500, rules(open))).toBe('expired');
  });

  it('never becomes readable when its response begins too late, or never', () => {
    expect(conditionOf(entry({ readyMs: 1000 }), 999, rules())).toBe('pending');
    expect(conditionOf(entry({ readyMs: 1000 }), 1000, rules())).toBe('expired');
    expect(conditionOf(entry({ readyMs: Infinity }), 1000, rules())).toBe('expired');
  });
});

describe('isReadable', () => {
  const below = entry({ prefixId: 'below', expiresMs: 500 });
  const above = entry({ prefixId: 'above', restsOn: 'below' });
  const state = withEntries(withEntries(emptyCacheState, 'below', [below]), 'above', [above]);

  it('asks of a self-contained entry nothing but its own life', () => {
    expect(isReadable(state, above, 600, rules())).toBe(true);
    expect(isReadable(state, above, 1000, rules())).toBe(false);
  });

  it('asks of a layered entry that one below it lives', () => {
    const layered = rules({ entriesAre: 'layered' });
    expect(isReadable(state, above, 499, layered)).toBe(true);
    expect(isReadable(state, above, 500, layered)).toBe(false);
    const twin = withEntries(state, 'below', [below, { ...below, expiresMs: 700 }]);
    expect(isReadable(twin, above, 600, layered)).toBe(true);
    expect(isReadable(withEntries(state, 'below', []), above, 499, layered)).toBe(false);
  });
});

describe('withEntries', () => {
  it('forgets a prefix without entries', () => {
    const state = withEntries(emptyCacheState, 'a', [entry()]);
    expect(state.entries.size).toBe(1);
    expect(withEntries(state, 'a', []).entries.size).toBe(0);
    expect(emptyCacheState.entries.size).toBe(0);
  });
});

describe('sweepExpired', () => {
  it('drops what has expired and keeps what is pending or lives', () => {
    const state = withEntries(withEntries(emptyCacheState, 'a', [entry(), entry({ expiresMs: 2000 })]), 'b', [
      entry({ prefixId: 'b' }),
    ]);
    expect(all(sweepExpired(state, 1000, rules()))).toEqual([entry({ expiresMs: 2000 })]);
    expect(sweepExpired(state, 50, rules())).toBe(state);
    expect(all(state)).toHaveLength(3);
  });

  it('respects slack', () => {
    const state = withEntries(emptyCacheState, 'a', [entry()]);
    expect(sweepExpired(state, 1049, rules({}, 50)).entries.size).toBe(1);
    expect(sweepExpired(state, 1050, rules({}, 50)).entries.size).toBe(0);
  });
});

describe('markReady and withdraw', () => {
  const [outcome, written] = cacheStep(emptyCacheState, REQUEST, { startMs: 0, readyMs: Infinity });

  it('makes what a request wrote readable from a time on', () => {
    expect(cacheStep(written, REQUEST, { startMs: 500, readyMs: 500 })[0].readTokens).toBe(0);
    const ready = markReady(written, outcome.written, 400);
    expect(all(ready).map((each) => each.readyMs)).toEqual([400, 400]);
    expect(cacheStep(ready, REQUEST, { startMs: 399, readyMs: 399 })[0].readTokens).toBe(0);
    expect(cacheStep(ready, REQUEST, { startMs: 400, readyMs: 400 })[0].readTokens).toBe(20);
    expect(all(written).map((each) => each.readyMs)).toEqual([Infinity, Infinity]);
  });

  it('makes the writes of a failed request never to have been', () => {
    expect(withdraw(written, outcome.written).entries.size).toBe(0);
  });

  it('does nothing to writes that are already ready or gone', () => {
    const ready = markReady(written, outcome.written, 400);
    expect(all(withdraw(ready, outcome.written))).toEqual(all(ready));
    expect(all(markReady(ready, outcome.written, 900))).toEqual(all(ready));
    expect(markReady(emptyCacheState, outcome.written, 1).entries.size).toBe(0);
    expect(withdraw(emptyCacheState, outcome.written).entries.size).toBe(0);
  });

  it('tells twins in flight apart as far as it matters', () => {
    const [second, both] = cacheStep(written, REQUEST, { startMs: 0, readyMs: Infinity });
    expect(all(both)).toHaveLength(4);
    const oneReady = markReady(both, outcome.written, 100);
    expect(all(oneReady).filter((each) => each.readyMs === 100)).toHaveLength(2);
    const oneGone = withdraw(oneReady, second.written);
    expect(all(oneGone).map((each) => each.readyMs)).toEqual([100, 100]);
  });

  it('leaves the entries of an earlier or later twin alone', () => {
    const [later, both] = cacheStep(written, REQUEST, { startMs: 7, readyMs: Infinity });
    const expiries = (state: CacheState): readonly number[] =>
      all(state)
        .map((each) => each.expiresMs)
        .toSorted((a, b) => a - b);
    expect(expiries(withdraw(both, outcome.written))).toEqual([300_007, 3_600_007]);
    expect(expiries(withdraw(both, later.written))).toEqual([300_000, 3_600_000]);
  });
});

describe('what was written for an hour and billed for five minutes', () => {
  const write = cacheStep(emptyCacheState, REQUEST, { startMs: 0, readyMs: Infinity }, rules());
  const begun = markReady(write[1], write[0].written, 50);

  it('lives for five minutes from its last use', () => {
    const shortened = shortenWritten(begun, write[0].written, 50, rules());
    expect(all(shortened).map(({ ttl, expiresMs, readyMs }) => [ttl, expiresMs, readyMs])).toEqual([
      ['5m', 300_000, 50],
      ['5m', 300_000, 50],
    ]);
    const read = cacheStep(begun, REQUEST, { startMs: 200_000, readyMs: 200_000 }, rules())[1];
    const later = shortenWritten(read, write[0].written, 50, rules());
    expect(later.entries.get('a')).toMatchObject([{ ttl: '5m', expiresMs: 500_000 }]);
  });

  it('leaves alone what another request wrote', () => {
    const other = { ...begun.entries.get('a')![0]!, readyMs: 70 };
    const state = withEntries(begun, 'a', [other]);
    expect(shortenWritten(state, write[0].written, 50, rules()).entries.get('a')).toEqual([other]);
  });
});
