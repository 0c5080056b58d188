import { describe, expect, it } from 'vitest';
import { defaultCacheRules, type Ttl } from '../../src/core/cache/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import {
  counters,
  createService,
  HOUR_MS,
  marked,
  MINUTE_MS,
  NEWER,
  rulesWith,
  text,
  user,
} from './helpers.ts';

const TTL_MS: { readonly [T in Ttl]: number } = { '5m': 5 * MINUTE_MS, '1h': HOUR_MS };

/** Blocks of 1,000 tokens, each with a marker where a TTL is given. */
function stack(...ttls: readonly (Ttl | null)[]): JsonObject {
  const blocks = ttls.map((ttl, index) => {
    const block = text(1000, `b${index}-`);
    return ttl ? marked(block, ttl) : block;
  });
  return { model: NEWER, messages: blocks.map((block) => user(block)) };
}

describe('4.1, 4.2 lifetimes', () => {
  it.each(['5m', '1h'] as const)('4.1: a %s entry lives until its TTL, to the millisecond', (ttl) => {
    const service = createService();
    service.send(stack(ttl), 0);
    expect(service.fork().send(stack(ttl), TTL_MS[ttl] - 1).outcome.readTokens).toBe(1000);
    expect(service.fork().send(stack(ttl), TTL_MS[ttl]).outcome.readTokens).toBe(0);
  });

  it('4.2: the clock starts with the request: of a 4-minute response one minute is left', () => {
    const service = createService();
    service.send(stack('5m'), 0, { beginsAfterMs: 4 * MINUTE_MS });
    expect(service.fork().send(stack('5m'), 5 * MINUTE_MS - 1).outcome.readTokens).toBe(1000);
    expect(service.fork().send(stack('5m'), 5 * MINUTE_MS).outcome.readTokens).toBe(0);
  });

  it('4.2: an entry of which the response begins after its TTL is never readable', () => {
    const service = createService();
    service.send(stack('5m'), 0, { beginsAfterMs: 5 * MINUTE_MS });
    for (const atMs of [5 * MINUTE_MS - 1, 5 * MINUTE_MS, 5 * MINUTE_MS + 1]) {
      expect(service.fork().send(stack('5m'), atMs).outcome.readTokens).toBe(0);
    }
  });
});

