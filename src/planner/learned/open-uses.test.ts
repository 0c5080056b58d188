import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { AGES_MS, LifeTables, type Table } from './life-tables.ts';
import { OpenUses } from './open-uses.ts';
import { NONE, Runs, type Run } from './runs.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** The span in which something of an age is; the number of spans when it is older than all. */
function spanOf(ageMs: number): number {
  const span = AGES_MS.findIndex((endMs) => ageMs < endMs);
  return span < 0 ? AGES_MS.length : span;
}

interface Lessons {
  readonly judged: readonly number[];
  readonly back: readonly number[];
}

/** What one use teaches that was answered at an age, or never. */
function lesson(answeredAtAgeMs: number): Lessons {
  const last = spanOf(answeredAtAgeMs);
  return {
    judged: AGES_MS.map((_, span) => (span <= last ? 1 : 0)),
    back: AGES_MS.map((_, span) => (span === last ? 1 : 0)),
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function create() {
  const runs = new Runs();
  const tables = new LifeTables();
  const uses = new OpenUses(runs, tables);
  const lessons = (table: Table): Lessons => ({
    judged: AGES_MS.map((_, span) => tables.judged(table, span)),
    back: AGES_MS.map((_, span) => tables.back(table, span)),
  });
  const openIn = (table: Table): number => sumOf(AGES_MS.map((_, span) => tables.open(table, span)));
  const addRun = (): Run => runs.add(NONE, 0, [runs.end]);
  return { runs, tables, uses, lessons, openIn, addRun };
}

describe('a use of what nobody keeps alive', () => {
  it('is judged when the hour is over', () => {
    const { runs, tables, uses, lessons, openIn, addRun } = create();
    const [table, run] = [tables.add(), addRun()];
    uses.open(run, 0, 0, [table], false);
    uses.expire(3_600_000);
    expect([runs.use(run), openIn(table), uses.count]).toEqual([NONE, 0, 0]);
    expect(lessons(table).judged.slice(0, 6)).toEqual([1, 1, 1, 1, 1, 0]);
  });
});

describe('a use', () => {
  it.each([
    ['at once', 0, 0],
    ['just before an entry of five minutes ends', 299_999, 0],
    ['just as it has ended', 300_000, 1],
    ['after a quarter of an hour', 900_000, 2],
    ['just before an entry of an hour ends', 3_599_999, 4],
    ['just as it has ended', 3_600_000, 5],
    ['when a ping has kept the entry', 7_300_000, 6],
    ['just before a day is over', 86_399_999, 9],
    ['a day later', 86_400_000, 10],
  ])('that is answered %s counts for its span of age', (_, ageMs, span) => {
    const { runs, tables, uses, lessons, openIn, addRun } = create();
    const table = tables.add();
    const run = addRun();
    const use = uses.open(run, 0, 1000, [table]);
    uses.expire(1000 + ageMs);
    expect(runs.use(run)).toBe(span < AGES_MS.length ? use : NONE);
    expect(uses.spanOf(use)).toBe(span);
    uses.answer(run);
    expect(lessons(table)).toEqual(lesson(ageMs));
    expect([openIn(table), runs.use(run)]).toEqual([0, NONE]);
  });

  it('teaches each of its classes', () => {
    const { tables, uses, lessons, addRun } = create();
    const classes = [tables.add(), tables.add(), tables.add(), tables.add()];
    const run = addRun();
    uses.open(run, 0, 0, classes);
    uses.answer(run);
    for (const table of classes) expect(lessons(table)).toEqual(lesson(0));
  });

  it('is judged once, whatever comes when, and leaves nothing behind', () => {
    const step = fc.record({
      afterMs: fc.constantFrom(0, 1, 60_000, 299_999, 300_000, 700_000, 3_600_000, 30_000_000),
      answers: fc.option(fc.nat({ max: 30 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { tables, uses, lessons, openIn, addRun } = create();
        const opened: { run: Run; table: Table; atMs: number; ageMs: number }[] = [];
        let nowMs = 0;
        for (const { afterMs, answers } of steps) {
          nowMs += afterMs;
          uses.expire(nowMs);
          const answered = opened[answers ?? -1];
          if (answered) {
            uses.answer(answered.run);
            answered.ageMs = Math.min(answered.ageMs, nowMs - answered.atMs);
          }
          const [run, table] = [addRun(), tables.add()];
          uses.open(run, 0, nowMs, [table]);
          opened.push({ run, table, atMs: nowMs, ageMs: Infinity });
          for (const each of opened) {
            const isOpen = each.ageMs === Infinity && nowMs - each.atMs < 86_400_000;
            expect(openIn(each.table)).toBe(isOpen ? 1 : 0);
          }
        }
        uses.expire(nowMs + 86_400_000);
        uses.expire(nowMs + 2 * 86_400_000);
        for (const { table, ageMs } of opened) expect(lessons(table)).toEqual(lesson(ageMs));
        expect(uses.count).toBe(0);
      }),
      { numRuns },
    );
  });
});

describe('uses that wait', () => {
  it('are judged early where they are too many, the oldest first', () => {
    const { runs, tables, uses, openIn, addRun } = create();
    const [first, last, table] = [tables.add(), tables.add(), tables.add()];
    uses.open(addRun(), 0, 0, [first]);
    const crowd = addRun();
    for (let use = 0; use < 600_000; use += 1) {
      uses.open(crowd, 0, 1, [table]);
      uses.expire(1);
    }
    const newest = uses.open(addRun(), 0, 1, [last]);
    uses.expire(1);
    expect([openIn(first), tables.judged(first, 9), uses.spanOf(newest)]).toEqual([0, 1, 0]);
    const inSpan = (span: number): number => tables.open(table, span);
    // A settled class counts one in eight.
    expect(inSpan(0)).toBeGreaterThan(99_900 / 8);
    expect(inSpan(0)).toBeLessThanOrEqual(100_000);
    expect(uses.count).toBeLessThanOrEqual(325_001);
    expect(sumOf(AGES_MS.map((_, span) => tables.judged(table, span)))).toBeGreaterThan(199);
    expect(runs.use(crowd)).toBeGreaterThanOrEqual(0);
  });

  it('are counted one in eight where a class is settled and there are many', () => {
    const { tables, uses, addRun, openIn } = create();
    const [table, other] = [tables.add(), tables.add()];
    const run = addRun();
    for (let use = 0; use < 5000; use += 1) {
      uses.open(run, 0, 0, [table]);
      uses.answer(run);
    }
    uses.expire(300_000);
    expect(uses.count).toBe(0);
    for (let use = 0; use < 3000; use += 1) uses.open(addRun(), 0, 300_000, [use < 100 ? table : other]);
    expect(openIn(table)).toBe(100);
    for (let use = 0; use < 800; use += 1) uses.open(addRun(), 0, 300_000, [table]);
    expect(openIn(table)).toBe(200);
  });
});
