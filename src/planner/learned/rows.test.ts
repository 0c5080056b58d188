import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Rows } from './rows.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** A number of 64 bits, an integer, a number of 32 bits, and the word for links of free rows. */
const DOUBLE = 0;
const INTEGER = 2;
const FLOAT = 3;
const WORDS = 6;

interface Numbers {
  readonly double: number;
  readonly integer: number;
  readonly float: number;
}

const numbers = fc.record({
  double: fc.double({ noNaN: true }),
  integer: fc.integer(),
  float: fc.float({ noNaN: true }),
});
const step = fc.record({ doing: fc.constantFrom('add', 'add', 'set', 'remove'), at: fc.nat(), numbers });
const steps = fc.array(step, { maxLength: 300 });

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function write(rows: Rows, row: number, { double, integer, float }: Numbers): void {
  rows.setDouble(row, DOUBLE, double);
  rows.setInteger(row, INTEGER, integer);
  rows.setFloat(row, FLOAT, float);
}

function read(rows: Rows, row: number): Numbers {
  return {
    double: rows.double(row, DOUBLE),
    integer: rows.integer(row, INTEGER),
    float: rows.float(row, FLOAT),
  };
}

/** Sets one number of a row. */
function setOne(
  rows: Rows,
  held: Map<number, Numbers>,
  row: number,
  { at, numbers: { double, integer, float } }: Pick<Step, 'at' | 'numbers'>,
): void {
  const before = read(rows, row);
  const which = at % 3;
  if (which === 0) rows.setDouble(row, DOUBLE, double);
  else if (which === 1) rows.setInteger(row, INTEGER, integer);
  else rows.setFloat(row, FLOAT, float);
  const set = [{ double }, { integer }, { float }][which];
  held.set(row, { ...before, ...set });
}

/** Does one thing, with rows and with what they should hold. */
function take(rows: Rows, held: Map<number, Numbers>, { doing, at, numbers: each }: Step): void {
  const some = [...held.keys()][at % Math.max(1, held.size)];
  if (doing === 'add') {
    const row = rows.add();
    if (held.has(row)) throw new Error(`row ${row} is given out twice`);
    write(rows, row, each);
    held.set(row, each);
  } else if (some === undefined) return;
  else if (doing === 'remove') {
    rows.remove(some);
    held.delete(some);
  } else setOne(rows, held, some, { at, numbers: each });
}

function check(rows: Rows, held: ReadonlyMap<number, Numbers>): void {
  expect(rows.count).toBe(held.size);
  expect(rows.isSound(held.keys())).toBe(true);
  for (const [row, each] of held) expect(read(rows, row)).toEqual(each);
}

describe('rows', () => {
  it('hold what was put into them, and are given out again; so are those that were written and filled', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const rows = new Rows(WORDS);
        const held = new Map<number, Numbers>();
        for (const each of before) take(rows, held, each);
        check(rows, held);
        const copy = new Rows(WORDS);
        copy.fill(rows.written());
        expect([copy.end, copy.byteLength % (4 * WORDS)]).toEqual([rows.end, 0]);
        for (const each of after) take(copy, held, each);
        check(copy, held);
      }),
      { numRuns },
    );
  });

  it('are copied as they were when the copy began, whatever is written before it ends', () => {
    fc.assert(
      fc.property(fc.nat({ max: 500 }), steps, fc.nat({ max: 400 }), (count, list, everyWords) => {
        const rows = new Rows(WORDS);
        const held = new Map<number, Numbers>();
        for (let at = 0; at < count; at += 1)
          take(rows, held, { doing: 'add', at, numbers: { double: at / 3, integer: at, float: at } });
        const { words, free } = rows.written();
        const before = words.slice();
        const target = new Int32Array(words.length);
        rows.beginCopy(target);
        for (const each of list) {
          take(rows, held, each);
          if (each.at % 5 === 0) rows.copySome(everyWords);
        }
        while (!rows.copySome(256));
        expect(target).toEqual(before);
        const copy = new Rows(WORDS);
        copy.fill({ words: target, free });
        expect(copy.count).toBe(count);
        check(rows, held);
      }),
      { numRuns },
    );
  });

  it('end a copy when another begins: both are whole', () => {
    const rows = new Rows(WORDS);
    for (let at = 0; at < 200; at += 1) rows.setInteger(rows.add(), INTEGER, at);
    const [first, second] = [new Int32Array(200 * WORDS), new Int32Array(200 * WORDS)];
    rows.beginCopy(first);
    rows.setInteger(150, INTEGER, -1);
    rows.beginCopy(second);
    rows.setInteger(150, INTEGER, -2);
    rows.setInteger(10, INTEGER, -2);
    while (!rows.copySome(1));
    const at = (row: number): number => row * WORDS + INTEGER;
    expect([first[at(150)], second[at(150)], first[at(10)], second[at(10)]]).toEqual([150, -1, 10, 10]);
  });

  it('are not sound where one is in use twice, in use and free, or neither', () => {
    const rows = new Rows(WORDS);
    for (let at = 0; at < 4; at += 1) rows.add();
    rows.remove(1);
    rows.remove(3);
    expect(rows.isSound([2, 0])).toBe(true);
    for (const used of [[0], [0, 2, 2], [0, 2, 3], [0, 5], [0, -1]]) expect(rows.isSound(used)).toBe(false);
    const { words } = rows.written();
    for (const [first, count] of [
      [3, 3],
      [1, 2],
      [2, 2],
      [77, 2],
    ] as const) {
      const damaged = new Rows(WORDS);
      damaged.fill({ words, free: Int32Array.of(first, count) });
      expect(damaged.isSound([0, 2])).toBe(false);
    }
    const inCircles = new Rows(WORDS);
    inCircles.fill({ words: words.slice().fill(3, 4 * WORDS - 1), free: Int32Array.of(3, 2) });
    expect(inCircles.isSound([0, 2])).toBe(false);
  });

  it('that are cleared are 0', () => {
    const rows = new Rows(WORDS);
    const row = rows.add();
    write(rows, row, { double: 1.5, integer: 7, float: 2 });
    rows.clear(row);
    expect(read(rows, row)).toEqual({ double: 0, integer: 0, float: 0 });
  });
});
