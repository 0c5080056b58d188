import { describe, expect, it } from 'vitest';

import { AGES_MS, enterSpan, leaveSpan, noCounts, reuseChance, type ReuseCounts } from './statistics.ts';

/** Counts of which only the first span is known. */
function firstSpan(judged: number, back: number, open = 0): ReuseCounts {
  return {
    judged: [judged, 0, 0, 0, 0],
    back: [back, 0, 0, 0, 0],
    open: [open, 0, 0, 0, 0],
  };
}

describe('spans', () => {
  it('end where an entry of five minutes ends, and where one of an hour does', () => {
    expect(AGES_MS[0]).toBe(5 * 60_000);
    expect(AGES_MS.at(-1)).toBe(60 * 60_000);
    expect(AGES_MS.toSorted((a, b) => a - b)).toEqual(AGES_MS);
  });
});

describe('a use', () => {
  it('is open in the span that it enters, and judged in the one that it leaves', () => {
    const counts = noCounts();
    enterSpan(counts, 0);
    expect(counts).toEqual({ judged: [0, 0, 0, 0, 0], back: [0, 0, 0, 0, 0], open: [1, 0, 0, 0, 0] });
    leaveSpan(counts, 0, false);
    enterSpan(counts, 1);
    expect(counts).toEqual({ judged: [1, 0, 0, 0, 0], back: [0, 0, 0, 0, 0], open: [0, 1, 0, 0, 0] });
    leaveSpan(counts, 1, true);
    expect(counts).toEqual({ judged: [1, 1, 0, 0, 0], back: [0, 1, 0, 0, 0], open: [0, 0, 0, 0, 0] });
  });

  it('fades by five in a thousand with each that follows, in its own span only', () => {
    const counts = noCounts();
    for (const isBack of [true, false, true]) {
      enterSpan(counts, 2);
      leaveSpan(counts, 2, isBack);
    }
    expect(counts.judged[2]).toBeCloseTo(0.995 * 0.995 + 0.995 + 1, 12);
    expect(counts.back[2]).toBeCloseTo(0.995 * 0.995 + 1, 12);
    expect(counts.judged.filter((_, span) => span !== 2)).toEqual([0, 0, 0, 0]);
  });

  it('of long ago weighs nothing any more: at most 200 uses count', () => {
    const counts = noCounts();
    for (let use = 0; use < 4000; use += 1) {
      enterSpan(counts, 0);
      leaveSpan(counts, 0, use < 2000);
    }
    expect(counts.judged[0]).toBeCloseTo(200, 3);
    expect(counts.back[0]).toBeLessThan(0.01);
  });
});

describe('the chance of a next use', () => {
  it('without any experience is a little below one half', () => {
    const { within5m, within1h } = reuseChance([]);
    expect(within5m).toBeCloseTo(0.45, 12);
    expect(within1h).toBeCloseTo(1 - 0.55 * 0.98 ** 4, 12);
    expect(reuseChance([noCounts(), noCounts()]).within5m).toBeCloseTo(0.45, 12);
  });

  it('of a lone message is below what pays', () => {
    const { within5m, within1h } = reuseChance([], true);
    expect(within5m).toBeCloseTo(0.19, 12);
    expect(within1h).toBeCloseTo(1 - 0.81 * 0.99 ** 4, 12);
  });

  it('has the weight of five uses against those of the class', () => {
    expect(reuseChance([firstSpan(1, 1)]).within5m).toBeCloseTo((1 + 2.25) / 6, 12);
    expect(reuseChance([firstSpan(10, 0)]).within5m).toBeCloseTo(2.25 / 15, 12);
    expect(reuseChance([firstSpan(95, 95)]).within5m).toBeCloseTo((95 + 2.25) / 100, 12);
  });

  it('counts a use that is still open by half', () => {
    expect(reuseChance([firstSpan(0, 0, 1)]).within5m).toBeCloseTo(2.25 / 5.5, 12);
    expect(reuseChance([firstSpan(4, 1, 6)]).within5m).toBeCloseTo(3.25 / 12, 12);
  });

  it('hands what the wider class says down to the narrower', () => {
    const wide = firstSpan(15, 15);
    const narrow = firstSpan(5, 0);
    const wideChance = (15 + 2.25) / 20;
    expect(reuseChance([wide, narrow]).within5m).toBeCloseTo((5 * wideChance) / 10, 12);
    expect(reuseChance([narrow, wide]).within5m).toBeCloseTo((15 + 5 * (2.25 / 10)) / 20, 12);
  });

  it('follows the life table: who is back later was not back before', () => {
    const counts: ReuseCounts = {
      judged: [10, 8, 4, 4, 4],
      back: [2, 4, 0, 0, 4],
      open: [0, 0, 0, 0, 0],
    };
    const hazards = [(2 + 2.25) / 15, (4 + 0.1) / 13, 0.1 / 9, 0.1 / 9, (4 + 0.1) / 9];
    const { within5m, within1h } = reuseChance([counts]);
    expect(within5m).toBeCloseTo(hazards[0] ?? 0, 12);
    expect(within1h).toBeCloseTo(1 - hazards.reduce((gone, hazard) => gone * (1 - hazard), 1), 12);
  });
});