describe('4.3 refreshing', () => {
  it.each(['5m', '1h'] as const)('4.3: a read renews a %s entry for its TTL, free of charge', (ttl) => {
    const service = createService();
    service.send(stack(ttl), 0);
    const readMs = TTL_MS[ttl] - 1;
    expect(counters(service.send(stack(ttl), readMs).outcome)).toEqual([1000, 0, 0, 0]);
    expect(service.fork().send(stack(ttl), readMs + TTL_MS[ttl] - 1).outcome.readTokens).toBe(1000);
    expect(service.fork().send(stack(ttl), readMs + TTL_MS[ttl]).outcome.readTokens).toBe(0);
  });

  it('4.2, 4.3: the renewed life starts with the reading request, however long its response takes', () => {
    const service = createService();
    service.send(stack('5m'), 0);
    service.send(stack('5m'), MINUTE_MS, { beginsAfterMs: 4 * MINUTE_MS });
    expect(service.fork().send(stack('5m'), 6 * MINUTE_MS - 1).outcome.readTokens).toBe(1000);
    expect(service.fork().send(stack('5m'), 6 * MINUTE_MS).outcome.readTokens).toBe(0);
  });

  it('4.3: the life is that of the original write, whatever the reading marker says', () => {
    const written1h = createService();
    written1h.send(stack('1h'), 0);
    written1h.send(stack('5m'), 30 * MINUTE_MS);
    expect(written1h.fork().send(stack('5m'), 90 * MINUTE_MS - 1).outcome.readTokens).toBe(1000);
    expect(written1h.fork().send(stack('5m'), 90 * MINUTE_MS).outcome.readTokens).toBe(0);

    const written5m = createService();
    written5m.send(stack('5m'), 0);
    written5m.send(stack('1h'), MINUTE_MS);
    expect(written5m.fork().send(stack('1h'), 6 * MINUTE_MS - 1).outcome.readTokens).toBe(1000);
    expect(written5m.fork().send(stack('1h'), 6 * MINUTE_MS).outcome.readTokens).toBe(0);
  });

  it('4.3: a longer hit keeps the shorter entries on its path warm', () => {
    const service = createService();
    service.send(stack('5m'), 0);
    service.send(stack(null, '5m'), 4 * MINUTE_MS);
    service.send(stack(null, '5m'), 8 * MINUTE_MS);
    service.send(stack(null, '5m'), 12 * MINUTE_MS);
    expect(service.fork().send(stack('5m'), 17 * MINUTE_MS - 1).outcome.readTokens).toBe(1000);
    expect(service.fork().send(stack('5m'), 17 * MINUTE_MS).outcome.readTokens).toBe(0);
  });

  it('4.3: each entry on the path is renewed for its own TTL', () => {
    const service = createService();
    service.send(stack('1h', '5m', '5m'), 0);
    service.send(stack(null, null, '5m'), 4 * MINUTE_MS);
    const lives = (count: number, atMs: number): boolean =>
      service.fork().send(stack(...Array.from({ length: count }, () => '5m' as const)), atMs).outcome
        .readTokens ===
      count * 1000;
    expect([lives(1, 64 * MINUTE_MS - 1), lives(1, 64 * MINUTE_MS)]).toEqual([true, false]);
    expect([lives(2, 9 * MINUTE_MS - 1), lives(2, 9 * MINUTE_MS)]).toEqual([true, false]);
  });

  it('4.3: what has expired on the path stays expired', () => {
    const service = createService();
    service.send(stack('5m'), 0);
    service.send(stack(null, '1h'), 1);
    expect(service.send(stack(null, '1h'), 10 * MINUTE_MS).outcome.readTokens).toBe(2000);
    expect(service.send(stack('5m', null), 10 * MINUTE_MS + 1).outcome.readTokens).toBe(0);
  });

  it('4.3: nothing beyond the hit and nothing on another branch is renewed', () => {
    const service = createService();
    service.send(stack('5m', '5m'), 0);
    const branch = { model: NEWER, messages: [user(text(1000, 'b0-')), user(marked(text(1000, 'other')))] };
    service.send(branch, 1);
    service.send(stack('5m'), 4 * MINUTE_MS);
    expect(service.fork().send(stack(null, '5m'), 6 * MINUTE_MS).outcome.readTokens).toBe(1000);
    expect(service.fork().send(branch, 6 * MINUTE_MS).outcome.readTokens).toBe(1000);
  });
});

describe('4.4 readable from', () => {
  it('4.4: once the response begins, not before', () => {
    const service = createService();
    service.send(stack('5m'), 0, { beginsAfterMs: 900 });
    const early = service.fork().send(stack('5m'), 899).outcome;
    expect(counters(early)).toEqual([0, 0, 1000, 0]);
    expect(early.nearMiss).toEqual({ reason: 'in_flight', blockIndex: 0, tokens: 1000 });
    expect(counters(service.fork().send(stack('5m'), 900).outcome)).toEqual([1000, 0, 0, 0]);
  });

  it('4.4: parallel identical requests all write', () => {
    const service = createService();
    const outcomes = [0, 0, 10, 500].map(
      (atMs) => service.send(stack('5m'), atMs, { beginsAfterMs: 900 }).outcome,
    );
    expect(outcomes.map(counters)).toEqual(outcomes.map(() => [0, 0, 1000, 0]));
    expect(service.send(stack('5m'), 900).outcome.readTokens).toBe(1000);
  });

  it('4.4: twins live each for its own time until a read renews the readable ones', () => {
    const twins = createService();
    twins.send(stack('5m'), 0, { beginsAfterMs: MINUTE_MS });
    twins.send(stack('5m'), MINUTE_MS - 1, { beginsAfterMs: MINUTE_MS });
    expect(twins.fork().send(stack('5m'), 6 * MINUTE_MS - 2).outcome.readTokens).toBe(1000);
    expect(twins.fork().send(stack('5m'), 6 * MINUTE_MS - 1).outcome.readTokens).toBe(0);
    // Read at 1 min: the first lives until 6 min; the second, still in flight, was not renewed.
    twins.send(stack('5m'), MINUTE_MS);
    expect(twins.fork().send(stack('5m'), 6 * MINUTE_MS - 1).outcome.readTokens).toBe(1000);
    expect(twins.fork().send(stack('5m'), 6 * MINUTE_MS).outcome.readTokens).toBe(0);
  });

  it('4.4: a shorter prefix that is readable is read while a longer one is in flight', () => {
    const service = createService();
    service.send(stack('5m'), 0);
    service.send(stack(null, '5m'), 10, { beginsAfterMs: 100 });
    const { outcome } = service.send(stack(null, '5m'), 20);
    expect(counters(outcome)).toEqual([1000, 0, 1000, 0]);
    expect(outcome.nearMiss?.reason).toBe('in_flight');
  });
});

