import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOf, ownCostOf, recordOf, usageOf } from '../../test/support/record.ts';
import { createMemoryLedger, RECORDS_MAX } from './memory-ledger.ts';
import { nothingKnown, type RequestRecord } from './record.ts';
import { summarise } from './totals.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const tokens = { uncachedTokens: 1, readTokens: 2, write5mTokens: 3, write1hTokens: 4, outputTokens: 5 };
const usage = usageOf(tokens);

function fill(count: number, recordsMax?: number): ReturnType<typeof createMemoryLedger> {
  const ledger = createMemoryLedger(recordsMax);
  for (let index = 0; index < count; index += 1) ledger.add(recordOf({ id: `req_${index}`, atMs: index }));
  return ledger;
}

const idsOf = (records: readonly RequestRecord[]): string[] => records.map(({ id }) => id);

describe('a summary', () => {
  it('of nothing is all zeros', () => {
    expect(summarise([])).toEqual({
      requests: 0,
      costPicoUsd: '0',
      costUsd: 0,
      uncachedTokens: 0,
      readTokens: 0,
      write5mTokens: 0,
      write1hTokens: 0,
      outputTokens: 0,
      hitRatio: null,
      ownCostUsd: 0,
      savedUsd: { noCaching: 0, client: 0, automatic: 0 },
      netSavedUsd: { noCaching: 0, client: 0, automatic: 0 },
      unreported: 0,
      disputed: 0,
      misses: [],
    });
  });

  it('counts what was sent and told no bill, but not what was never sent or answered from what was kept', () => {
    const gate = { role: 'follower', waitedMs: 1, followers: 0, savedTokens: 0, savedPicoUsd: 0n } as const;
    const summary = summarise([
      recordOf({ id: 'paid', usage, cost: costOf(9n) }),
      recordOf({ id: 'kept', cost: costOf(0n) }),
      recordOf({ id: 'left while it waited', status: 0, gate: { ...gate, end: 'left' } }),
      recordOf({ id: 'sent after it waited', status: 0, gate: { ...gate, end: 'deadline' } }),
      recordOf({ id: 'overloaded', status: 529 }),
    ]);
    expect(summary).toMatchObject({ requests: 5, unreported: 2 });
  });

  it('counts what the service says otherwise', () => {
    const diagnostics = { reason: 'tools_changed', missedTokens: null, isPending: false };
    const summary = summarise([
      recordOf({ diagnostics: { ...diagnostics, isDisputed: true } }),
      recordOf({ diagnostics: { ...diagnostics, isDisputed: false } }),
      recordOf(),
    ]);
    expect(summary.disputed).toBe(1);
  });

  it('takes what we spent off what was saved, once for each counterfactual', () => {
    const usd = 10n ** 12n;
    const savings = { noCachingPicoUsd: 5n * usd, clientPicoUsd: usd, automaticPicoUsd: -usd };
    const own = [ownCostOf({ costPicoUsd: usd }), ownCostOf({ costPicoUsd: usd })];
    expect(summarise([recordOf({ savings })], own)).toMatchObject({
      savedUsd: { noCaching: 5, client: 1, automatic: -1 },
      netSavedUsd: { noCaching: 3, client: -1, automatic: -3 },
      ownCostUsd: 2,
    });
  });

  it('counts requests without a bill, and nothing else of them', () => {
    const summary = summarise([
      recordOf({ usage, cost: costOf(9n) }),
      recordOf({ status: 529 }),
      recordOf({ status: 0 }),
    ]);
    expect(summary).toMatchObject({ requests: 3, costPicoUsd: '9', ...tokens, hitRatio: 0.2 });
  });

  it('shows losses as negative savings', () => {
    const savings = {
      noCachingPicoUsd: -2_500_000_000_000n,
      clientPicoUsd: 500_000_000_000n,
      automaticPicoUsd: -1n,
    };
    const { savedUsd } = summarise([
      recordOf({ savings }),
      recordOf({ savings: { ...savings, clientPicoUsd: -750_000_000_000n } }),
    ]);
    expect(savedUsd.noCaching).toBe(-5);
    expect(savedUsd.client).toBe(-0.25);
    expect(savedUsd.automatic).toBeCloseTo(-2e-12, 20);
  });

  it('adds money that a float would lose', () => {
    const records = Array.from({ length: 11 }, () => recordOf({ cost: costOf(1_000_000_000_000_000_001n) }));
    const summary = summarise(records);
    expect(summary.costPicoUsd).toBe('11000000000000000011');
    expect(summary.costUsd).toBe(11_000_000);
  });

  it('lists misses by what they cost, then by how often they came', () => {
    const miss = (reason: 'expired' | 'in_flight' | 'never_written', costPicoUsd: bigint): RequestRecord =>
      recordOf({ misses: [{ reason, tokens: 10, costPicoUsd, evidence: nothingKnown }] });
    const { misses } = summarise([
      miss('in_flight', 1_000_000_000_000n),
      miss('expired', 500_000_000_000n),
      miss('expired', 500_000_000_000n),
      miss('never_written', 3_000_000_000_000n),
      recordOf(),
    ]);
    expect(misses).toEqual([
      { reason: 'never_written', requests: 1, costUsd: 3 },
      { reason: 'expired', requests: 2, costUsd: 1 },
      { reason: 'in_flight', requests: 1, costUsd: 1 },
    ]);
  });

  it('of two halves adds up to that of the whole', () => {
    const pico = fc.bigInt(-(10n ** 15n), 10n ** 15n);
    const record = fc.tuple(fc.nat(1_000_000), pico, pico).map(([readTokens, cost, saved]) =>
      recordOf({
        usage: { ...usage, readTokens },
        cost: costOf(cost),
        savings: { noCachingPicoUsd: saved, clientPicoUsd: saved, automaticPicoUsd: -saved },
      }),
    );
    fc.assert(
      fc.property(fc.array(record), fc.array(record), (left, right) => {
        const [a, b, both] = [summarise(left), summarise(right), summarise([...left, ...right])];
        expect(BigInt(a.costPicoUsd) + BigInt(b.costPicoUsd)).toBe(BigInt(both.costPicoUsd));
        expect(a.readTokens + b.readTokens).toBe(both.readTokens);
        expect(a.requests + b.requests).toBe(both.requests);
        expect(both.savedUsd.automatic).toBeCloseTo(-both.savedUsd.client, 9);
      }),
      { numRuns },
    );
  });
});

