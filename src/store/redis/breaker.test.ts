import { describe, expect, it } from 'vitest';

import { Breaker } from './breaker.ts';

function start(): { readonly breaker: Breaker; readonly advance: (ms: number) => void } {
  let nowMs = 50_000;
  return { breaker: new Breaker({ nowMs: () => nowMs }), advance: (ms) => (nowMs += ms) };
}

function failTimes(breaker: Breaker, times: number): void {
  for (let count = 0; count < times; count += 1) {
    expect(breaker.admits()).toBe(true);
    breaker.fail();
  }
}

describe('a breaker', () => {
  it('opens after three failures in a row, not after three with a success between them', () => {
    const { breaker } = start();
    failTimes(breaker, 2);
    breaker.succeed();
    failTimes(breaker, 3);
    expect(breaker.admits()).toBe(false);
  });

  it('lets one call try after a second: it decides', () => {
    const { breaker, advance } = start();
    failTimes(breaker, 3);
    advance(999);
    expect(breaker.admits()).toBe(false);
    advance(1);
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
    breaker.fail();
    expect(breaker.admits()).toBe(false);
    advance(1000);
    expect(breaker.admits()).toBe(true);
    breaker.succeed();
    failTimes(breaker, 2);
    expect(breaker.admits()).toBe(true);
  });

  it('is not kept open by a clock that is set back', () => {
    const { breaker, advance } = start();
    failTimes(breaker, 3);
    advance(-10_000);
    expect(breaker.admits()).toBe(true);
  });
});
