const HOUR_MS = 3_600_000;
const HOURS = 24;
/** Days that are remembered of each hour, and how long ago the first of them may be. */
const DAYS_KEPT = 3;
const DAYS_BACK = 8;
/** Days on which it must have been as bad. */
const DAYS_ALIKE = 2;

interface DayOfHour {
  readonly day: number;
  /** The worst of its windows; larger is worse. */
  worst: number;
}

/**
 * What windows showed at each hour (UTC) of the days before. A job of every night has a hit ratio of its own: when it has come
 * on two days at the same hour, it is usual at that hour, though at any other it would be bad.
 */
export class Daily {
  readonly #hours = new Map<number, DayOfHour[]>();

  /** Takes in how bad a window was; larger is worse. */
  learn(atMs: number, badness: number): void {
    const day = Math.floor(atMs / HOUR_MS / HOURS);
    const hour = Math.floor(atMs / HOUR_MS) % HOURS;
    const days = this.#hours.get(hour) ?? [];
    const today = days.at(-1);
    if (today?.day === day) {
      today.worst = Math.max(today.worst, badness);
      return;
    }
    this.#hours.set(hour, [...days, { day, worst: badness }].slice(-DAYS_KEPT - 1));
  }

  /** Was it as bad, or nearly, at about this hour of two earlier days? */
  isUsual(atMs: number, badness: number, margin: number): boolean {
    const hour = Math.floor(atMs / HOUR_MS);
    const days = new Set<number>();
    for (const near of [hour - 1, hour, hour + 1]) {
      const nearDay = Math.floor(near / HOURS);
      for (const { day, worst } of this.#hours.get(near % HOURS) ?? []) {
        const daysAgo = nearDay - day;
        const isBefore = daysAgo > 0 && daysAgo <= DAYS_BACK;
        if (isBefore && badness <= worst + margin * Math.abs(worst)) days.add(daysAgo);
      }
    }
    return days.size >= DAYS_ALIKE;
  }
}
