import { describe, expect, it } from 'vitest';

import { NeverWorse } from './never-worse.ts';
import type { Settlement } from './worlds.ts';

const FAMILY = { group: 'scope and model', application: 1 };
const MINUTE_MS = 60_000;

/** A request of 1,000 tokens. */
function costing(own: number, client = 990, automatic = 1250, sent = own): Settlement {
  const costs = { own, client, automatic, none: 1000 };
  return { costs, sent, paidPremium: Math.max(0, own - 1000), writePremium: 250 };
}

function settle(guard: NeverWorse, settlement: Settlement, count: number, family = FAMILY): void {
  for (let request = 0; request < count; request += 1)
    guard.settle(family, settlement, request * 10 * MINUTE_MS);
}

describe('NeverWorse', () => {
  it('follows our own plan until it has lost: not caching is safest where nothing is far better', () => {
    const guard = new NeverWorse();
    settle(guard, costing(1250), 3);
    expect(guard.worldFor(FAMILY)).toBe('own');
    settle(guard, costing(1250), 60);
    expect(guard.worldFor(FAMILY)).toBe('none');
  });

  it('goes to the best of the others, and returns when our own has won', () => {
    const guard = new NeverWorse();
    settle(guard, costing(1000, 1000, 300, 300), 60);
    expect(guard.worldFor(FAMILY)).toBe('automatic');
    settle(guard, costing(100, 1000, 300, 100), 60);
    expect(guard.worldFor(FAMILY)).toBe('own');
  });

  it('never goes to a world that cannot be had', () => {
    const guard = new NeverWorse();
    settle(guard, costing(2000, Infinity, Infinity), 60);
    expect(guard.worldFor(FAMILY)).toBe('none');
  });

  it('judges every family by itself', () => {
    const guard = new NeverWorse();
    settle(guard, costing(1250), 60, FAMILY);
    expect(guard.worldFor(FAMILY)).toBe('none');
    expect(guard.worldFor({ ...FAMILY, application: FAMILY.application + 1 })).toBe('own');
    expect(guard.worldFor({ ...FAMILY, group: 'another' })).toBe('own');
  });

  it('forgets families rather than to grow', () => {
    const guard = new NeverWorse();
    for (let application = 0; application < 30_000; application += 1)
      guard.settle({ ...FAMILY, application }, costing(100), application);
    expect(guard.standings().length).toBeLessThanOrEqual(20_000);
  });
});
