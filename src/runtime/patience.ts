import type { CancelTimer, Timers } from './clock.ts';

/**
 * Calls once, after a time and one more turn of the event loop. The time is waited for in two halves, so that what arrived
 * while this process was busy with other things is heard before it counts as late: however long that took, half of the time
 * comes after it.
 */
export function afterPatience(timers: Timers, waitMs: number, run: () => void): CancelTimer {
  let cancel = timers.after(waitMs / 2, () => {
    cancel = timers.after(waitMs / 2, () => {
      cancel = timers.after(0, run);
    });
  });
  return () => cancel();
}