/** All ways to put TTLs on four breakpoints that 4.6 allows: some 1h, then 5m. */
const MIXES: readonly (readonly Ttl[])[] = [0, 1, 2, 3, 4].map((first5m) =>
  [0, 1, 2, 3].map((index) => (index < first5m ? '1h' : '5m')),
);

describe('4.5 billing positions', () => {
  const cases = MIXES.flatMap((ttls) => [0, 1, 2, 3, 4].map((hits) => [ttls, hits] as const));

  it.each(cases)('4.5: %j after a hit on block %i', (ttls, hits) => {
    const service = createService();
    if (hits > 0) service.send(stack(...ttls.map((_, index) => (index === hits - 1 ? '5m' : null))), 0);
    const { outcome } = service.send(stack(...ttls, null), 1);
    const a = hits * 1000;
    const b = Math.max(a, ttls.lastIndexOf('1h') * 1000 + 1000);
    const c = 4000;
    expect(counters(outcome)).toEqual([a, b - a, c - b, 5000 - c]);
  });

  it('4.5: a hit between two breakpoints', () => {
    const service = createService();
    service.send(stack(null, null, '5m'), 0);
    const { outcome } = service.send(stack('1h', '1h', null, '1h', null, '5m', null), 1);
    expect(counters(outcome)).toEqual([3000, 1000, 2000, 1000]);
    expect(outcome.written.map(({ tokens, ttl }) => [tokens, ttl])).toEqual([
      [4000, '1h'],
      [6000, '5m'],
    ]);
  });

  it('4.5: unmarked blocks between the hit and a 1h breakpoint are part of its write', () => {
    const service = createService();
    service.send(stack('1h'), 0);
    expect(counters(service.send(stack('1h', null, '1h', '5m'), 1).outcome)).toEqual([1000, 2000, 1000, 0]);
  });

  it('4.5: no write when the last breakpoint is the hit', () => {
    const service = createService();
    service.send(stack('1h', '5m'), 0);
    const { outcome } = service.send(stack('1h', '5m', null), 1);
    expect(counters(outcome)).toEqual([2000, 0, 0, 1000]);
    expect(outcome.written).toEqual([]);
  });

  it('4.5: each part of a mixed write lives for its own TTL', () => {
    const service = createService();
    service.send(stack('1h', '5m'), 0);
    const { outcome } = service.send(stack('1h', '5m'), 5 * MINUTE_MS);
    expect(counters(outcome)).toEqual([1000, 0, 1000, 0]);
    expect(outcome.nearMiss).toEqual({ reason: 'expired', blockIndex: 1, tokens: 2000 });
  });
});

describe('4.7, 4.9 slack and mixed TTLs', () => {
  it('4.7: entries expire exactly, or as much later as the slack says', () => {
    const service = createService({ ...defaultCacheRules, slackMs: 2000 });
    service.send(stack('5m'), 0);
    expect(service.fork().send(stack('5m'), 5 * MINUTE_MS + 1999).outcome.readTokens).toBe(1000);
    expect(service.fork().send(stack('5m'), 5 * MINUTE_MS + 2000).outcome.readTokens).toBe(0);
  });

  it.each([
    ['5m', '1h'],
    ['1h', '5m'],
  ] as const)('4.9: a hit is a hit: written %s, asked with %s', (written, asked) => {
    const service = createService();
    service.send(stack(written), 0);
    expect(counters(service.send(stack(asked), 1).outcome)).toEqual([1000, 0, 0, 0]);
  });

  it('4.9, 15: a 1h marker on a 5m entry does not upgrade it unless switched so', () => {
    for (const readUpgradesTtl of [false, true]) {
      const service = createService(rulesWith({ readUpgradesTtl }));
      service.send(stack('5m'), 0);
      expect(counters(service.send(stack('1h'), MINUTE_MS).outcome)).toEqual([1000, 0, 0, 0]);
      const later = service.send(stack('1h'), 30 * MINUTE_MS).outcome;
      expect(later.readTokens).toBe(readUpgradesTtl ? 1000 : 0);
    }
  });
});
