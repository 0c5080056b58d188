const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a month is taken for. */
export const MONTH_MS: number = 30 * DAY_MS;

/** Days are drawn where there are so many, since hours of a day differ more than days do. */
const DAYS_MIN = 14;
/** Of fewer periods than these no interval is told. */
const PERIODS_MIN = 8;

/** The time that was looked at, in periods of equal length. */
export interface Periods {
  readonly fromMs: number;
  /** To the end of the mean gap after the last request; 0 where there are no two times. */
  readonly spanMs: number;
  readonly count: number;
  /** Enough of them to say how much traffic varies. */
  readonly areEnough: boolean;
}

/** Periods for requests at these times, in order. */
export function dividePeriods(timesMs: readonly number[]): Periods {
  const fromMs = timesMs[0] ?? 0;
  const lastMs = timesMs.at(-1) ?? fromMs;
  const spanMs = timesMs.length < 2 ? 0 : ((lastMs - fromMs) * timesMs.length) / (timesMs.length - 1);
  const days = Math.floor(spanMs / DAY_MS);
  const count = days >= DAYS_MIN ? days : Math.floor(spanMs / HOUR_MS);
  const areEnough = count >= PERIODS_MIN;
  return { fromMs, spanMs, count: areEnough ? count : 1, areEnough };
}

/** The period that a time falls in, from 0. */
export function periodAt({ fromMs, spanMs, count }: Periods, atMs: number): number {
  const share = spanMs > 0 ? (atMs - fromMs) / spanMs : 0;
  return Math.min(count - 1, Math.max(0, Math.floor(share * count)));
}
