import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { optimizer, breakEvens, type FamilyAdvice, type MeasuredRequest } from '../index.ts';
import { costOf } from './choices.ts';
import { Family } from './family.ts';
import { defaultCacheRules, resolveModel, standardPricing, type Ttl } from '../../core/index.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const prices = (readPerMille: number) => ({ readPerMille, write5mPerMille: 1250, write1hPerMille: 2000 });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = Date.UTC(2026, 10, 2);
/** Reads at a tenth of $3 per million tokens; minimum 1,024. */
const MODEL = 'claude-sonnet-4-5';
const TOKENS = 10_000;

/** A prompt that is the same each time, up to where a breakpoint could stand. */
function askAt(atMs: number): MeasuredRequest {
  const chain = { partition: '', prefixIds: ['prompt'], cumulativeTokens: [TOKENS], positions: [0] };
  return { family: 'assistant', model: MODEL, atMs, chain, places: [{ name: 'system-end', blockIndex: 0 }] };
}

function timesOf(gapsMs: readonly number[]): readonly number[] {
  let atMs = START_MS;
  return [atMs, ...gapsMs.map((gapMs) => (atMs += gapMs))];
}

function adviseFor(timesMs: readonly number[]): FamilyAdvice {
  const advisor = optimizer({ random: () => 0.5 });
  for (const atMs of timesMs) advisor.record(askAt(atMs));
  return advisor.advise()[0]!;
}

/** Cost of one choice in units of one uncached request. */
function unitsOf(timesMs: readonly number[], ttl: Ttl | null): number {
  const { facts } = resolveModel(MODEL);
  const family = new Family('', facts, { order: ['system-end'], rules: defaultCacheRules, requestsMax: 1e6 });
  for (const atMs of timesMs) family.record(askAt(atMs));
  const choice = ttl === null ? [] : [{ place: 'system-end', ttl }];
  const context = { facts, rules: defaultCacheRules, pricingAt: standardPricing };
  const all = { ...context, periodCount: 1, periodOf: () => 0 };
  return Number(costOf(family.requests, choice, all).totalPicoUsd) / (TOKENS * 3_000_000);
}

/** How much of the uncached cost a TTL saves; the first write counts. */
function savedShare(timesMs: readonly number[], ttl: Ttl): number {
  return 1 - unitsOf(timesMs, ttl) / timesMs.length;
}

/** A Poisson process by inverting its distribution at evenly spread shares, mixed: no chance, but the right gaps. */
function poissonTimes(perHour: number, count: number): readonly number[] {
  const gaps = Array.from({ length: count }, (_, index) => {
    const share = ((index * 7919) % count) / count + 0.5 / count;
    return (-Math.log(1 - share) / perHour) * HOUR_MS;
  });
  return timesOf(gaps);
}

describe('break-evens', () => {
  it.each([
    [100, 0.278, 1.111, 0.217, 0.526],
    [50, 0.263, 1.053, 0.208, 0.513],
    [25, 0.256, 1.026, 0.204, 0.506],
  ])('at read %i per mille', (read, hits5m, hits1h, share5m, share1h) => {
    const evens = breakEvens(prices(read));
    expect(evens['5m'].hitsPerWrite).toBeCloseTo(hits5m, 3);
    expect(evens['1h'].hitsPerWrite).toBeCloseTo(hits1h, 3);
    expect(evens['5m'].readShare).toBeCloseTo(share5m, 3);
    expect(evens['1h'].readShare).toBeCloseTo(share1h, 3);
  });

  it('are 2.94 and 0.75 requests an hour where they come at random', () => {
    const evens = breakEvens(prices(100));
    const perHour = (ttl: Ttl, ttlMs: number): number =>
      (-Math.log(1 - evens[ttl].readShare) * HOUR_MS) / ttlMs;
    expect(perHour('5m', 300_000)).toBeCloseTo(2.94, 2);
    expect(perHour('1h', HOUR_MS)).toBeCloseTo(0.75, 2);
  });

  it('ask for 3.9 % of the gaps between 5 minutes and an hour where 90 % are below 5 minutes', () => {
    const { hour } = breakEvens(prices(100));
    const worth = (between: number): number =>
      hour.readWeight1h * (0.9 + between) - hour.readWeight5m * 0.9 - hour.premium;
    expect(worth(0.039)).toBeLessThan(0);
    expect(worth(0.0401)).toBeGreaterThan(0);
  });
});

