import { describe, expect, it } from 'vitest';

import { createLeaders, createSharedPause, defaultRetry, pauseAfter, waitFor } from './waiting.ts';

const never = new AbortController().signal;

describe('pauseAfter', () => {
  it('doubles, leaves half to chance, and ends at the longest', () => {
    const lows = [1, 2, 3, 10].map((tries) => pauseAfter(tries, null, defaultRetry, () => 0));
    const highs = [1, 2, 3, 10].map((tries) => pauseAfter(tries, null, defaultRetry, () => 1));
    expect(lows).toEqual([500, 1000, 2000, 30_000]);
    expect(highs).toEqual([1000, 2000, 4000, 60_000]);
  });

  it('waits at least as long as it is asked to', () => {
    expect(pauseAfter(1, 7000, defaultRetry, () => 0)).toBe(7000);
    expect(pauseAfter(1, 7000, defaultRetry, () => 1)).toBe(8000);
    expect(pauseAfter(1, 60_000, defaultRetry, () => 1)).toBe(60_000);
  });

  it('does not wait where that would be too long', () => {
    expect(pauseAfter(1, 60_001, defaultRetry, () => 0)).toBeNull();
  });
});

describe('waitFor', () => {
  it('ends with the signal, and cancels the timer', async () => {
    let isCancelled = false;
    const stop = new AbortController();
    const waiting = waitFor(1000, { after: () => () => (isCancelled = true) }, stop.signal);
    stop.abort();
    await waiting;
    expect(isCancelled).toBe(true);
  });
});

describe('createSharedPause', () => {
  it('holds back until the latest moment that was named, also with timers that are early', async () => {
    let nowMs = 0;
    const delays: number[] = [];
    const timers = {
      after(delayMs: number, run: () => void) {
        delays.push(delayMs);
        nowMs += Math.ceil(delayMs / 2);
        queueMicrotask(run);
        return () => undefined;
      },
    };
    const pause = createSharedPause({ nowMs: () => nowMs }, timers);
    pause.extend(8);
    pause.extend(4);
    await pause.wait(never);
    expect(nowMs).toBe(8);
    expect(delays).toEqual([8, 4, 2, 1]);
    await pause.wait(never);
    expect(delays).toHaveLength(4);
  });
});

describe('createLeaders', () => {
  it('lets one go ahead, then all others at once', async () => {
    const leaders = createLeaders();
    const order: string[] = [];
    const done = await leaders.lead(['common', 'a']);
    const others = ['b', 'c'].map(async (name) => {
      const end = await leaders.lead(['common', name]);
      order.push(name);
      return end;
    });
    await Promise.resolve();
    expect(order).toEqual([]);
    done(true);
    await Promise.all(others);
    expect(order).toEqual(['b', 'c']);
  });

  it('lets the next one lead where the first has failed', async () => {
    const leaders = createLeaders();
    const order: string[] = [];
    const first = await leaders.lead(['common']);
    const second = leaders.lead(['common']).then((end) => (order.push('second'), end));
    const third = leaders.lead(['common']).then((end) => (order.push('third'), end));
    first(false);
    const end = await second;
    await Promise.resolve();
    expect(order).toEqual(['second']);
    end(true);
    await third;
    expect(order).toEqual(['second', 'third']);
  });
});
