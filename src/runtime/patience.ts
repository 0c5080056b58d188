import type { CancelTimer, Clock, Timers } from './clock.ts';

/** What patience is measured with. */
export interface Time {
  readonly clock: Clock;
  readonly timers: Timers;
}

/**
 * Calls once, after a time and one more turn of the event loop. The time is waited for in two parts, so that what arrived
 * while this process was busy with other things is heard before it counts as late: however long that took, a quarter of the
 * time comes after it. Otherwise the second part ends when all of it is over, late as the first may have been.
 */
export function afterPatience({ clock, timers }: Time, waitMs: number, run: () => void): CancelTimer {
  const fromMs = clock.nowMs();
  let cancel = timers.after(waitMs / 2, () => {
    const leftMs = waitMs - (clock.nowMs() - fromMs);
    // A clock that is set back, or forth, changes nothing for the worse.
    cancel = timers.after(Math.min(waitMs / 2, Math.max(waitMs / 4, leftMs)), () => {
      cancel = timers.after(0, run);
    });
  });
  return () => cancel();
}