describe('gaps, not rates', () => {
  it('every 12 minutes: 5m loses a quarter, 1h saves nine tenths', () => {
    const times = timesOf(Array.from({ length: 999 }, () => 12 * MINUTE_MS));
    expect(savedShare(times, '5m')).toBeCloseTo(-0.25, 10);
    // (2 + 999 x 0.1) / 1000
    expect(savedShare(times, '1h')).toBeCloseTo(1 - 0.1019, 10);
    const advice = adviseFor(times);
    expect(advice.breakpoints).toEqual([{ place: 'system-end', ttl: '1h' }]);
    expect(advice.places[0]).toMatchObject({ within5m: 0, within1h: 0.999, reason: 'cheapest-1h' });
  });

  it('the same five an hour in one burst: 5m is right', () => {
    const burst = [MINUTE_MS, MINUTE_MS, MINUTE_MS, MINUTE_MS, 65 * MINUTE_MS];
    const times = timesOf(
      Array.from({ length: 100 }, () => burst)
        .flat()
        .slice(0, -1),
    );
    expect(savedShare(times, '5m')).toBeCloseTo(1 - (1.25 + 0.4) / 5, 10);
    expect(savedShare(times, '1h')).toBeCloseTo(1 - (2 + 0.4) / 5, 10);
    expect(adviseFor(times).breakpoints).toEqual([{ place: 'system-end', ttl: '5m' }]);
  });

  it('five an hour at random: 5m saves 14 %, 1h 89 %', () => {
    const times = poissonTimes(5, 2000);
    expect(savedShare(times, '5m')).toBeCloseTo(0.142, 2);
    expect(savedShare(times, '1h')).toBeCloseTo(0.887, 2);
  });

  it('one in two hours at random: none pays', () => {
    const advice = adviseFor(poissonTimes(0.5, 2000));
    expect(advice).toMatchObject({ isWorthCaching: false, breakpoints: [] });
    expect(advice.places[0]).toMatchObject({ ttl: null, reason: 'reads-do-not-repay' });
    expect(advice.places[0]?.why).toMatch(/5m pays from 21\.7 % on and 1h from 52\.6 %$/);
    expect(advice.month?.saving.usd).toBe(0);
  });

  it('a prefix of its own costs what its shares say, and pays from the break-even on, at random gaps', () => {
    const gap = fc.oneof(
      fc.integer({ min: 1, max: 299_999 }),
      fc.constantFrom(300_000, 299_999, HOUR_MS, HOUR_MS - 1),
      fc.integer({ min: 300_000, max: HOUR_MS - 1 }),
      fc.integer({ min: HOUR_MS, max: 10 * HOUR_MS }),
    );
    fc.assert(
      fc.property(fc.array(gap, { minLength: 1, maxLength: 40 }), (gaps) => {
        const times = timesOf(gaps);
        const { places, breakEvens: evens, breakpoints } = adviseFor(times);
        const { within5m, within1h } = places[0]!;
        const cost5m = times.length * (1.25 - 1.15 * within5m);
        const cost1h = times.length * (2 - 1.9 * within1h);
        expect(unitsOf(times, '5m')).toBeCloseTo(cost5m, 6);
        expect(unitsOf(times, '1h')).toBeCloseTo(cost1h, 6);
        expect(cost5m < times.length - 1e-9).toBe(within5m > evens['5m'].readShare + 1e-9);
        expect(cost1h < times.length - 1e-9).toBe(within1h > evens['1h'].readShare + 1e-9);
        const cheapest = Math.min(times.length, cost5m, cost1h);
        const advised = breakpoints[0]?.ttl ?? null;
        expect(unitsOf(times, advised)).toBeCloseTo(cheapest, 6);
        const { readWeight1h, readWeight5m, premium } = evens.hour;
        const gain = readWeight1h * within1h - readWeight5m * within5m - premium;
        expect(Math.abs(gain) < 1e-9 || cost1h < cost5m === gain > 0).toBe(true);
      }),
      { numRuns },
    );
  });
});
