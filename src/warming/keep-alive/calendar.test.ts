import { describe, expect, it } from 'vitest';

import { parseTimestamp } from '../../runtime/index.ts';
import { alwaysOpen, openCalendar } from './calendar.ts';

const at = (text: string): number => parseTimestamp(text) ?? Number.NaN;
const HOUR_MS = 3_600_000;

describe('a calendar', () => {
  it('without windows is always open', async () => {
    const calendar = await openCalendar([]);
    expect(calendar).toBe(alwaysOpen);
    expect([calendar.isOpen(0), calendar.nextOpenMs(0)]).toEqual([true, null]);
  });

  it('keeps to hours of a place, in winter and in summer', async () => {
    const calendar = await openCalendar([
      { cron: '0 8 * * 1-5', timeZone: 'Europe/Berlin', lengthMs: 10 * HOUR_MS },
    ]);
    const open = (text: string): boolean => calendar.isOpen(at(text));
    // A Friday in winter, when Berlin is an hour ahead, and one in summer, when it is two.
    expect(open('2026-11-20T06:59:59Z')).toBe(false);
    expect(open('2026-11-20T07:00:00Z')).toBe(true);
    expect(open('2026-11-20T16:59:59Z')).toBe(true);
    expect(open('2026-11-20T17:00:00Z')).toBe(false);
    expect(open('2026-07-17T06:00:00Z')).toBe(true);
    expect(open('2026-07-17T16:00:00Z')).toBe(false);
    expect(calendar.nextOpenMs(at('2026-11-20T12:00:00Z'))).toBe(at('2026-11-23T07:00:00Z'));
  });

  it('is open in any of its windows, over midnight too', async () => {
    const calendar = await openCalendar([
      { cron: '0 22 * * *', lengthMs: 4 * HOUR_MS },
      { cron: '0 12 * * *', lengthMs: HOUR_MS },
    ]);
    const hours = Array.from({ length: 24 }, (_, hour) => hour).filter((hour) =>
      calendar.isOpen(at('2026-11-20T00:30:00Z') + hour * HOUR_MS),
    );
    expect(hours).toEqual([0, 1, 12, 22, 23]);
    expect(calendar.nextOpenMs(at('2026-11-20T13:00:00Z'))).toBe(at('2026-11-20T22:00:00Z'));
  });

  it.each([
    [{ cron: 'at eight', lengthMs: 1 }, 'is no time of a calendar'],
    [{ cron: '0 8 * * *', timeZone: 'Europe/Nowhere', lengthMs: 1 }, 'is no time of a calendar'],
    [{ cron: '0 8 * * *', lengthMs: 0 }, 'a length above 0'],
  ])('refuses %j', async (window, why) => {
    await expect(openCalendar([window])).rejects.toThrow(why);
  });
});
