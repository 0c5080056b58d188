import { describe, expect, test } from 'vitest';

import { seededRandom } from '../../src/runtime/index.ts';
import { theoryPrices } from '../../src/replay/prices.ts';
import { traceOf, type HandRequest } from '../../src/replay/trace/trace-of.ts';
import { costRatio } from './replayed.ts';

const SECOND_MS = 1000;
const REQUESTS = 5000;
const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);

/** Above no caching by so much at most, where nothing can be reused. */
const MOST = 1.005;

type Blocks = HandRequest['blocks'];

/** So many requests, so far apart. */
function traffic(gapMs: number, make: (request: number) => Omit<HandRequest, 'startMs'>, count = REQUESTS) {
  return traceOf(
    Array.from({ length: count }, (_, request) => ({
      startMs: request * gapMs,
      timeToFirstTokenMs: 800,
      application: request,
      conversation: request,
      ...make(request),
    })),
  );
}

/** A list in a random order. */
function shuffle<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe('traffic in which nothing can be reused costs what it costs without caching', () => {
  test.each([0.05, 0.1])('every request unique, at read %d', (read) => {
    const random = seededRandom(11);
    const trace = traffic(2 * SECOND_MS, (request) => ({
      blocks: [
        [`system ${request}`, 1500 + random() * 20_000],
        [`question ${request}`, 100 + random() * 3000],
      ],
      systemEnd: 0,
    }));
    expect(costRatio(trace, 'cachewright', { ...theoryPrices, read })).toBeLessThanOrEqual(MOST);
  });

  test('every request unique, all from one application', () => {
    const random = seededRandom(12);
    const trace = traffic(SECOND_MS, (request) => ({
      blocks: [[`question ${request}`, 1500 + random() * 20_000]],
      application: 0,
      kind: random() < 0.5 ? 'user' : 'tool',
    }));
    expect(costRatio(trace)).toBeLessThanOrEqual(MOST);
  });

  const distinct = EFFORT >= 20 ? 100_000 : 20_000;
  test(`${distinct} distinct prefixes, ten a second`, () => {
    const make = (request: number): Pick<HandRequest, 'blocks' | 'systemEnd'> => ({
      blocks: [
        [`system ${request}`, 3000],
        [`question ${request}`, 100],
      ],
      systemEnd: 0,
    });
    expect(costRatio(traffic(100, make, distinct))).toBeLessThanOrEqual(MOST);
  });

  test('every request unique, and all at once', () => {
    const trace = traffic(0, (request) => ({ blocks: [[`system ${request}`, 9000]], systemEnd: 0 }));
    expect(costRatio(trace)).toBeLessThanOrEqual(MOST);
  });

  test.each([
    ['an hour and a second', 3_601_000],
    ['an hour sharp', 3_600_000],
  ])('prefixes that come again after %s', (_, periodMs) => {
    const prefixes = 12;
    const trace = traffic(periodMs / prefixes, (request) => ({
      blocks: [
        [`system ${request % prefixes}`, 8000],
        [`question ${request}`, 300],
      ],
      systemEnd: 0,
      application: request % prefixes,
    }));
    expect(costRatio(trace)).toBeLessThanOrEqual(MOST);
  });

  test('the order of tools churns', () => {
    const random = seededRandom(13);
    const tools = Array.from({ length: 40 }, (_, tool) => [`tool ${tool}`, 250] as const);
    const trace = traffic(30 * SECOND_MS, (request) => ({
      blocks: [...shuffle(tools, random), ['system', 3000], [`question ${request}`, 200]] satisfies Blocks,
      toolsEnd: 39,
      systemEnd: 40,
    }));
    expect(costRatio(trace)).toBeLessThanOrEqual(MOST);
  });

  test('a timestamp is first in the system prompt', () => {
    const trace = traffic(5 * SECOND_MS, (request) => ({
      blocks: [
        [`it is ${request}`, 20],
        ['rules', 12_000],
        [`question ${request}`, 200],
      ],
      systemEnd: 1,
    }));
    expect(costRatio(trace)).toBeLessThanOrEqual(MOST);
  });
});

describe('where something can be reused', () => {
  test('tools before a timestamp are', () => {
    const trace = traffic(5 * SECOND_MS, (request) => ({
      blocks: [
        ['tools', 12_000],
        [`it is ${request}`, 20],
        ['rules', 12_000],
        [`question ${request}`, 200],
      ],
      toolsEnd: 0,
      systemEnd: 2,
    }));
    // Half of each request is read for a tenth.
    expect(costRatio(trace)).toBeLessThanOrEqual(0.56);
  });

  test.each([
    ['just beyond five minutes', 301_000],
    ['at five minutes sharp', 300_000],
  ])('prefixes that come again %s live for an hour', (_, periodMs) => {
    const prefixes = 10;
    const trace = traffic(periodMs / prefixes, (request) => ({
      blocks: [
        [`system ${request % prefixes}`, 8000],
        [`question ${request}`, 100],
      ],
      systemEnd: 0,
      application: request % prefixes,
    }));
    expect(costRatio(trace)).toBeLessThanOrEqual(0.13);
  });
});

describe('requests asked once', () => {
  test('stop being written within ten, and are written again when they come back', () => {
    const blocksOf = (request: number): Blocks => [
      ['system', 4000],
      [`question ${request}`, 8000],
    ];
    const ratioOf = (from: number, isRepeated: boolean, count: number): number =>
      costRatio(
        traffic(
          SECOND_MS,
          (request) => ({
            blocks: blocksOf(isRepeated && request >= from ? Math.floor(request / 10) : request + 1e6),
            systemEnd: 0,
            application: 0,
          }),
          count,
        ),
      );
    const once = (count: number): number => ratioOf(0, false, count) * count;
    // A system prompt that is read and a question that is sent plain: 400 and 8,000 of 12,000.
    expect(once(60) - once(10)).toBeLessThanOrEqual((50 * 8400 + 1) / 12_000);
    expect(ratioOf(200, true, 2000)).toBeLessThan(0.5);
  });
});
