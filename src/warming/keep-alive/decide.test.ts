import { describe, expect, it } from 'vitest';

import type { KeepAdvice } from '../../planner/index.ts';
import { decideKeepAlive, type KeepAliveEntry } from './decide.ts';

const PAYS: KeepAdvice = { pings: 2, value: 3000, back: 0.5, returnChance: 0.4, ageMs: 3_585_000 };

function entry(given: Partial<KeepAliveEntry> = {}): KeepAliveEntry {
  return {
    tokens: 20_000,
    expiresMs: 3_600_000,
    pings: 0,
    inputUsdPerToken: 0.000_003,
    advise: () => PAYS,
    ...given,
  };
}

describe('an entry', () => {
  it('that ends soon is refreshed where that pays, and what it is worth is told in dollars', () => {
    const decision = decideKeepAlive(entry(), 3_585_000);
    expect(decision).toMatchObject({ action: 'refresh', reason: 'pays' });
    expect(decision.expectedValueUsd).toBeCloseTo(0.009, 12);
  });

  it('that does not end soon waits, and nothing is worked out for it', () => {
    const waiting = entry({
      advise: () => {
        throw new Error('asked too early');
      },
    });
    expect(decideKeepAlive(waiting, 3_584_999)).toEqual({
      action: 'wait',
      untilMs: 3_585_000,
      reason: 'not_due',
      expectedValueUsd: 0,
    });
    expect(decideKeepAlive(waiting, 0, { leadMs: 60_000 })).toMatchObject({ untilMs: 3_540_000 });
  });

  it.each([
    ['expired', {}, 3_600_000, {}],
    ['does_not_pay', { advise: (): KeepAdvice => ({ ...PAYS, pings: 0 }) }, 3_590_000, {}],
    ['forgotten', { advise: (): null => null }, 3_590_000, {}],
    ['too_small', { tokens: 3999 }, 0, { minimumTokens: 4000 }],
    ['pings_spent', { pings: 3 }, 3_590_000, { pingsMax: 3 }],
  ] as const)('is let go: %s', (reason, given, nowMs, limits) => {
    expect(decideKeepAlive(entry(given), nowMs, limits)).toEqual({
      action: 'let-go',
      reason,
      expectedValueUsd: 0,
    });
  });
});
