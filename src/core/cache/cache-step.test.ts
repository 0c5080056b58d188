import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cacheStep, type Breakpoint, type CacheOutcome, type CacheRequest } from './cache-step.ts';
import { defaultCacheRules, type CacheRules, type OpenQuestions } from './rules.ts';
import { emptyCacheState, markReady, sweepExpired, withdraw, withEntries, type CacheState } from './state.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** Sizes of blocks by name; a block of nothing among them. */
const TOKENS: Readonly<Record<string, number>> = { a: 7, b: 0, r: 3, x: 11 };
const TRUNK = 'arrabaarrrbaaxrraabrrrraaaxbaaarraabrraxaab';

interface Step {
  readonly request: CacheRequest;
  readonly afterMs: number;
  readonly beginsAfterMs: number;
  /** What becomes of a request of which the beginning was not known. */
  readonly end: 'ready' | 'withdrawn' | 'open';
}

function requestOf(blocks: string, breakpoints: readonly Breakpoint[], minimum: number): CacheRequest {
  let tokens = 0;
  let position = -1;
  const chain = [...blocks].map((block, index) => {
    tokens += TOKENS[block] ?? 1;
    // A run of `r` is one position.
    if (!(block === 'r' && blocks[index - 1] === 'r')) position += 1;
    return { prefixId: blocks.slice(0, index + 1), tokens, position };
  });
  return {
    partition: 'p',
    prefixIds: chain.map((link) => link.prefixId),
    cumulativeTokens: chain.map((link) => link.tokens),
    positions: chain.map((link) => link.position),
    breakpoints,
    minCacheableTokens: minimum,
  };
}

const breakpoints = (length: number): fc.Arbitrary<readonly Breakpoint[]> =>
  fc
    .uniqueArray(fc.nat({ max: Math.max(0, length - 1) }), { maxLength: length === 0 ? 0 : 4 })
    .chain((indices) =>
      fc.tuple(
        ...indices
          .toSorted((a, b) => a - b)
          .map((blockIndex) =>
            fc.record({
              blockIndex: fc.constant(blockIndex),
              ttl: fc.constantFrom('5m' as const, '1h' as const),
              origin: fc.constantFrom('explicit' as const, 'automatic' as const, 'server' as const),
            }),
          ),
      ),
    );

/** A prefix of the trunk, perhaps with one block changed. */
const requests: fc.Arbitrary<CacheRequest> = fc
  .record({
    length: fc.nat({ max: TRUNK.length }),
    branchAt: fc.option(fc.nat({ max: TRUNK.length }), { nil: -1, freq: 3 }),
    minimum: fc.constantFrom(0, 1, 10, 60),
  })
  .chain(({ length, branchAt, minimum }) => {
    const blocks = Array.from(TRUNK.slice(0, length), (block, index) =>
      index === branchAt ? 'y' : block,
    ).join('');
    return breakpoints(length).map((list) => requestOf(blocks, list, minimum));
  });

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    request: requests,
    afterMs: fc.constantFrom(0, 1, 2000, 150_000, 299_999, 300_000, 3_600_000),
    beginsAfterMs: fc.constantFrom(0, 0, 1, 3000, 400_000, Infinity),
    end: fc.constantFrom('ready' as const, 'withdrawn' as const, 'open' as const),
  }),
  { minLength: 1, maxLength: 15 },
);

const switches: fc.Arbitrary<Partial<OpenQuestions>> = fc.record(
  {
    readUpgradesTtl: fc.boolean(),
    rewritesBelowHit: fc.boolean(),
    collapsedRunEnds: fc.constantFrom('any' as const, 'last' as const),
    earlyEvictionMs: fc.constantFrom(null, 100_000),
    entriesAre: fc.constantFrom('self-contained' as const, 'layered' as const),
    readRefreshes: fc.constantFrom('path' as const, 'hit' as const),
  },
  { requiredKeys: [] },
);
const rulesets: fc.Arbitrary<CacheRules> = fc.oneof(
  fc.constant(defaultCacheRules),
  fc.record({ open: switches, slackMs: fc.constantFrom(0, 5000) }).map(({ open, slackMs }) => ({
    ...defaultCacheRules,
    slackMs,
    open: { ...defaultCacheRules.open, ...open },
  })),
);

interface Moment {
  readonly state: CacheState;
  readonly step: Step;
  readonly atMs: number;
  readonly outcome: CacheOutcome;
}

