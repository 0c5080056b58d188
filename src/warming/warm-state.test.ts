import { describe, expect, it } from 'vitest';

import { defaultCacheRules, scaleTtls } from '../core/index.ts';
import { createWarmState } from './warm-state.ts';

const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;

describe('createWarmState', () => {
  it('counts the life of an entry from the start of the request that used it last', () => {
    const state = createWarmState(defaultCacheRules);
    state.wrote('a', '5m', 900, 1000);
    expect(state.find('a', 1000 + FIVE_MINUTES_MS - 1)).toMatchObject({ ttl: '5m', tokens: 900 });
    state.read('a', 900, 200_000);
    expect(state.find('a', 200_000)?.warmUntilMs).toBe(200_000 + FIVE_MINUTES_MS);
    expect(state.find('a', 200_000 + FIVE_MINUTES_MS)).toBeNull();
    expect(state.find('a', 1000)).toBeNull();
  });

  it('goes by the request that began last, in whatever order they end', () => {
    const state = createWarmState(defaultCacheRules);
    state.wrote('a', '5m', 900, 5000);
    state.read('a', 900, 1000);
    expect(state.find('a', 5000)?.warmUntilMs).toBe(5000 + FIVE_MINUTES_MS);
  });

  it('keeps the TTL that an entry was written with, and takes the shorter for one of others', () => {
    const state = createWarmState(defaultCacheRules);
    state.wrote('a', '1h', 900, 0);
    state.read('a', 900, 1000);
    state.read('b', 900, 1000);
    expect(state.list(1000).map(({ prefixId, warmUntilMs }) => [prefixId, warmUntilMs])).toEqual([
      ['b', 1000 + FIVE_MINUTES_MS],
      ['a', 1000 + HOUR_MS],
    ]);
    expect(state.list(1000 + FIVE_MINUTES_MS)).toHaveLength(1);
  });

  it('lives by the rules that it is given', () => {
    const state = createWarmState(scaleTtls(defaultCacheRules, 100));
    state.wrote('a', '5m', 900, 0);
    expect(state.find('a', 2999)).not.toBeNull();
    expect(state.find('a', 3000)).toBeNull();
  });
});
