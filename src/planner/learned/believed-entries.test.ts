import { describe, expect, it } from 'vitest';

import { BelievedEntries } from './believed-entries.ts';
import { NONE, Runs, type Run } from './runs.ts';

const HOUR_MS = 3_600_000;
const WEEK_MS = 168 * HOUR_MS;
/** A time as clocks give it, far beyond 32 bits. */
const NOW_MS = 1_795_000_000_123;

function create(): { runs: Runs; entries: BelievedEntries; run: Run } {
  const runs = new Runs();
  const entries = new BelievedEntries(runs);
  return { runs, entries, run: runs.add(NONE, 0, [1, 2, 3, 4]) };
}

describe('an entry', () => {
  it.each([0, NOW_MS, 2 ** 31 - 1000, 2 ** 32 - 1000])(
    'written at %d can be read from its response on',
    (nowMs) => {
      const { entries, run } = create();
      const ref = entries.add(run, 3, true, nowMs);
      const at = (ms: number): readonly unknown[] => [
        entries.deepestReadable(run, 4, nowMs + ms, 'any'),
        entries.isPendingFrom(run, 3, nowMs + ms),
      ];
      expect([at(0), at(HOUR_MS - 1), at(HOUR_MS)]).toEqual([
        [-1, true],
        [-1, true],
        [-1, false],
      ]);
      entries.setReady(ref, nowMs + 2000);
      expect([at(1999), at(2000), at(HOUR_MS - 1), at(HOUR_MS)]).toEqual([
        [-1, true],
        [3, false],
        [3, false],
        [-1, false],
      ]);
    },
  );

  it('that is read again and again lives on for months', () => {
    const { entries, run } = create();
    entries.setReady(entries.add(run, 3, true, NOW_MS), NOW_MS);
    let nowMs = NOW_MS;
    for (; nowMs < NOW_MS + 10 * WEEK_MS; nowMs += HOUR_MS - 1) {
      expect(entries.deepestReadable(run, 4, nowMs, 'any')).toBe(3);
      entries.refresh(run, 3, nowMs);
    }
    expect(entries.deepestReadable(run, 4, nowMs + HOUR_MS, 'any')).toBe(-1);
  });

  it('that others renew again and again lives on for months', () => {
    const { entries, run } = create();
    let nowMs = NOW_MS;
    for (; nowMs < NOW_MS + 10 * WEEK_MS; nowMs += HOUR_MS - 1)
      entries.adopt(run, 2, true, nowMs, nowMs + HOUR_MS);
    expect([entries.count, entries.deepestReadable(run, 4, nowMs, 'any')]).toEqual([1, 2]);
  });

  it('that is gone is not touched by what is said of it later, nor is another in its place', () => {
    const { entries, run } = create();
    const refs = [0, 1, 2].map((index) => entries.add(run, index, false, NOW_MS));
    entries.dropAll(run);
    for (const ref of refs) entries.setReady(ref, NOW_MS + 7);
    expect([entries.count, entries.isSound()]).toEqual([0, true]);
    entries.add(run, 3, false, NOW_MS);
    for (const ref of refs) {
      entries.setReady(ref, NOW_MS);
      entries.cancel(ref);
    }
    expect(entries.deepestReadable(run, 4, NOW_MS, 'any')).toBe(-1);
    expect(entries.isPendingFrom(run, 3, NOW_MS)).toBe(true);
  });

  it('whose response never comes after a restart is not waited for', () => {
    const { runs, entries, run } = create();
    entries.add(run, 3, true, NOW_MS);
    entries.setReady(entries.add(run, 1, true, NOW_MS), NOW_MS + 500);
    const copy = new BelievedEntries(runs);
    copy.fill(entries.written(), entries.stamp);
    expect([copy.isSound(), copy.isPendingFrom(run, 2, NOW_MS)]).toEqual([true, false]);
    expect([499, 500].map((ms) => copy.deepestReadable(run, 4, NOW_MS + ms, 'any'))).toEqual([-1, 1]);
  });
});
