import type { Cron } from 'croner';

import { formatTime } from '../../runtime/index.ts';

/** A stretch of time that comes again and again. */
export interface CalendarWindow {
  /** When it begins, as a cron expression: `0 8 * * 1-5`. */
  readonly cron: string;
  /** IANA name of the zone that the expression is about: `Europe/Berlin`. @default UTC */
  readonly timeZone?: string | undefined;
  readonly lengthMs: number;
}

/** When pings may be sent. */
export interface Calendar {
  isOpen(atMs: number): boolean;
  /** When it opens next; null where it never does. */
  nextOpenMs(atMs: number): number | null;
}

/** Always open. */
export const alwaysOpen: Calendar = { isOpen: () => true, nextOpenMs: () => null };

/** Gives the first time that an expression names after a time; null without one. */
type NextStart = (afterMs: number) => number | null;

async function loadCron(): Promise<typeof Cron> {
  try {
    return (await import('croner')).Cron;
  } catch {
    throw new RangeError('calendar windows need the package croner, which is not installed');
  }
}

/**
 * The times within any of the windows; without any, always. What reads cron expressions is loaded by this call.
 *
 * @throws RangeError for an expression or a time zone that is none.
 * @example await openCalendar([{ cron: '0 8 * * 1-5', timeZone: 'Europe/Berlin', lengthMs: 10 * HOUR_MS }]);
 */
export async function openCalendar(windows: readonly CalendarWindow[]): Promise<Calendar> {
  if (windows.length === 0) return alwaysOpen;
  const Expression = await loadCron();
  const starts = windows.map(({ cron, timeZone = 'UTC', lengthMs }) => {
    if (!(lengthMs > 0)) throw new RangeError('a calendar window has a length above 0');
    try {
      const expression = new Expression(cron, { timezone: timeZone, paused: true });
      const next: NextStart = (afterMs) => expression.nextRun(formatTime(afterMs))?.getTime() ?? null;
      next(0);
      return { next, lengthMs };
    } catch (error) {
      const why = error instanceof Error ? `: ${error.message}` : '';
      throw new RangeError(
        `${JSON.stringify(cron)} in ${JSON.stringify(timeZone)} is no time of a calendar${why}`,
      );
    }
  });
  return {
    isOpen: (atMs) =>
      starts.some(({ next, lengthMs }) => {
        // The window that is open now began less than its length ago, now at the latest.
        const startMs = next(atMs - lengthMs);
        return startMs !== null && startMs <= atMs;
      }),
    nextOpenMs(atMs) {
      const found = starts.flatMap(({ next }) => next(atMs) ?? []);
      return found.length === 0 ? null : Math.min(...found);
    },
  };
}
