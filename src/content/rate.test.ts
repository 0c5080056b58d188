import { describe, expect, it } from 'vitest';

import { seededRandom } from '../runtime/index.ts';
import { changeInterval, coarse, countRequest, noRequests, requestsPerHour, settle } from './rate.ts';

const MINUTE_MS = 60_000;

describe('the measured rate of requests', () => {
  it.each([2, 30, 600])('comes near %d Poisson requests an hour', (perHour) => {
    const random = seededRandom(perHour);
    let atMs = 1e12;
    let rate = noRequests(atMs);
    const seen: number[] = [];
    for (let index = 0; index < 400; index += 1) {
      rate = countRequest(rate, atMs);
      atMs += (-Math.log(1 - random()) * 60 * MINUTE_MS) / perHour;
      const measured = requestsPerHour(rate);
      if (measured !== null) seen.push(measured);
    }
    const mean = seen.reduce((sum, each) => sum + each, 0) / Math.max(1, seen.length);
    // Two an hour are never eight in memory for long: there the planner's default holds.
    expect(perHour === 2 ? seen.length < 100 : Math.abs(mean / perHour - 1) < 0.2).toBe(true);
  });

  it('is not known from a burst at the start, nor from a few requests', () => {
    let rate = noRequests(0);
    for (let index = 0; index < 50; index += 1) rate = countRequest(rate, index);
    expect(requestsPerHour(rate)).toBeNull();
    expect(requestsPerHour(countRequest(noRequests(0), 60 * MINUTE_MS))).toBeNull();
  });

  it('survives a clock that goes back', () => {
    const rate = countRequest(countRequest(noRequests(1000), 1000), 500);
    expect(rate).toEqual({ weight: 2, atMs: 1000, sinceMs: 1000 });
  });
});

describe('what is planned with', () => {
  it('stays until the measurement has moved by a factor of two', () => {
    expect(settle(null, null)).toBeNull();
    expect(settle(null, 10)).toBe(10);
    expect(settle(10, null)).toBe(10);
    expect([6, 15, 19.9].map((measured) => settle(10, measured))).toEqual([10, 10, 10]);
    expect([4.9, 20].map((measured) => settle(10, measured))).toEqual([4.9, 20]);
  });

  it('takes contents for equally stable that were first seen a moment apart', () => {
    const [earlier, later] = [changeInterval(1_000, 0), changeInterval(0, 0)];
    expect(earlier).toBeGreaterThan(later);
    expect(coarse(earlier)).toBe(coarse(later));
    expect(coarse(changeInterval(24 * 60 * MINUTE_MS, 40))).toBeLessThan(coarse(later) / 8);
  });
});
