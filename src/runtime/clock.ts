/** The time of day, in ms since 1970 UTC. */
export interface Clock {
  nowMs(): number;
}

/** A timer that has been set: call it to cancel. */
export type CancelTimer = () => void;

/** Runs something later. */
export interface Timers {
  /** Calls once, not before `delayMs` from now; does not keep the process alive by itself when `isBackground`. */
  after(delayMs: number, run: () => void, isBackground?: boolean): CancelTimer;
}

/** The machine's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** RFC 3339 text of a time in ms since 1970 UTC. */
export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** RFC 3339 (its section 5.6), and a date alone, which is midnight UTC. `Date.parse` takes far more, `-5` as a date of 2001. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

/** A time given as ms since 1970 or as RFC 3339, in ms; null when it is neither. */
export function parseTimestamp(text: string): number | null {
  const isMs = /^\d+$/.test(text);
  if (!isMs && !RFC_3339.test(text)) return null;
  const timeMs = isMs ? Number(text) : Date.parse(text.toUpperCase());
  return Number.isFinite(timeMs) ? timeMs : null;
}

/** Longest delay that `setTimeout` keeps; anything above fires at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The machine's timers. */
export const systemTimers: Timers = {
  after(delayMs, run, isBackground = false) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), DELAY_MAX_MS));
    if (isBackground) timer.unref();
    return () => clearTimeout(timer);
  },
};
