import { describe, expect, test } from 'vitest';

import type { Timers } from '../runtime/index.ts';
import { manualClock, realClock } from './clock.ts';

const never = new AbortController().signal;

/** Timers that fire when told to. */
function heldTimers(): Timers & { readonly delays: number[]; fire(): void; readonly cancelled: number } {
  let pending: (() => void) | null = null;
  let cancelled = 0;
  const delays: number[] = [];
  return {
    delays,
    get cancelled() {
      return cancelled;
    },
    after(delayMs, run) {
      delays.push(delayMs);
      pending = run;
      return () => {
        if (pending === run) cancelled += 1;
        pending = null;
      };
    },
    fire() {
      const run = pending;
      pending = null;
      run?.();
    },
  };
}

describe('manualClock', () => {
  test('stands still until it is moved', () => {
    const clock = manualClock(100);
    expect(clock.nowMs()).toBe(100);
    expect(clock.advance(50)).toBe(150);
    expect(clock.advance(0)).toBe(150);
    expect(clock.nowMs()).toBe(150);
  });

  test('does not wait for what has come', async () => {
    expect(await manualClock(100).waitUntil(100, never)).toBe(true);
  });

  test('wakes all that are due, earliest first, and nobody else', async () => {
    const clock = manualClock();
    const woken: number[] = [];
    const waits = [300, 100, 200, 201].map(async (timeMs) => {
      if (await clock.waitUntil(timeMs, never)) woken.push(timeMs);
    });
    clock.advance(200);
    await Promise.all(waits.slice(1, 3));
    expect(woken).toEqual([100, 200]);
    clock.advance(100);
    await Promise.all(waits);
    expect(woken).toEqual([100, 200, 201, 300]);
  });

  test('gives up a wait that is aborted', async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const waiting = clock.waitUntil(100, abort.signal);
    abort.abort();
    expect(await waiting).toBe(false);
    clock.advance(100);
    expect(await waiting).toBe(false);
  });
});

describe('realClock', () => {
  test('cannot be moved', () => {
    expect(realClock({ nowMs: () => 7 }, heldTimers()).advance(1)).toBeNull();
  });

  test('does not wait for what has come', async () => {
    const timers = heldTimers();
    expect(await realClock({ nowMs: () => 7 }, timers).waitUntil(7, never)).toBe(true);
    expect(timers.delays).toEqual([]);
  });

  test('waits again when the timer fires early', async () => {
    let nowMs = 1_000;
    const timers = heldTimers();
    const waiting = realClock({ nowMs: () => nowMs }, timers).waitUntil(1_500, never);
    nowMs = 1_499;
    timers.fire();
    nowMs = 1_500;
    timers.fire();
    expect(await waiting).toBe(true);
    expect(timers.delays).toEqual([500, 1]);
  });

  test('cancels its timer when the wait is aborted', async () => {
    const timers = heldTimers();
    const abort = new AbortController();
    const waiting = realClock({ nowMs: () => 0 }, timers).waitUntil(10, abort.signal);
    abort.abort();
    expect(await waiting).toBe(false);
    expect(timers.cancelled).toBe(1);
  });
});
