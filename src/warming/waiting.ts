import type { Clock, Random, Timers } from '../runtime/index.ts';

/** How patiently a failed request is tried again. */
export interface RetryOptions {
  /** Tries of one prompt, the first included. @default 5 */
  readonly triesMax: number;
  /** The first pause; it doubles with each try, and half of it is left to chance. @default 1000 */
  readonly pauseMs: number;
  /** The longest pause, also where the service asks for a longer one: then the prompt fails. @default 60000 */
  readonly pauseMaxMs: number;
}

export const defaultRetry: RetryOptions = { triesMax: 5, pauseMs: 1000, pauseMaxMs: 60_000 };

/** Resolves after a time, or as soon as the signal is aborted. */
export function waitFor(delayMs: number, timers: Timers, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      cancel();
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const cancel = timers.after(delayMs, settle);
    signal.addEventListener('abort', settle);
  });
}

/** The pause before the next try; null where the service asks for one that is too long. */
export function pauseAfter(
  tries: number,
  retryAfterMs: number | null,
  { pauseMs, pauseMaxMs }: RetryOptions,
  random: Random,
): number | null {
  if (retryAfterMs !== null && retryAfterMs > pauseMaxMs) return null;
  const backoffMs = Math.min(pauseMaxMs, pauseMs * 2 ** (tries - 1));
  // What was asked for is the least; chance on top keeps many clients from coming back at one moment.
  const ownMs = backoffMs / 2 + (random() * backoffMs) / 2;
  return retryAfterMs === null ? ownMs : Math.min(pauseMaxMs, retryAfterMs + random() * pauseMs);
}

/** A moment before which nothing is sent: a service that asks one request to wait means all of them. */
export interface SharedPause {
  extend(untilMs: number): void;
  wait(signal: AbortSignal): Promise<void>;
}

export function createSharedPause(clock: Clock, timers: Timers): SharedPause {
  let untilMs = 0;
  return {
    extend: (nextMs) => {
      untilMs = Math.max(untilMs, nextMs);
    },
    async wait(signal) {
      // Timers may fire early, and the pause may have grown meanwhile.
      for (
        let leftMs = untilMs - clock.nowMs();
        leftMs > 0 && !signal.aborted;
        leftMs = untilMs - clock.nowMs()
      ) {
        await waitFor(leftMs, timers, signal);
      }
    },
  };
}

/** Prefixes that are being written for the first time: whoever needs one waits, and then reads it. */
export interface Leaders {
  /** Resolves when no prefix of the list is being written; then these are the caller's to write, until `done`. */
  lead(prefixIds: readonly string[]): Promise<LeadDone>;
}

/** @param isWritten whether the prefixes are in the cache now, so that nobody needs to wait for them again */
export type LeadDone = (isWritten: boolean) => void;

export function createLeaders(): Leaders {
  const written = new Set<string>();
  const running = new Map<string, Promise<void>>();
  return {
    async lead(prefixIds) {
      for (;;) {
        const before = prefixIds.map((id) => running.get(id)).find((promise) => promise !== undefined);
        if (!before) break;
        await before;
      }
      const own = prefixIds.filter((id) => !written.has(id));
      const { promise, resolve } = Promise.withResolvers<void>();
      for (const id of own) running.set(id, promise);
      return (isWritten) => {
        for (const id of own) {
          running.delete(id);
          if (isWritten) written.add(id);
        }
        resolve();
      };
    },
  };
}
