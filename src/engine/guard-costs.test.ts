import { describe, expect, it } from 'vitest';

import { answer, createTestEngine, openWith, type TestEngine } from '../../test/support/engine.ts';
import { longRequest } from '../../test/support/messages.ts';
import type { RequestRecord } from '../ledger/index.ts';
import { NeverWorse, type FamilyOf, type Outlay, type Settlement } from '../planner/index.ts';

const BODY = JSON.stringify(longRequest());
const MARKED = JSON.stringify(longRequest({ cache_control: { type: 'ephemeral' } }));

/** A guard that has nothing to spend, and remembers what it was asked and told. */
class PoorGuard extends NeverWorse {
  readonly asked: Outlay[] = [];
  readonly settled: Settlement[] = [];

  override canAfford(_family: FamilyOf, _limits: unknown, price: () => Outlay): boolean {
    const outlay = price();
    this.asked.push(outlay);
    return outlay.cost <= outlay.none;
  }

  override settle(family: FamilyOf, settlement: Settlement, atMs: number): void {
    this.settled.push(settlement);
    super.settle(family, settlement, atMs);
  }
}

async function ask(
  engine: TestEngine,
  body: string,
  headers: Record<string, string> = {},
): Promise<RequestRecord> {
  answer(openWith(engine, body, headers), { input: 4_000 });
  return engine.ledger.next();
}

describe('a request that its scope and model cannot afford to write', () => {
  it('goes out as it came, and says why', async () => {
    const guard = new PoorGuard();
    const engine = createTestEngine({ guard });
    const exchange = openWith(engine, BODY);
    expect(exchange.bytes.toString('utf8')).toBe(BODY);
    answer(exchange, { input: 4_000 });
    const { plan } = await engine.ledger.next();
    expect(plan?.added).toEqual([]);
    expect(plan?.declined).toEqual([
      { place: 'guard', reason: expect.stringMatching(/^to write this request would cost \d+ % more/) },
    ]);
    const [{ cost, none, paidPremium } = { cost: 0, none: 0, paidPremium: 0 }] = guard.asked;
    expect(cost - none).toBeCloseTo(paidPremium);
    expect(paidPremium).toBeGreaterThan(0.2 * none);
    expect(guard.settled).toMatchObject([{ sent: none, paidPremium: 0 }]);
  });

  it('is priced in the cache as it is: what is there to be read may be read', async () => {
    const guard = new PoorGuard();
    const engine = createTestEngine({ guard });
    // Another client of the scope has it written, by a request that is not ours to plan.
    await ask(engine, MARKED, { 'x-cachewright-mode': 'observe' });
    engine.advance(60_000);
    const { plan } = await ask(engine, BODY);
    expect(guard.asked.at(-1)?.cost).toBeLessThan(0.2 * (guard.asked.at(-1)?.none ?? 0));
    expect(plan?.declined.some(({ place }) => place === 'guard')).toBe(false);
  });

  it('keeps the markers of its client, which are not ours to take out', async () => {
    const guard = new PoorGuard();
    const engine = createTestEngine({ guard });
    expect(openWith(engine, MARKED).bytes.toString('utf8')).toContain('cache_control');
    await ask(engine, MARKED);
    expect(guard.asked).toEqual([]);
    expect(guard.settled[0]?.costs.none).toBe(Infinity);
  });

  it('is not held back where plans are only observed, and its plan counts as sent', async () => {
    const guard = new PoorGuard();
    const { plan } = await ask(createTestEngine({ guard, mode: 'observe' }), BODY);
    expect(guard.asked).toEqual([]);
    expect(plan?.added.length).toBeGreaterThan(0);
    const [settled] = guard.settled;
    expect(settled?.sent).toBe(settled?.costs.own);
    expect(settled?.paidPremium).toBeGreaterThan(0);
  });
});