/** Plays steps one after another; `prepare` may touch the state before each of them. */
function play(
  list: readonly Step[],
  rules: CacheRules,
  startMs = 0,
  prepare: (state: CacheState, nowMs: number) => CacheState = (state) => state,
): readonly Moment[] {
  let state = emptyCacheState;
  let atMs = startMs;
  return list.map((step) => {
    atMs += step.afterMs;
    const before = prepare(state, atMs);
    const times = { startMs: atMs, readyMs: atMs + step.beginsAfterMs };
    const [outcome, next] = cacheStep(before, step.request, times, rules);
    state = next;
    if (step.beginsAfterMs === Infinity && step.end === 'ready')
      state = markReady(next, outcome.written, atMs + 1);
    if (step.beginsAfterMs === Infinity && step.end === 'withdrawn') state = withdraw(next, outcome.written);
    return { state: before, step, atMs, outcome };
  });
}

const counters = ({ readTokens, write5mTokens, write1hTokens, uncachedTokens }: CacheOutcome) => [
  readTokens,
  write5mTokens,
  write1hTokens,
  uncachedTokens,
];

describe('cacheStep on any sequence of requests and under any rules', () => {
  it('bills every token once: read + writes + uncached = total, none negative (spec 5.1)', () => {
    fc.assert(
      fc.property(steps, rulesets, (list, rules) => {
        for (const { outcome, step } of play(list, rules)) {
          expect(counters(outcome).reduce((sum, count) => sum + count, 0)).toBe(outcome.totalTokens);
          expect(outcome.totalTokens).toBe(step.request.cumulativeTokens.at(-1) ?? 0);
          expect(Math.min(...counters(outcome))).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns },
    );
  });

  it('reads only what is in the cache, and names every breakpoint once', () => {
    fc.assert(
      fc.property(steps, rulesets, (list, rules) => {
        for (const { state, outcome, step, atMs } of play(list, rules)) {
          const { prefixIds, breakpoints: asked, minCacheableTokens } = step.request;
          const hitId = outcome.hit ? prefixIds[outcome.hit.blockIndex] : undefined;
          const entries = hitId === undefined ? [] : (state.entries.get(hitId) ?? []);
          expect(entries.some((entry) => entry.readyMs <= atMs)).toBe(outcome.hit !== null);
          expect(outcome.hit?.tokens ?? 0).toBe(outcome.readTokens);
          expect(outcome.breakpoints.map((each) => each.breakpoint)).toEqual(asked);
          for (const entry of outcome.written)
            expect(entry.tokens).toBeGreaterThanOrEqual(minCacheableTokens);
        }
      }),
      { numRuns },
    );
  });

  it('leaves the given state and request unchanged', () => {
    fc.assert(
      fc.property(steps, rulesets, (list, rules) => {
        for (const { state, step, atMs } of play(list, rules)) {
          const before = JSON.stringify([...state.entries.entries()]);
          const request = JSON.stringify(step.request);
          cacheStep(state, step.request, { startMs: atMs, readyMs: atMs }, rules);
          expect(JSON.stringify([...state.entries.entries()])).toBe(before);
          expect(JSON.stringify(step.request)).toBe(request);
        }
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });

  it('gives the same outcome for the same input, and at any other time of day', () => {
    fc.assert(
      fc.property(steps, rulesets, fc.nat({ max: 1e12 }), (list, rules, laterMs) => {
        const first = play(list, rules).map((moment) => moment.outcome);
        expect(play(list, rules).map((moment) => moment.outcome)).toEqual(first);
        const shifted = play(list, rules, laterMs).map((moment) => counters(moment.outcome));
        expect(shifted).toEqual(first.map(counters));
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });

  it('never reads less when more entries live', () => {
    fc.assert(
      fc.property(steps, rulesets, fc.nat({ max: TRUNK.length }), (list, rules, index) => {
        for (const { state, outcome, step, atMs } of play(list, rules)) {
          const prefixId = step.request.prefixIds[index] ?? 'elsewhere';
          const entry = {
            prefixId,
            partition: 'p',
            tokens: step.request.cumulativeTokens[index] ?? 1,
            ttl: '5m' as const,
            readyMs: atMs,
            expiresMs: atMs + 1,
            usedMs: atMs,
            restsOn: null,
          };
          const richer = withEntries(state, prefixId, [...(state.entries.get(prefixId) ?? []), entry]);
          const times = { startMs: atMs, readyMs: atMs };
          const [more] = cacheStep(richer, step.request, times, rules);
          expect(more.readTokens).toBeGreaterThanOrEqual(outcome.readTokens);
        }
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });

  it('bills the same with expired entries swept away', () => {
    fc.assert(
      fc.property(steps, rulesets, (list, rules) => {
        const swept = play(list, rules, 0, (state, nowMs) => sweepExpired(state, nowMs, rules));
        const plain = play(list, rules);
        expect(swept.map(({ outcome }) => [counters(outcome), outcome.hit, outcome.written])).toEqual(
          plain.map(({ outcome }) => [counters(outcome), outcome.hit, outcome.written]),
        );
      }),
      { numRuns },
    );
  });
});

describe('cacheStep at its edges', () => {
  const step = (
    state: CacheState,
    request: CacheRequest,
    startMs: number,
    readyMs: number = startMs,
  ): [CacheOutcome, CacheState] => cacheStep(state, request, { startMs, readyMs });
  const at = (blockIndex: number, ttl: '5m' | '1h' = '5m'): Breakpoint => ({
    blockIndex,
    ttl,
    origin: 'explicit',
  });

  it('bills nothing for an empty prompt', () => {
    const [outcome, state] = step(emptyCacheState, requestOf('', [], 0), 0);
    expect(counters(outcome)).toEqual([0, 0, 0, 0]);
    expect(state.entries.size).toBe(0);
  });

  it('passes over a breakpoint on a block that is not there', () => {
    const [outcome, state] = step(emptyCacheState, requestOf('aa', [at(1), at(9)], 1), 0);
    expect(counters(outcome)).toEqual([0, 14, 0, 0]);
    expect(state.entries.size).toBe(1);
  });

  it('writes an entry after a block of no tokens at no price', () => {
    const [, state] = step(emptyCacheState, requestOf('aa', [at(1)], 1), 0);
    const [outcome, next] = step(state, requestOf('aab', [at(2)], 1), 1);
    expect(counters(outcome)).toEqual([14, 0, 0, 0]);
    expect(outcome.written.map((entry) => entry.prefixId)).toEqual(['aab']);
    expect(step(next, requestOf('aab', [at(2)], 1), 2)[0].hit?.blockIndex).toBe(2);
  });

  it('keeps the longer of two lives where requests are told out of their order', () => {
    const request = requestOf('aa', [at(1)], 1);
    const [, written] = step(emptyCacheState, request, 0);
    const [, readLater] = step(written, request, 200_000);
    const [, readEarlier] = step(readLater, request, 100_000);
    expect(step(readEarlier, request, 499_999)[0].readTokens).toBe(14);
    expect(step(readEarlier, request, 500_000)[0].readTokens).toBe(0);
  });

  it('replaces an expired entry of the same prefix, and keeps one in flight', () => {
    const request = requestOf('aa', [at(1)], 1);
    const [, first] = step(emptyCacheState, request, 0);
    const [, second] = step(first, request, 300_000, 300_900);
    const [, third] = step(second, request, 300_100, 301_000);
    expect([first, second, third].map((state) => state.entries.get('aa')?.length)).toEqual([1, 1, 2]);
  });

  it('treats equal prefixes at two blocks as one entry', () => {
    // A tool rendered into the system prompt adds nothing to the hash: the same id stands twice.
    const request: CacheRequest = { ...requestOf('ab', [at(0), at(1)], 1), prefixIds: ['a', 'a'] };
    const [outcome, state] = step(emptyCacheState, request, 0);
    expect(counters(outcome)).toEqual([0, 7, 0, 0]);
    expect(counters(step(state, request, 1)[0])).toEqual([7, 0, 0, 0]);
  });

  it('says what every breakpoint came to', () => {
    const [, state] = step(emptyCacheState, requestOf('aaa', [at(1)], 1), 0);
    const [outcome] = step(state, requestOf('aaaa', [at(0), at(1), at(3)], 8), 1);
    expect(outcome.breakpoints.map((each) => each.verdict)).toEqual(['below-minimum', 'read', 'written']);
    const [deeper] = step(state, requestOf('aaaa', [at(0), at(1), at(3)], 1), 1);
    expect(deeper.breakpoints.map((each) => each.verdict)).toEqual(['below-hit', 'read', 'written']);
  });

  it('tells the nearest miss: the longest prefix that stood there and could not be read', () => {
    const [, state] = step(emptyCacheState, requestOf('aaaa', [at(1, '1h'), at(2), at(3)], 1), 0);
    const expired = step(state, requestOf('aaaa', [at(3)], 1), 300_000)[0];
    expect(expired.readTokens).toBe(14);
    expect(expired.nearMiss).toEqual({ reason: 'expired', blockIndex: 3, tokens: 28 });
    const [, pending] = step(emptyCacheState, requestOf('aaa', [at(2)], 1), 0, 50);
    expect(step(pending, requestOf('aaaa', [at(3)], 1), 49)[0].nearMiss).toEqual({
      reason: 'in_flight',
      blockIndex: 2,
      tokens: 21,
    });
    expect(step(pending, requestOf('aaaa', [at(3)], 1), 50)[0].nearMiss).toBeNull();
  });

  it('links entries to what they were written on', () => {
    const [first, state] = step(emptyCacheState, requestOf('aaa', [at(0), at(2)], 1), 0);
    expect(first.written.map((entry) => entry.restsOn)).toEqual([null, 'a']);
    const [second] = step(state, requestOf('aaaa', [at(3)], 1), 1);
    expect(second.written.map((entry) => entry.restsOn)).toEqual(['aaa']);
  });
});
