import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isReadable } from '../../core/cache/state.ts';
import {
  cacheStep,
  defaultCacheRules,
  emptyCacheState,
  type CacheRequest,
  type CacheRules,
} from '../../core/index.ts';
import { TTL_1H, TTL_5M } from '../policy.ts';
import { traceOf, type HandRequest } from '../trace/trace-of.ts';
import { pathOf } from '../trace/trace.ts';
import { CacheSimulator, createOutcome, createPlacements } from './cache-simulator.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const TRUNK = 'arrabaarrrbaaxrraabrrrraaaxbaaarraabrraxaab';
const TOKENS: Readonly<Record<string, number>> = { a: 7, b: 0, r: 3, x: 11, y: 5 };

interface Step {
  readonly request: HandRequest;
  readonly marks: readonly (readonly [index: number, ttl: number])[];
  readonly minimum: number;
}

function requestOf(text: string, startMs: number, timeToFirstTokenMs: number): HandRequest {
  const positions: number[] = [];
  for (const [index, block] of [...text].entries()) {
    const isSame = block === 'r' && text[index - 1] === 'r';
    positions.push(isSame ? (positions[index - 1] ?? 0) : (positions[index - 1] ?? -1) + 1);
  }
  const blocks = [...text].map((block) => [block, TOKENS[block] ?? 1] as const);
  return { startMs, timeToFirstTokenMs, blocks, positions };
}

const marksOf = (length: number): fc.Arbitrary<Step['marks']> =>
  fc
    .oneof(
      fc.constant(length === 0 ? [] : [length - 1]),
      fc.uniqueArray(fc.nat({ max: Math.max(0, length - 1) }), { maxLength: length === 0 ? 0 : 4 }),
    )
    .chain((indices) =>
      fc
        .nat({ max: indices.length })
        .map((hours) =>
          indices
            .toSorted((a, b) => a - b)
            .map((index, order) => [index, order < hours ? TTL_1H : TTL_5M] as const),
        ),
    );

const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      length: fc.nat({ max: TRUNK.length }),
      branchAt: fc.option(fc.nat({ max: TRUNK.length }), { nil: -1, freq: 8 }),
      afterMs: fc.constantFrom(0, 1, 2000, 150_000, 299_999, 300_000, 2_000_000, 3_599_999, 3_600_000),
      beginsAfterMs: fc.constantFrom(0, 0, 1, 3000, 160_000, 400_000),
      minimum: fc.constantFrom(0, 0, 10, 60),
    }),
    { minLength: 1, maxLength: 40, size: 'max' },
  )
  .chain((rows) => {
    let startMs = 0;
    const each = rows.map((row) => {
      startMs += row.afterMs;
      const text = TRUNK.slice(0, row.length)
        .split('')
        .map((block, i) => (i === row.branchAt ? 'y' : block));
      const request = requestOf(text.join(''), startMs, row.beginsAfterMs);
      return marksOf(row.length).map((marks) => ({ request, marks, minimum: row.minimum }));
    });
    return fc.tuple(...each);
  });

describe('CacheSimulator', () => {
  it.each(['self-contained', 'layered'] as const)('does what cacheStep does, entries %s', (entriesAre) => {
    const rules: CacheRules = { ...defaultCacheRules, open: { ...defaultCacheRules.open, entriesAre } };
    fc.assert(
      fc.property(steps, fc.boolean(), (list, hasLookbackLimit) => {
        const trace = traceOf(
          list.map((step) => step.request),
          { hasLookbackLimit },
        );
        const { trie, requests } = trace;
        const simulator = new CacheSimulator(trace, entriesAre);
        const placements = createPlacements();
        const outcome = createOutcome();
        let state = emptyCacheState;
        for (const [index, { request, marks, minimum }] of list.entries()) {
          const startMs = requests.startMs[index] ?? 0;
          const readyMs = startMs + (request.timeToFirstTokenMs ?? 0);
          const path = pathOf(trie, requests.prefixIds[index] ?? -1);
          const chain: CacheRequest = {
            partition: 'p',
            prefixIds: path.map(String),
            cumulativeTokens: path.map((id) => trie.cumulativeTokens[id] ?? 0),
            positions: path.map((id) => (hasLookbackLimit ? (trie.positions[id] ?? 0) : 0)),
            breakpoints: marks.map(([blockIndex, ttl]) => ({
              blockIndex,
              ttl: ttl === TTL_1H ? '1h' : '5m',
              origin: 'explicit',
            })),
            minCacheableTokens: minimum,
          };
          const [expected, next] = cacheStep(state, chain, { startMs, readyMs }, rules);
          state = next;
          placements.count = marks.length;
          for (const [at, [blockIndex, ttl]] of marks.entries()) {
            placements.prefixIds[at] = path[blockIndex] ?? -1;
            placements.ttls[at] = ttl;
          }
          const totalTokens = expected.totalTokens;
          simulator.step({ totalTokens, startMs, readyMs, minCacheableTokens: minimum }, placements, outcome);
          expect(outcome).toEqual({
            readTokens: expected.readTokens,
            write5mTokens: expected.write5mTokens,
            write1hTokens: expected.write1hTokens,
            uncachedTokens: expected.uncachedTokens,
            hitPrefixId: expected.hit ? path[expected.hit.blockIndex] : -1,
          });
          for (const id of path) {
            const entries = state.entries.get(String(id)) ?? [];
            const canBeRead = entries.some((entry) => isReadable(state, entry, startMs, rules));
            expect(simulator.isReadable(id, startMs)).toBe(canBeRead);
          }
        }
      }),
      { numRuns },
    );
  });

  it('says when entries end, those in flight included', () => {
    const trace = traceOf([{ startMs: 0, blocks: [['system', 2000]] }]);
    const simulator = new CacheSimulator(trace);
    const placements = createPlacements();
    placements.count = 1;
    expect(simulator.expiresMs(0, TTL_5M)).toBe(-Infinity);
    const request = { totalTokens: 2000, minCacheableTokens: 1024 };
    simulator.step({ ...request, startMs: 0, readyMs: 9000 }, placements, createOutcome());
    simulator.step({ ...request, startMs: 10, readyMs: 9500 }, placements, createOutcome());
    expect([simulator.expiresMs(0, TTL_5M), simulator.expiresMs(0, TTL_1H)]).toEqual([300_010, -Infinity]);
    expect([simulator.isReadable(0, 8999), simulator.isReadable(0, 9000)]).toEqual([false, true]);
  });

  it('reads a twin as soon as the first of them is readable', () => {
    const trace = traceOf([{ startMs: 0, blocks: [['system', 2000]] }]);
    const simulator = new CacheSimulator(trace);
    const placements = createPlacements();
    placements.count = 1;
    const request = { totalTokens: 2000, minCacheableTokens: 1024 };
    for (const [startMs, readyMs] of [
      [0, 160_000],
      [1000, 200_000],
      [2000, 3000],
    ] as const)
      simulator.step({ ...request, startMs, readyMs }, placements, createOutcome());
    expect([2999, 3000, 301_999, 302_000].map((atMs) => simulator.isReadable(0, atMs))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
