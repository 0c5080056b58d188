import type { Clock, Timers } from '../runtime/index.ts';

/** The emulator's time, and waiting until it comes. */
export interface EmulatorClock extends Clock {
  /** Resolves when the clock has reached `timeMs`; false when the wait was cancelled first. */
  waitUntil(timeMs: number, signal: AbortSignal): Promise<boolean>;
  /** Moves a manual clock on; null for a real one. */
  advance(deltaMs: number): number | null;
}

interface Waiter {
  readonly timeMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is moved: all waiting is virtual (design of `--clock manual`). */
export function manualClock(startMs = 0): EmulatorClock {
  let nowMs = startMs;
  const waiters = new Set<Waiter>();
  return {
    nowMs: () => nowMs,
    waitUntil(timeMs, signal) {
      if (timeMs <= nowMs) return Promise.resolve(true);
      return new Promise((resolve) => {
        const settle = (reached: boolean): void => {
          waiters.delete(waiter);
          signal.removeEventListener('abort', onAbort);
          resolve(reached);
        };
        const onAbort = (): void => settle(false);
        const waiter: Waiter = { timeMs, wake: () => settle(true) };
        waiters.add(waiter);
        signal.addEventListener('abort', onAbort);
      });
    },
    advance(deltaMs) {
      nowMs += deltaMs;
      const due = [...waiters]
        .filter((waiter) => waiter.timeMs <= nowMs)
        .toSorted((a, b) => a.timeMs - b.timeMs);
      for (const waiter of due) waiter.wake();
      return nowMs;
    },
  };
}

/** The machine's time. */
export function realClock(clock: Clock, timers: Timers): EmulatorClock {
  return {
    nowMs: () => clock.nowMs(),
    waitUntil(timeMs, signal) {
      if (timeMs <= clock.nowMs()) return Promise.resolve(true);
      return new Promise((resolve) => {
        let cancel = (): void => undefined;
        const settle = (reached: boolean): void => {
          cancel();
          signal.removeEventListener('abort', onAbort);
          resolve(reached);
        };
        const onAbort = (): void => settle(false);
        // Timers count on a clock of their own and may fire a moment early, or not be able to wait so long.
        const tick = (): void => {
          const leftMs = timeMs - clock.nowMs();
          if (leftMs <= 0) settle(true);
          else cancel = timers.after(leftMs, tick);
        };
        signal.addEventListener('abort', onAbort);
        tick();
      });
    },
    advance: () => null,
  };
}
