import { describe, expect, it } from 'vitest';
import { noTokens, type TokenCounts } from '../../core/index.ts';
import { checkProjection, optimizer, type FamilyAdvice } from '../index.ts';

const MODEL = 'claude-sonnet-4-5';
const START_MS = Date.UTC(2026, 10, 2);
const HALF_HOUR_MS = 30 * 60_000;
const DAY_MS = 48 * HALF_HOUR_MS;

/** Ten thousand tokens at each half hour for 40 hours: advised 1h. */
function advise(): FamilyAdvice {
  let draw = 0;
  const advisor = optimizer({ random: () => (draw = (draw + 0.618_034) % 1) });
  const chain = { partition: '', prefixIds: ['prompt'], cumulativeTokens: [10_000], positions: [0] };
  const places = [{ name: 'system-end', blockIndex: 0 }];
  for (let at = 0; at < 80; at += 1)
    advisor.record({ family: 'hourly', model: MODEL, atMs: START_MS + at * HALF_HOUR_MS, chain, places });
  return advisor.advise()[0]!;
}

/** A day of bills at even distances. */
function dayOf(count: number, billed: Partial<TokenCounts>) {
  const fromMs = START_MS + 5 * DAY_MS;
  const requests = Array.from({ length: count }, (_, index) => ({
    atMs: fromMs + (index * DAY_MS) / count,
    billed: { ...noTokens, outputTokens: 500, ...billed },
  }));
  return { fromMs, toMs: fromMs + DAY_MS, requests };
}

const reads = { readTokens: 10_000 };
const advice = advise();

describe('checkProjection', () => {
  it('finds the saving within the interval where things went as projected', () => {
    const almost = dayOf(48, reads);
    almost.requests[0] = { ...almost.requests[0]!, billed: { ...noTokens, write1hTokens: 10_000 } };
    const check = checkProjection(advice, almost);
    // 47 reads of 0.003 and a write of 0.06 instead of 48 times 0.03, thirty days long.
    expect(check.savingUsd).toBeCloseTo(30 * (48 * 0.03 - 47 * 0.003 - 0.06), 9);
    expect(check.billedUsd).toBeCloseTo(0.201, 9);
    expect(check.withoutCachingUsd).toBeCloseTo(1.44, 9);
    expect(check.isWithinInterval).toBe(true);
    expect(check.sentence).toBe('saves $37.17 a month where $37.85 were projected, within the interval');
  });

  it('tells less traffic from less saved, and both add up', () => {
    const quiet = checkProjection(advice, dayOf(12, reads));
    expect(quiet.isWithinInterval).toBe(false);
    expect(quiet.byTrafficUsd).toBeLessThan(0);
    expect(Math.abs(quiet.byTrafficUsd)).toBeGreaterThan(Math.abs(quiet.bySavedShareUsd));
    expect(quiet.sentence).toMatch(/there was more or less traffic$/);
    expect(checkProjection(advice, dayOf(480, reads)).isWithinInterval).toBe(false);
    const missed = checkProjection(advice, dayOf(48, { write1hTokens: 10_000 }));
    expect(missed.savingUsd).toBeCloseTo(-30 * 48 * 0.03, 9);
    expect(missed.byTrafficUsd).toBeCloseTo(0, 6);
    expect(missed.sentence).toMatch(/another share of it was saved$/);
    for (const { savingUsd, projected, byTrafficUsd, bySavedShareUsd } of [quiet, missed])
      expect(byTrafficUsd + bySavedShareUsd).toBeCloseTo(savingUsd - projected.usd, 9);
  });

  it('saves nothing where nothing came', () => {
    const check = checkProjection(advice, dayOf(0, reads));
    expect(check).toMatchObject({ requests: 0, savingUsd: 0, billedUsd: 0, isWithinInterval: false });
    expect(check.byTrafficUsd).toBeCloseTo(-advice.month!.saving.usd, 9);
  });

  it('refuses an empty time and an advice without projection', () => {
    expect(() => checkProjection(advice, { fromMs: 1, toMs: 1, requests: [] })).toThrow('is empty');
    expect(() => checkProjection({ ...advice, month: null }, dayOf(1, reads))).toThrow('projects nothing');
    const month = { ...advice.month!, saving: { usd: 1, lowUsd: null, highUsd: null } };
    expect(checkProjection({ ...advice, month }, dayOf(1, reads)).isWithinInterval).toBeNull();
  });
});
