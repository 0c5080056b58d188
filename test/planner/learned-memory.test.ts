import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';

import { LearnedPlanner, type LearnedOptions } from '../../src/planner/index.ts';
import { measureState } from '../../bench/planner/state-size.ts';
import { PRICES } from './word-requests.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MEGABYTE = 1_000_000;

/** What planners hold is in typed arrays, which are beside the heap. */
function bytesInUse(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Keys of a request's blocks; the first ends the system prompt where there are several. */
type KeysOf = (request: number) => readonly number[];

/** A number as large as the keys of real prefixes. */
const large = (number: number): number => 2 ** 40 + number;

function send(planner: LearnedPlanner, atMs: number, keys: readonly number[]): void {
  const cumulativeTokens = keys.map((_, at) => (at + 1) * 1500);
  const plan = planner.plan({
    atMs,
    length: keys.length,
    keys,
    cumulativeTokens,
    cumulativeHighTokens: cumulativeTokens,
    positions: keys.map((_, at) => at),
    layers: keys.length > 1 ? [{ place: 'system-end', length: 1 }] : [],
    newest: 'user',
    tail: 'plain',
    application: keys.length > 1 ? (keys[0] ?? 0) : 0,
    prices: PRICES,
    lookbackPositions: 20,
    canMark: () => true,
  });
  planner.begin(planner.sent(plan, plan.breakpoints), atMs);
}

/** A planner after so many requests, and the memory that it takes. */
function fill(
  count: number,
  gapMs: number,
  keysOf: KeysOf,
  limits?: LearnedOptions,
): { readonly planner: LearnedPlanner; readonly bytes: number } {
  const before = bytesInUse();
  const planner = new LearnedPlanner(limits);
  for (let request = 0; request < count; request += 1)
    send(planner, 1.7e12 + request * gapMs, keysOf(request));
  return { planner, bytes: bytesInUse() - before };
}

describe('memory', () => {
  test('of 100,000 distinct prefixes: at most 300 bytes a run', () => {
    const { planner, bytes } = fill(100_000, 1000, (request) => [large(request)]);
    // Runs of more than 25 hours ago are gone, or will be with the next look for them.
    expect(planner.size).toBeGreaterThan(90_000);
    expect(planner.size).toBeLessThan(102_500);
    expect(bytes / planner.size).toBeLessThanOrEqual(300);
  });

  test('of conversations of many blocks: at most 300 bytes a run', () => {
    const { nodes, blocks, bytesPerNode } = measureState(20_000, collectGarbage);
    expect([nodes, blocks]).toEqual([20_040, 240_460]);
    expect(bytesPerNode).toBeLessThanOrEqual(300);
  });

  test('of 300,000 distinct system prompts, a thousand a second: no more than the limit of runs allows', () => {
    const { planner, bytes } = fill(300_000, 1, (request) => [large(2 * request), large(2 * request + 1)]);
    expect(planner.size).toBeLessThanOrEqual(100_003);
    expect(bytes).toBeLessThanOrEqual(200 * MEGABYTE);
  });

  test('of one prefix used very often does not grow with its uses', () => {
    const { planner, bytes } = fill(500_000, 1, () => [large(1), large(2)]);
    expect([planner.size, planner.blockCount]).toEqual([2, 2]);
    expect(bytes).toBeLessThanOrEqual(30 * MEGABYTE);
  });

  test('has a limit on blocks as well: long prompts are fewer', () => {
    const keysOf: KeysOf = (request) => Array.from({ length: 1000 }, (_, at) => large(1000 * request + at));
    const { planner } = fill(300, 1000, keysOf, { blocksMax: 50_000 });
    expect(planner.blockCount).toBeLessThanOrEqual(51_000);
    expect(planner.blockCount).toBeGreaterThanOrEqual(30_000);
  });

  test('has a limit on runs, also where all come at once', () => {
    const { planner } = fill(5000, 0, (request) => [large(request)], { runsMax: 1000 });
    expect(planner.size).toBeLessThanOrEqual(1001);
    expect(planner.size).toBeGreaterThanOrEqual(750);
  });
});
