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

  describe('canAfford', () => {
    /** A request of 1,000 tokens that is written for five minutes, and what it asks the guard. */
    const WRITTEN = { cost: 1250, none: 1000, paidPremium: 250 };
    const canWrite = (guard: NeverWorse, family = FAMILY, atMs = 0): boolean =>
      guard.canAfford(family, { atMs, atMost: 1000 }, () => WRITTEN);
    /** Requests that are written and never read, each when that can be afforded. */
    const writeInVain = (guard: NeverWorse, count: number): number => {
      let paid = 0;
      for (let request = 0; request < count; request += 1) {
        const sent = canWrite(guard, FAMILY, request * 10 * MINUTE_MS) ? 1250 : 1000;
        const settlement = { ...costing(1250, 1250, 1250, sent), paidPremium: sent - 1000 };
        guard.settle(FAMILY, settlement, request * 10 * MINUTE_MS);
        paid += sent;
      }
      return paid;
    };

    it('lets a family write once, and a few times more at first', () => {
      const guard = new NeverWorse();
      expect(canWrite(guard)).toBe(true);
      expect(writeInVain(guard, 4)).toBe(5000);
    });

    it('never lets what is written in vain come to more than a premium and a hundredth', () => {
      for (const count of [600, 1000, 3000]) {
        const paid = writeInVain(new NeverWorse(), count);
        expect(paid).toBeLessThanOrEqual(1010 * count + 250);
        expect(paid).toBeGreaterThan(1005 * count);
      }
    });

    it('always lets through what costs less than not caching, and does not price what it can bear anyway', () => {
      const guard = new NeverWorse();
      // Paid without being asked for, as pings are.
      settle(guard, { ...costing(2000), paidPremium: 0 }, 100);
      expect(canWrite(guard)).toBe(false);
      expect(
        guard.canAfford(FAMILY, { atMs: 0, atMost: 1000 }, () => ({
          cost: 990,
          none: 1000,
          paidPremium: 250,
        })),
      ).toBe(true);
      const rich = new NeverWorse();
      settle(rich, costing(100), 10);
      const price = (): never => {
        throw new Error('priced');
      };
      expect(rich.canAfford(FAMILY, { atMs: 0, atMost: 1000 }, price)).toBe(true);
      expect(() => rich.canAfford(FAMILY, { atMs: 0, atMost: 1_000_000 }, price)).toThrow('priced');
    });

    it('lets every new family of a scope and model write once, and another scope as if nothing had been lost', () => {
      const guard = new NeverWorse();
      writeInVain(guard, 1000);
      while (canWrite(guard)) settle(guard, { ...costing(1250), paidPremium: 250 }, 1);
      expect(canWrite(guard, { ...FAMILY, application: 2 })).toBe(true);
      expect(
        guard.canAfford({ ...FAMILY, application: 2 }, { atMs: 0, atMost: 1000 }, () => ({
          ...WRITTEN,
          cost: 1500,
        })),
      ).toBe(false);
      settle(guard, { ...costing(1250), paidPremium: 250 }, 3, { ...FAMILY, application: 2 });
      expect(canWrite(guard, { ...FAMILY, application: 2 })).toBe(false);
      expect(canWrite(guard, { ...FAMILY, group: 'another' })).toBe(true);
    });

    it('spends what other families have saved', () => {
      const guard = new NeverWorse();
      writeInVain(guard, 1000);
      while (canWrite(guard)) settle(guard, { ...costing(1250), paidPremium: 250 }, 1);
      settle(guard, { ...costing(100), paidPremium: 0 }, 5, { ...FAMILY, application: 2 });
      expect(canWrite(guard)).toBe(true);
    });

    it('keeps no account where not caching cannot be chosen', () => {
      const guard = new NeverWorse();
      settle(
        guard,
        { ...costing(1250), costs: { own: 1250, client: 1250, automatic: 1250, none: Infinity } },
        1000,
      );
      expect(guard.canAfford(FAMILY, { atMs: 0, atMost: 0 }, () => WRITTEN)).toBe(true);
    });
  });

  it('forgets families rather than to grow', () => {
    const guard = new NeverWorse();
    for (let application = 0; application < 30_000; application += 1)
      guard.settle({ ...FAMILY, application }, costing(100), application);
    expect(guard.standings().length).toBeLessThanOrEqual(20_000);
  });
});
