import { describe, expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { afterPatience } from './index.ts';

describe('patience', () => {
  it('ends a turn later than its time, once', () => {
    const time = new ManualTime();
    let calls = 0;
    afterPatience({ clock: time, timers: time }, 50, () => (calls += 1));
    time.advance(25);
    time.advance(25);
    expect(calls).toBe(0);
    time.advance(1);
    time.advance(1_000);
    expect(calls).toBe(1);
  });

  it('gives a quarter of its time after this process was busy', () => {
    const time = new ManualTime();
    let calls = 0;
    afterPatience({ clock: time, timers: time }, 50, () => (calls += 1));
    time.advance(10_000);
    time.advance(12);
    time.advance(0);
    expect(calls).toBe(0);
    time.advance(1);
    time.advance(0);
    expect(calls).toBe(1);
  });

  it('does not add up what its timers are late', () => {
    const time = new ManualTime();
    let calls = 0;
    afterPatience({ clock: time, timers: time }, 40, () => (calls += 1));
    time.advance(29);
    time.advance(10);
    time.advance(0);
    expect(calls).toBe(0);
    time.advance(1);
    time.advance(0);
    expect(calls).toBe(1);
  });

  it.each([0, 25, 50])('can be given up, after %i ms too', (ms) => {
    const time = new ManualTime();
    const cancel = afterPatience({ clock: time, timers: time }, 50, () =>
      expect.unreachable('it was given up'),
    );
    for (let passed = 0; passed < ms; passed += 25) time.advance(25);
    cancel();
    time.advance(1_000);
    expect(time.waiting).toBe(0);
  });
});
