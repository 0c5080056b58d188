import { describe, expect, it } from 'vitest';
import { formatTime, parseTimestamp, systemClock, systemTimers } from './clock.ts';

describe('parseTimestamp', () => {
  it.each([
    ['0', 0],
    ['1793872800000', 1_793_872_800_000],
    ['2026-11-05T10:00:00Z', 1_793_872_800_000],
    ['2026-11-05t10:00:00.250z', 1_793_872_800_250],
    ['2026-11-05 12:00:00+02:00', 1_793_872_800_000],
    ['2026-11-05', 1_793_836_800_000],
  ])('reads %s', (text, timeMs) => {
    expect(parseTimestamp(text)).toBe(timeMs);
  });

  it.each([
    '',
    ' ',
    '-5',
    '1.5',
    '1e3',
    'yesterday',
    'Nov 5 2026',
    '2026',
    '2026-11',
    '2026-11-05T10:00:00',
    '2026-11-05T10:00Z',
    '2026-13-01',
    '2026-11-05T25:00:00Z',
    '+002026-11-05',
    '9'.repeat(400),
    '1793872800000ms',
  ])('refuses %j', (text) => {
    // Digits alone are ms, so that a year alone is a time, if a strange one.
    expect(parseTimestamp(text)).toBe(text === '2026' ? 2_026 : null);
  });

  it('reads what formatTime writes', () => {
    expect(formatTime(1_793_872_800_250)).toBe('2026-11-05T10:00:00.250Z');
    expect(parseTimestamp(formatTime(1_793_872_800_250))).toBe(1_793_872_800_250);
  });
});

describe('the clock of the machine', () => {
  it('gives ms since 1970, never backwards from one call to the next', () => {
    const first = systemClock.nowMs();
    expect(first).toBeGreaterThan(1_700_000_000_000);
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(first);
  });
});

describe('the timers of the machine', () => {
  it('run once, in the order of their delays', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      // Long enough for the others to be set before it is due, whatever else the machine does.
      systemTimers.after(30, () => {
        order.push('later');
        resolve();
      });
      systemTimers.after(0, () => void order.push('at once'));
      systemTimers.after(-50, () => void order.push('overdue'));
    });
    expect(order).toEqual(['at once', 'overdue', 'later']);
  });

  it('can be cancelled', async () => {
    const order: string[] = [];
    const cancel = systemTimers.after(0, () => void order.push('cancelled'));
    cancel();
    cancel();
    await new Promise<void>((resolve) => void systemTimers.after(1, resolve));
    expect(order).toEqual([]);
  });

  it('keep a delay that is longer than the platform can', async () => {
    const order: string[] = [];
    const cancel = systemTimers.after(2 ** 40, () => void order.push('far too early'), true);
    await new Promise<void>((resolve) => void systemTimers.after(2, resolve));
    cancel();
    expect(order).toEqual([]);
  });

  it('in the background do not keep the process alive', () => {
    const waiting = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = waiting();
    const cancelBackground = systemTimers.after(60_000, () => undefined, true);
    expect(waiting()).toBe(before);
    const cancel = systemTimers.after(60_000, () => undefined);
    expect(waiting()).toBe(before + 1);
    cancelBackground();
    cancel();
    expect(waiting()).toBe(before);
  });
});
