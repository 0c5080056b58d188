import { describe, expect, it } from 'vitest';

import { AGES_MS, HOUR_SPANS, LifeTables, type Table } from './life-tables.ts';

/** Tables filled by hand: judged, back and open by span. */
function filled(...rows: readonly (readonly number[][])[]): { tables: LifeTables; all: Table[] } {
  const tables = new LifeTables();
  const numbers = rows.flatMap((row) => [...[0, 1, 2].flatMap((part) => padded(row[part] ?? [])), 0, 0]);
  const words = new Int32Array(Float32Array.from(numbers).buffer);
  tables.fill({ tables: { words, free: Int32Array.of(-1, 0) }, retired: new Int32Array() });
  return { tables, all: rows.map((_, table) => table) };
}

const padded = (part: readonly number[]): number[] => AGES_MS.map((_, span) => part[span] ?? 0);

function chanceOf(...rows: readonly (readonly number[][])[]) {
  const { tables, all } = filled(...rows);
  return tables.chance(all);
}

function contents(tables: LifeTables, table: Table) {
  const all = (read: (span: number) => number): number[] => AGES_MS.map((_, span) => read(span));
  return {
    judged: all((span) => tables.judged(table, span)),
    back: all((span) => tables.back(table, span)),
    open: all((span) => tables.open(table, span)),
  };
}

describe('spans', () => {
  it('end where an entry of five minutes ends, and where one of an hour does', () => {
    expect(AGES_MS[0]).toBe(5 * 60_000);
    expect(AGES_MS[HOUR_SPANS - 1]).toBe(60 * 60_000);
    expect(AGES_MS.at(-1)).toBe(24 * 60 * 60_000);
    expect(AGES_MS.toSorted((a, b) => a - b)).toEqual(AGES_MS);
  });
});

describe('a use', () => {
  it('is open in the span that it enters, and judged in the one that it leaves', () => {
    const tables = new LifeTables();
    const table = tables.add();
    tables.enter(table, 0);
    expect(contents(tables, table)).toEqual({ judged: padded([0]), back: padded([0]), open: padded([1]) });
    tables.leave(table, 0, false);
    tables.enter(table, 1);
    expect(contents(tables, table)).toEqual({ judged: padded([1]), back: padded([0]), open: padded([0, 1]) });
    tables.leave(table, 1, true);
    expect(contents(tables, table)).toEqual({
      judged: padded([1, 1]),
      back: padded([0, 1]),
      open: padded([0]),
    });
  });

  it('fades by five in a thousand with each that follows, in its own span only', () => {
    const tables = new LifeTables();
    const table = tables.add();
    for (const isBack of [true, false, true]) {
      tables.enter(table, 2);
      tables.leave(table, 2, isBack);
    }
    expect(tables.judged(table, 2)).toBeCloseTo(0.995 * 0.995 + 0.995 + 1, 6);
    expect(tables.back(table, 2)).toBeCloseTo(0.995 * 0.995 + 1, 6);
    expect(contents(tables, table).judged.filter((judged) => judged > 0)).toHaveLength(1);
  });

  it('of long ago weighs nothing any more: at most 200 uses count', () => {
    const tables = new LifeTables();
    const table = tables.add();
    for (let use = 0; use < 4000; use += 1) {
      tables.enter(table, 0);
      tables.leave(table, 0, use < 2000);
    }
    expect(tables.judged(table, 0)).toBeCloseTo(200, 2);
    expect(tables.back(table, 0)).toBeLessThan(0.01);
  });
});

describe('the chance of a next use', () => {
  it('without any experience is a little below one half', () => {
    const { within5m, within1h } = chanceOf();
    expect(within5m).toBeCloseTo(0.45, 12);
    expect(within1h).toBeCloseTo(1 - 0.55 * 0.98 ** 4, 12);
    expect(chanceOf([], []).within5m).toBeCloseTo(0.45, 12);
  });

  it('of a lone message is below what pays', () => {
    const { within5m, within1h } = new LifeTables().chance([], true);
    expect(within5m).toBeCloseTo(0.19, 12);
    expect(within1h).toBeCloseTo(1 - 0.81 * 0.99 ** 4, 12);
  });

  it('has the weight of five uses against those of the class', () => {
    expect(chanceOf([[1], [1]]).within5m).toBeCloseTo((1 + 2.25) / 6, 12);
    expect(chanceOf([[10], [0]]).within5m).toBeCloseTo(2.25 / 15, 12);
    expect(chanceOf([[95], [95]]).within5m).toBeCloseTo((95 + 2.25) / 100, 12);
  });

  it('counts a use that is still open by half', () => {
    expect(chanceOf([[0], [0], [1]]).within5m).toBeCloseTo(2.25 / 5.5, 12);
    expect(chanceOf([[4], [1], [6]]).within5m).toBeCloseTo(3.25 / 12, 12);
  });

  it('hands what the wider class says down to the narrower', () => {
    const wide = [[15], [15]];
    const narrow = [[5], [0]];
    const wideChance = (15 + 2.25) / 20;
    expect(chanceOf(wide, narrow).within5m).toBeCloseTo((5 * wideChance) / 10, 12);
    expect(chanceOf(narrow, wide).within5m).toBeCloseTo((15 + 5 * (2.25 / 10)) / 20, 12);
  });

  it('follows the life table: who is back later was not back before', () => {
    const hazards = [(2 + 2.25) / 15, (4 + 0.1) / 13, 0.1 / 9, 0.1 / 9, (4 + 0.1) / 9];
    const { within5m, within1h } = chanceOf([
      [10, 8, 4, 4, 4],
      [2, 4, 0, 0, 4],
    ]);
    expect(within5m).toBeCloseTo(hazards[0] ?? 0, 12);
    expect(within1h).toBeCloseTo(1 - hazards.reduce((gone, hazard) => gone * (1 - hazard), 1), 12);
  });
});