describe('what we spent ourselves', () => {
  let spent = 0;
  const ledger = createMemoryLedger(10);
  const spend = (atMs: number, scope: string, model: string): void =>
    ledger.addOwn(
      ownCostOf({ id: `ping_${(spent += 1)}`, atMs, scope, model, costPicoUsd: 250_000_000_000n }),
    );
  spend(10, 's', 'm');
  spend(20, 's', 'n');
  spend(30, 't', 'm');

  it.each([
    [{}, 0.75],
    [{ fromMs: 20 }, 0.5],
    [{ toMs: 20 }, 0.25],
    [{ scope: 's' }, 0.5],
    [{ scope: 't', model: 'm' }, 0.25],
    [{ tag: 'any' }, 0],
  ])('with %j is %f dollars, and no request', (filter, ownCostUsd) => {
    expect(ledger.summary(filter)).toMatchObject({ ownCostUsd, requests: 0, costUsd: 0 });
  });

  it('is kept up to a bound', () => {
    for (let count = 0; count < 100; count += 1) spend(40, 'u', 'm');
    expect(ledger.summary().ownCostUsd).toBeLessThanOrEqual(11 * 0.25);
  });
});

describe('a filter', () => {
  const ledger = createMemoryLedger();
  ledger.add(recordOf({ id: 'a', atMs: 10, scope: 's', model: 'm', tags: ['x', 'y'] }));
  ledger.add(recordOf({ id: 'b', atMs: 20, scope: 's', model: 'n', tags: ['y'] }));
  ledger.add(recordOf({ id: 'c', atMs: 30, scope: 't', model: 'm', tags: [] }));

  it.each([
    [{}, 3],
    [{ fromMs: 20 }, 2],
    [{ fromMs: 21 }, 1],
    [{ toMs: 20 }, 1],
    [{ toMs: 21 }, 2],
    [{ fromMs: 20, toMs: 20 }, 0],
    [{ scope: 's' }, 2],
    [{ model: 'm' }, 2],
    [{ tag: 'y' }, 2],
    [{ tag: 'xy' }, 0],
    [{ scope: 's', model: 'm', tag: 'y', fromMs: 10, toMs: 11 }, 1],
    [{ fromMs: undefined, toMs: undefined, scope: undefined, model: undefined, tag: undefined }, 3],
  ])('%j leaves %i', (filter, requests) => {
    expect(ledger.summary(filter).requests).toBe(requests);
  });
});

describe('a list', () => {
  it('is newest first, up to the limit', () => {
    expect(idsOf(fill(3).list(10))).toEqual(['req_2', 'req_1', 'req_0']);
    expect(idsOf(fill(3).list(2))).toEqual(['req_2', 'req_1']);
    expect(createMemoryLedger().list(5)).toEqual([]);
  });

  it('goes on before a record', () => {
    const ledger = fill(5);
    expect(idsOf(ledger.list(2, 'req_3'))).toEqual(['req_2', 'req_1']);
    expect(idsOf(ledger.list(2, 'req_1'))).toEqual(['req_0']);
    expect(ledger.list(2, 'req_0')).toEqual([]);
    expect(ledger.list(2, 'nobody')).toEqual([]);
  });

  it('goes on where it was although records have come meanwhile', () => {
    const ledger = fill(4);
    const [, last] = ledger.list(2);
    ledger.add(recordOf({ id: 'late' }));
    expect(idsOf(ledger.list(2, last?.id))).toEqual(['req_1', 'req_0']);
  });

  it('is a copy', () => {
    const ledger = fill(2);
    (ledger.list(2) as RequestRecord[]).pop();
    expect(ledger.list(2)).toHaveLength(2);
  });
});

describe('the bounds', () => {
  it('keep the newest records, and never many more than asked for', () => {
    const ledger = createMemoryLedger(10);
    for (let index = 0; index < 1_000; index += 1) {
      ledger.add(recordOf({ id: `req_${index}` }));
      const kept = ledger.list(1_000);
      expect(kept[0]?.id).toBe(`req_${index}`);
      expect(kept.length).toBeLessThanOrEqual(11);
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(index + 1, 10));
    }
  });

  it('are the documented one', () => {
    expect(RECORDS_MAX).toBe(10_000);
    expect(fill(100).summary().requests).toBe(100);
  });
});
