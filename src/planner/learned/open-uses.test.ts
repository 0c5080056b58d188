import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { OpenUses, type OpenUse } from './open-uses.ts';
import { AGES_MS, noCounts, type ReuseCounts } from './statistics.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** The span in which something of an age is; the number of spans when it is older than all. */
function spanOf(ageMs: number): number {
  const span = AGES_MS.findIndex((endMs) => ageMs < endMs);
  return span < 0 ? AGES_MS.length : span;
}

/** What one use teaches that was answered at an age, or never. */
function lesson(answeredAtAgeMs: number): Pick<ReuseCounts, 'judged' | 'back'> {
  const last = spanOf(answeredAtAgeMs);
  return {
    judged: AGES_MS.map((_, span) => (span <= last ? 1 : 0)),
    back: AGES_MS.map((_, span) => (span === last ? 1 : 0)),
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

describe('a use', () => {
  it.each([
    ['at once', 0, 0],
    ['just before an entry of five minutes ends', 299_999, 0],
    ['just as it has ended', 300_000, 1],
    ['after a quarter of an hour', 900_000, 2],
    ['just before an entry of an hour ends', 3_599_999, 4],
    ['just as it has ended', 3_600_000, 5],
    ['a day later', 86_400_000, 5],
  ])('that is answered %s counts for its span of age', (_, ageMs, span) => {
    const uses = new OpenUses();
    const counts = noCounts();
    const use = uses.open(1000, [counts]);
    uses.expire(1000 + ageMs);
    expect(use.span).toBe(span);
    uses.answer(use);
    expect({ judged: counts.judged, back: counts.back }).toEqual(lesson(ageMs));
    expect(sumOf(counts.open)).toBe(0);
  });

  it('teaches each of its classes', () => {
    const uses = new OpenUses();
    const classes = [noCounts(), noCounts(), noCounts()];
    uses.answer(uses.open(0, classes));
    for (const counts of classes) expect(counts.back).toEqual([1, 0, 0, 0, 0]);
  });

  it('is judged once, whatever comes when', () => {
    const step = fc.record({
      afterMs: fc.constantFrom(0, 1, 60_000, 299_999, 300_000, 700_000, 3_600_000),
      answers: fc.option(fc.nat({ max: 30 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const uses = new OpenUses();
        const opened: { use: ReturnType<OpenUses['open']>; counts: ReuseCounts; ageMs: number }[] = [];
        let nowMs = 0;
        for (const { afterMs, answers } of steps) {
          nowMs += afterMs;
          uses.expire(nowMs);
          const answered = opened[answers ?? -1];
          if (answered) {
            uses.answer(answered.use);
            answered.ageMs = Math.min(answered.ageMs, nowMs - answered.use.atMs);
          }
          const counts = noCounts();
          opened.push({ use: uses.open(nowMs, [counts]), counts, ageMs: Infinity });
          for (const each of opened) {
            const isOpen = each.ageMs === Infinity && nowMs - each.use.atMs < 3_600_000;
            expect(sumOf(each.counts.open)).toBe(isOpen ? 1 : 0);
          }
        }
        uses.expire(nowMs + 86_400_000);
        uses.expire(nowMs + 2 * 86_400_000);
        for (const { counts, ageMs } of opened)
          expect({ judged: counts.judged, back: counts.back }).toEqual(lesson(ageMs));
      }),
      { numRuns },
    );
  });
});

describe('uses that wait', () => {
  it('are judged early where they are too many, the oldest first', () => {
    const uses = new OpenUses();
    const oldest = uses.open(0, [noCounts()]);
    const counts = noCounts();
    let waiting: OpenUse[] = [];
    for (let use = 0; use < 600_000; use += 1) {
      waiting.push(uses.open(1, [counts]));
      uses.expire(1);
      if (waiting.length > 250_000) waiting = waiting.filter(({ span }) => span < AGES_MS.length);
    }
    const newest = uses.open(1, [noCounts()]);
    uses.expire(1);
    expect(oldest.span).toBe(AGES_MS.length);
    expect(newest.span).toBe(0);
    const inSpan = (wanted: number): number => waiting.filter(({ span }) => span === wanted).length;
    expect(inSpan(0)).toBeGreaterThan(99_900);
    expect(inSpan(0)).toBeLessThanOrEqual(100_000);
    const still = waiting.filter(({ span }) => span < AGES_MS.length);
    expect(still.length).toBeLessThanOrEqual(200_000);
    expect(sumOf(counts.judged)).toBeGreaterThan(199);
  });

  it('are counted one in eight where a class is settled', () => {
    const uses = new OpenUses();
    const counts = noCounts();
    for (let use = 0; use < 5000; use += 1) uses.answer(uses.open(0, [counts]));
    const open = Array.from({ length: 800 }, () => uses.open(0, [counts]));
    expect(open.filter(({ classes }) => classes.length > 0)).toHaveLength(100);
    expect(counts.open[0]).toBe(100);
  });
});
