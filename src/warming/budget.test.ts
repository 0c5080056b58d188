import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createBudget, DAY_MS, HOUR_MS, readBudgetSnapshot, type Reservation } from './budget.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

describe('createBudget', () => {
  it('holds back the worst, and gives back what was not spent', () => {
    const budget = createBudget([{ maxPicoUsd: 10n, windowMs: HOUR_MS }]);
    const first = budget.reserve(8n, 0);
    expect(first).not.toBeNull();
    expect(budget.reserve(3n, 0)).toBeNull();
    budget.settle(first!, 2n, 1);
    expect(budget.reserve(8n, 1)).not.toBeNull();
    expect(budget.read(1)).toEqual([
      { maxPicoUsd: 10n, windowMs: HOUR_MS, spentPicoUsd: 2n, reservedPicoUsd: 8n },
    ]);
  });

  it('gives everything back on a refund, once', () => {
    const budget = createBudget([{ maxPicoUsd: 10n, windowMs: HOUR_MS }]);
    const reservation = budget.reserve(10n, 0)!;
    budget.refund(reservation);
    expect(() => budget.refund(reservation)).toThrow(RangeError);
    expect(() => budget.settle(reservation, 1n, 0)).toThrow(RangeError);
    expect(budget.read(0)[0]).toMatchObject({ spentPicoUsd: 0n, reservedPicoUsd: 0n });
  });

  it('forgets what was spent a window ago, not a moment earlier', () => {
    const budget = createBudget([{ maxPicoUsd: 10n, windowMs: HOUR_MS }]);
    budget.settle(budget.reserve(10n, 1000)!, 10n, 1000);
    expect(budget.reserve(1n, 1000 + HOUR_MS - 1)).toBeNull();
    expect(budget.reserve(1n, 1000 + HOUR_MS)).not.toBeNull();
  });

  it('keeps every limit at once', () => {
    const budget = createBudget([
      { maxPicoUsd: 10n, windowMs: HOUR_MS },
      { maxPicoUsd: 15n, windowMs: DAY_MS },
    ]);
    budget.settle(budget.reserve(10n, 0)!, 10n, 0);
    const later = HOUR_MS + 60_000;
    expect(budget.reserve(6n, later)).toBeNull();
    expect(budget.reserve(5n, later)).not.toBeNull();
  });

  it('lets everything be spent without limits, and nothing with a limit of nothing', () => {
    expect(createBudget([]).reserve(10n ** 30n, 0)).not.toBeNull();
    const nothing = createBudget([{ maxPicoUsd: 0n, windowMs: Number.POSITIVE_INFINITY }]);
    expect(nothing.reserve(1n, 0)).toBeNull();
    expect(nothing.reserve(0n, 0)).not.toBeNull();
  });

  it('takes a bill beyond what was reserved as it is', () => {
    const budget = createBudget([{ maxPicoUsd: 10n, windowMs: HOUR_MS }]);
    budget.settle(budget.reserve(5n, 0)!, 20n, 0);
    expect(budget.read(0)[0]?.spentPicoUsd).toBe(20n);
    expect(budget.reserve(0n, 0)).toBeNull();
  });

  it('is not fooled by a clock that is set back', () => {
    const budget = createBudget([{ maxPicoUsd: 10n, windowMs: HOUR_MS }]);
    budget.settle(budget.reserve(10n, DAY_MS)!, 10n, DAY_MS);
    expect(budget.reserve(1n, 0)).toBeNull();
    const other = createBudget([{ maxPicoUsd: 10n, windowMs: HOUR_MS }]);
    other.settle(other.reserve(6n, DAY_MS)!, 6n, DAY_MS);
    other.settle(other.reserve(4n, 0)!, 4n, 0);
    expect(other.read(DAY_MS + 1)[0]?.spentPicoUsd).toBe(10n);
  });

  it.each([
    [{ maxPicoUsd: -1n, windowMs: 1 }, /limit is 0 or more/],
    [{ maxPicoUsd: 1n, windowMs: 0 }, /windowMs must be above 0/],
    [{ maxPicoUsd: 1n, windowMs: Number.NaN }, /windowMs must be above 0/],
  ])('refuses the limit %o', (limit, message) => {
    expect(() => createBudget([limit])).toThrow(message);
  });

  it('goes on from a snapshot, with what was under way taken for spent', () => {
    const limits = [{ maxPicoUsd: 10n, windowMs: HOUR_MS }];
    const budget = createBudget(limits);
    budget.settle(budget.reserve(3n, 0)!, 3n, 0);
    budget.reserve(4n, 1);
    const json: unknown = JSON.parse(JSON.stringify(budget.snapshot(2)));
    const next = createBudget(limits, readBudgetSnapshot(json));
    expect(next.read(2)[0]).toMatchObject({ spentPicoUsd: 7n, reservedPicoUsd: 0n });
    expect(next.reserve(4n, 2)).toBeNull();
    expect(next.reserve(3n, 2)).not.toBeNull();
  });

  it.each([null, [], {}, { version: 2, spends: [] }, { version: 1, spends: [{ atMs: 1, picoUsd: '-1' }] }])(
    'takes %o for no snapshot',
    (json) => {
      expect(readBudgetSnapshot(json)).toBeNull();
    },
  );

  it('exceeds no limit in any window of its length, whatever happens in whatever order', () => {
    const step = fc.record({
      waitMs: fc.oneof(fc.nat(5000), fc.nat(HOUR_MS), fc.nat(DAY_MS)),
      worst: fc.nat(40),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      act: fc.constantFrom('reserve', 'settle', 'refund', 'restart'),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.nat(100), fc.nat(150), (steps, hourMax, dayMax) => {
        const limits = [
          { maxPicoUsd: BigInt(hourMax), windowMs: HOUR_MS },
          { maxPicoUsd: BigInt(dayMax), windowMs: DAY_MS },
        ];
        let budget = createBudget(limits);
        let open: Reservation[] = [];
        let nowMs = 0;
        const spent: { atMs: number; amount: bigint }[] = [];
        for (const { waitMs, worst, share, act, pick } of steps) {
          nowMs += waitMs;
          const chosen = open[pick % Math.max(1, open.length)];
          if (act === 'reserve') {
            const reservation = budget.reserve(BigInt(worst), nowMs);
            if (reservation) open.push(reservation);
          } else if (act === 'restart') {
            // What was under way has been billed at its worst, and nobody was there to see it.
            for (const { worstPicoUsd } of open) spent.push({ atMs: nowMs, amount: worstPicoUsd });
            budget = createBudget(
              limits,
              readBudgetSnapshot(JSON.parse(JSON.stringify(budget.snapshot(nowMs)))),
            );
            open = [];
          } else if (chosen) {
            open = open.filter((other) => other !== chosen);
            const amount = BigInt(Math.floor(Number(chosen.worstPicoUsd) * share));
            if (act === 'refund') budget.refund(chosen);
            else budget.settle(chosen, amount, nowMs);
            if (act === 'settle') spent.push({ atMs: nowMs, amount });
          }
        }
        for (const { maxPicoUsd, windowMs } of limits) {
          for (const { atMs: endMs } of spent) {
            const inside = spent.filter(({ atMs }) => atMs <= endMs && atMs > endMs - windowMs);
            const sum = inside.reduce((total, { amount }) => total + amount, 0n);
            expect(sum <= maxPicoUsd).toBe(true);
          }
        }
      }),
      { numRuns },
    );
  });

  it('holds a bounded number of spends', () => {
    const budget = createBudget([{ maxPicoUsd: 10n ** 9n, windowMs: HOUR_MS }]);
    for (let nowMs = 0; nowMs < 10 * HOUR_MS; nowMs += 1000)
      budget.settle(budget.reserve(1n, nowMs)!, 1n, nowMs);
    expect(budget.snapshot(10 * HOUR_MS).spends.length).toBeLessThanOrEqual(1441);
    const [reading] = budget.read(10 * HOUR_MS);
    expect(Number(reading?.spentPicoUsd)).toBeGreaterThanOrEqual(3599);
    expect(Number(reading?.spentPicoUsd)).toBeLessThanOrEqual(3603);
  });
});
