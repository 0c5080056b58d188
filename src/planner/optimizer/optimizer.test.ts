import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  billTokens,
  cacheStep,
  chainPrefixes,
  emptyCacheState,
  noTokens,
  readPrompt,
  resolveModel,
  standardPricing,
  toUsd,
  type Breakpoint,
  type TokenCounts,
  type Ttl,
} from '../../core/index.ts';
import {
  measurePrompt,
  measureReads,
  measureUsage,
  optimizer,
  type MeasuredRequest,
  type UsageCall,
} from '../index.ts';
import { listChoices } from './choices.ts';
import { resample } from './resample.ts';

const numRuns = Math.ceil(60 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MODEL = 'claude-sonnet-4-5';
const START_MS = Date.UTC(2026, 10, 2);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Numbers in [0, 1), the same each time. */
function counted(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function ask(atMs: number, more: Partial<MeasuredRequest> = {}): MeasuredRequest {
  const chain = { partition: '', prefixIds: ['prompt'], cumulativeTokens: [10_000], positions: [0] };
  const places = [{ name: 'system-end', blockIndex: 0 }];
  return { family: 'assistant', model: MODEL, atMs, chain, places, ...more };
}

/** Conversations with shared tools and system prompts, of several blocks a turn, in turns at random gaps. */
const traffic = fc
  .array(
    fc.record({
      gapMs: fc.oneof(
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: 200_000, max: 400_000 }),
        fc.integer({ min: HOUR_MS - MINUTE_MS, max: 2 * HOUR_MS }),
      ),
      readyMs: fc.constantFrom(0, 3000),
      conversation: fc.nat({ max: 2 }),
      system: fc.nat({ max: 1 }),
      blocks: fc.integer({ min: 1, max: 12 }),
      tokens: fc.integer({ min: 100, max: 3000 }),
      hasTools: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((turns) => {
    const histories = new Map<string, { id: string; tokens: number }[]>();
    let atMs = START_MS;
    return turns.map((turn): MeasuredRequest => {
      atMs += turn.gapMs;
      const key = `${turn.hasTools ? 'tools' : ''} system ${turn.system}`;
      const name = `${key} ${turn.conversation}`;
      const head = turn.hasTools ? [{ id: 'tools', tokens: 2000 }] : [];
      const known = histories.get(name) ?? [...head, { id: key, tokens: 1500 }];
      const added = Array.from({ length: turn.blocks }, (_, index) => ({
        id: `${name} ${known.length + index}`,
        tokens: turn.tokens,
      }));
      const blocks = [...known, ...added];
      histories.set(name, blocks);
      let sum = 0;
      const tools = turn.hasTools ? [{ name: 'tools-end', blockIndex: 0 }] : [];
      return {
        family: 'any',
        model: MODEL,
        atMs,
        readyMs: atMs + turn.readyMs,
        chain: {
          partition: '',
          prefixIds: blocks.map(({ id }) => id),
          cumulativeTokens: blocks.map(({ tokens }) => (sum += tokens)),
          positions: blocks.map((_, index) => index),
        },
        places: [
          ...tools,
          { name: 'system-end', blockIndex: head.length },
          { name: 'tail', blockIndex: blocks.length - 1 },
        ],
      };
    });
  });

/** Every choice among three places, written out here once more: each none, 5m or 1h, and never 1h after 5m. */
const EVERY: readonly Readonly<Record<string, Ttl>>[] = [null, '5m', '1h'].flatMap((tools) =>
  [null, '5m', '1h'].flatMap((system) =>
    [null, '5m', '1h']
      .map((tail) => Object.entries({ 'tools-end': tools, 'system-end': system, tail }))
      .map((pairs) => pairs.filter((pair): pair is [string, Ttl] => pair[1] !== null))
      .filter((pairs) => !/5m.*1h/.test(pairs.map(([, ttl]) => ttl).join(' ')))
      .map((pairs) => Object.fromEntries(pairs)),
  ),
);

/** USD of the whole requests, nothing left out of them, through the model of the cache. */
function costOf(requests: readonly MeasuredRequest[], choice: Readonly<Record<string, Ttl>>): number {
  const { facts } = resolveModel(MODEL);
  let state = emptyCacheState;
  let total = 0n;
  for (const { chain, places, atMs, readyMs = atMs } of requests) {
    const breakpoints = places.flatMap(({ name, blockIndex }): Breakpoint[] => {
      const ttl = choice[name];
      return ttl === undefined ? [] : [{ blockIndex, ttl, origin: 'explicit' }];
    });
    const request = { ...chain, breakpoints, minCacheableTokens: facts.minCacheableTokens };
    const [outcome, next] = cacheStep(state, request, { startMs: atMs, readyMs });
    state = next;
    total += billTokens(facts, { ...outcome, outputTokens: 0 }, standardPricing(atMs)).totalPicoUsd;
  }
  return toUsd(total);
}

describe('the advice', () => {
  it('costs no more than any other choice on the same requests', () => {
    expect(EVERY).toHaveLength(listChoices(['tools-end', 'system-end', 'tail']).length);
    fc.assert(
      fc.property(traffic, (requests) => {
        const advisor = optimizer({ random: counted() });
        for (const request of requests) advisor.record(request);
        const [advice] = advisor.advise();
        const advised = Object.fromEntries(advice!.breakpoints.map(({ place, ttl }) => [place, ttl]));
        const own = costOf(requests, advised);
        expect(advice!.measured.costUsd).toBe(own);
        expect(advice!.measured.withoutCachingUsd).toBe(costOf(requests, {}));
        for (const choice of EVERY) expect(own).toBeLessThanOrEqual(costOf(requests, choice));
      }),
      { numRuns },
    );
  });

  it('takes the simplest of what costs the same', () => {
    const advisor = optimizer({ random: counted() });
    for (let at = 0; at < 50; at += 1) advisor.record(ask(START_MS + at * MINUTE_MS));
    expect(advisor.advise()[0]?.breakpoints).toEqual([{ place: 'system-end', ttl: '5m' }]);
  });

  it('names what is too short', () => {
    const advisor = optimizer({ random: counted() });
    const chain = { partition: '', prefixIds: ['short'], cumulativeTokens: [900], positions: [0] };
    for (let at = 0; at < 5; at += 1) advisor.record(ask(START_MS + at * MINUTE_MS, { chain }));
    expect(advisor.advise()[0]).toMatchObject({
      isWorthCaching: false,
      places: [
        { reason: 'below-minimum', why: 'system-end ends at 900 tokens at most, below the minimum of 1,024' },
      ],
    });
  });

  it('says that nothing is gained by a breakpoint that another covers', () => {
    const advisor = optimizer({ random: counted() });
    const chain = { partition: '', prefixIds: ['a', 'b'], cumulativeTokens: [5000, 9000], positions: [0, 1] };
    const places = [
      { name: 'tools-end', blockIndex: 0 },
      { name: 'system-end', blockIndex: 1 },
    ];
    for (let at = 0; at < 50; at += 1) advisor.record(ask(START_MS + at * MINUTE_MS, { chain, places }));
    const [advice] = advisor.advise();
    expect(advice?.places.map(({ place, ttl, reason }) => [place, ttl, reason])).toEqual([
      ['tools-end', null, 'no-gain'],
      ['system-end', '5m', 'cheapest-5m'],
    ]);
  });

  it('is given for each family and model, the greatest saving first', () => {
    const advisor = optimizer({ random: counted() });
    for (let at = 0; at < 20; at += 1) {
      const atMs = START_MS + at * MINUTE_MS;
      advisor.record(ask(atMs, { family: 'small', model: 'claude-haiku-4-5' }));
      advisor.record(ask(atMs, { model: 'claude-sonnet-4-9' }));
      advisor.record(ask(atMs));
    }
    const advice = advisor.advise();
    expect(advice.map(({ family, model }) => [family, model]).at(-1)).toEqual(['small', 'claude-haiku-4-5']);
    expect(advice.flatMap(({ findings }) => findings.map(({ code }) => code))).toContain('model-unknown');
  });
});

describe('the projection', () => {
  /** One request in each half hour, 40 hours long: 0.03 USD uncached, 0.003 read, and 0.06 for the one write. */
  function steady(more: Partial<MeasuredRequest> = {}) {
    const advisor = optimizer({ random: counted() });
    for (let at = 0; at < 80; at += 1) advisor.record(ask(START_MS + at * 30 * MINUTE_MS, more));
    return advisor.advise()[0]!;
  }

  it('is of 30 days at the measured rate', () => {
    const { month, measured, breakpoints, confidence, findings } = steady();
    expect(breakpoints).toEqual([{ place: 'system-end', ttl: '1h' }]);
    expect(measured.withoutCachingUsd).toBeCloseTo(2.4, 9);
    expect(measured.costUsd).toBeCloseTo(0.06 + 79 * 0.003, 9);
    expect(month?.requests).toBeCloseTo(1440, 6);
    expect(month?.withoutCachingUsd).toBeCloseTo(43.2, 6);
    expect(month?.saving.usd).toBeCloseTo((2.4 - 0.297) * 18, 6);
    expect(month?.savingOnBill).toBeNull();
    expect(month!.saving.lowUsd).toBeLessThanOrEqual(month!.saving.usd);
    expect(month!.saving.highUsd).toBeGreaterThanOrEqual(month!.saving.usd);
    expect(confidence).toBeGreaterThan(0.99);
    expect(findings).toEqual([]);
  });

  it('is also told against the bill, to which the tokens are scaled', () => {
    const billed = { ...noTokens, uncachedTokens: 4000, write5mTokens: 16_000 };
    const { month, measured } = steady({ billed });
    expect(measured.withoutCachingUsd).toBeCloseTo(80 * 0.06, 9);
    expect(measured.billedUsd).toBeCloseTo(80 * (0.012 + 0.06), 9);
    expect(month?.savingOnBill?.usd).toBeCloseTo((80 * 0.072 - 2 * 0.297) * 18, 6);
    expect(month?.savingOnBill?.lowUsd).toBeGreaterThan(month!.saving.lowUsd!);
  });

  it('says where less was billed than it can account for', () => {
    const { month, findings } = steady({ billed: { ...noTokens, readTokens: 10_000 } });
    expect(month?.savingOnBill?.usd).toBeCloseTo(-(0.06 - 0.003) * 18, 6);
    expect(findings.map(({ code }) => code)).toEqual(['billed-less']);
  });

  it('has no interval below eight hours, and is none at all below one', () => {
    const advisor = optimizer({ random: counted() });
    advisor.record(ask(START_MS));
    expect(advisor.advise()[0]).toMatchObject({ month: null, confidence: null });
    // Fifty requests in one second are no thousands of dollars a month.
    for (let at = 1; at < 50; at += 1) advisor.record(ask(START_MS + at * 20));
    const [burst] = advisor.advise();
    expect(burst).toMatchObject({ month: null, confidence: null });
    expect(burst?.findings[0]?.sentence).toContain('less than an hour');
    advisor.record(ask(START_MS + 2 * HOUR_MS));
    const [advice] = advisor.advise();
    expect(advice?.month?.saving).toMatchObject({ lowUsd: null, highUsd: null });
    expect(advice?.findings.map(({ code }) => code)).toEqual(['too-short']);
  });

  it('says that it is unsure where one burst in a long time decides', () => {
    const advisor = optimizer({ random: counted() });
    for (let at = 0; at < 20; at += 1) advisor.record(ask(START_MS + at * 3 * HOUR_MS));
    for (let at = 1; at < 40; at += 1) advisor.record(ask(START_MS + 60 * HOUR_MS + at * 1000));
    const [advice] = advisor.advise();
    expect(advice?.isWorthCaching).toBe(true);
    expect(advice?.confidence).toBeLessThan(0.9);
    expect(advice?.findings.map(({ code }) => code)).toEqual(['uncertain']);
  });

  it('has the interval that sums of such periods have', () => {
    const random = counted(7);
    // Sums of 400 draws from 0 and 2 with mean 1: standard deviation 20, so nine tenths within 32.9 of 400.
    const withoutCachingUsd = Array.from({ length: 400 }, (_, index) => (index % 2) * 2);
    const choicesUsd = [withoutCachingUsd.map(() => 0), withoutCachingUsd];
    const periods = { choicesUsd, chosenIndex: 0, withoutCachingUsd, billedUsd: null };
    const { saving, confidence, savingOnBill } = resample(periods, random);
    expect(Math.abs(saving.lowUsd - (400 - 32.9))).toBeLessThan(6);
    expect(Math.abs(saving.highUsd - (400 + 32.9))).toBeLessThan(6);
    expect([confidence, savingOnBill]).toEqual([1, null]);
  });
});

describe('requests', () => {
  it('are read from a body: ends of tools and system, and the tail', () => {
    const body = {
      model: MODEL,
      tools: [{ name: 'find', input_schema: { type: 'object' } }],
      system: 'Be brief.',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: '' },
      ],
    };
    const prompt = readPrompt(body, {});
    const chain = chainPrefixes(prompt, { partition: '', hash: (text) => text, countTokens: () => 1000 });
    const { places, model } = measurePrompt(prompt, chain, { family: 'a', atMs: START_MS });
    expect(model).toBe(MODEL);
    expect(places).toEqual([
      { name: 'tools-end', blockIndex: 0 },
      { name: 'system-end', blockIndex: 1 },
      { name: 'tail', blockIndex: 2 },
    ]);
  });

  it('are made from usage: a conversation grows, and begins anew where it is shorter', () => {
    const calls = [10_000, 12_000, 15_000, 4000, 6000].map((uncachedTokens, index) => ({
      family: 'chat',
      conversation: 'one',
      model: MODEL,
      atMs: START_MS + index * MINUTE_MS,
      billed: { ...noTokens, uncachedTokens },
    }));
    const advisor = optimizer({ random: counted() });
    for (const request of measureUsage(calls)) advisor.record(request);
    const [advice] = advisor.advise();
    expect(advice?.breakpoints).toEqual([{ place: 'tail', ttl: '5m' }]);
    // Written: 10,000, 2,000, 3,000, 4,000, 2,000; read: 10,000, 12,000, 4,000.
    expect(advice?.measured.costUsd).toBeCloseTo((21_000 * 3.75 + 26_000 * 0.3) / 1e6, 12);
    expect(advice?.measured.billedUsd).toBeCloseTo((47_000 * 3) / 1e6, 12);
    expect(advice?.places[0]).toMatchObject({ uses: 5, within5m: 0.6, meanTokens: 9400 });
  });

  it('are made from usage: calls of a helper in between do not end a conversation', () => {
    const calls = [10_000, 4000, 12_000, 5000, 3000, 3000].map((uncachedTokens, index) => ({
      family: 'agent',
      conversation: 'one',
      model: MODEL,
      atMs: START_MS + index * MINUTE_MS,
      billed: { ...noTokens, uncachedTokens },
    }));
    const requests = [...measureUsage(calls)];
    expect(requests.map(({ chain }) => chain.cumulativeTokens)).toEqual([
      [10_000],
      [4000],
      [10_000, 12_000],
      [4000, 5000],
      [3000],
      [3000, 3000],
    ]);
    const [main, helper, mainAgain, helperAgain] = requests.map(({ chain }) => chain.prefixIds);
    expect(mainAgain?.[0]).toBe(main?.[0]);
    expect(helperAgain?.[0]).toBe(helper?.[0]);
    expect(new Set(requests.map(({ chain }) => chain.prefixIds.at(-1))).size).toBe(6);
  });

  it('that name no conversation share what was read, and nothing that merely grows', () => {
    const call = (turn: number, billed: Partial<TokenCounts>): UsageCall => ({
      family: 'gateway',
      conversation: 'scope',
      model: MODEL,
      atMs: START_MS + turn * MINUTE_MS,
      billed: { ...noTokens, ...billed },
    });
    const adviceOn = (calls: readonly UsageCall[], measure = measureReads) => {
      const advisor = optimizer({ random: counted() });
      for (const request of measure(calls)) advisor.record(request);
      return advisor.advise()[0]!;
    };
    // Two hundred different questions, each a little longer than the one before.
    const growing = Array.from({ length: 200 }, (_, turn) => call(turn, { uncachedTokens: 2_000 + turn }));
    expect(adviceOn(growing).isWorthCaching).toBe(false);
    expect(adviceOn(growing, measureUsage).isWorthCaching).toBe(true);
    // The same with 8,000 tokens of system, which the first writes and the others read.
    const shared = Array.from({ length: 200 }, (_, turn) =>
      call(turn, { uncachedTokens: 100 + turn, [turn === 0 ? 'write5mTokens' : 'readTokens']: 8_000 }),
    );
    const advice = adviceOn(shared);
    expect(advice.breakpoints).toEqual([{ place: 'shared', ttl: '5m' }]);
    expect(advice.measured.costUsd).toBeCloseTo(advice.measured.billedUsd!, 9);
    // A conversation: each turn reads what the one before has written.
    const talk = Array.from({ length: 50 }, (_, turn) =>
      call(turn, { uncachedTokens: 10, write5mTokens: 2_000, readTokens: turn * 2_000 }),
    );
    expect(adviceOn(talk).measured.costUsd).toBeLessThanOrEqual(adviceOn(talk).measured.billedUsd! * 1.0001);
  });

  it('measure gaps over 20 positions, and on every path that has the prefix', () => {
    const grown = (atMs: number, blocks: number): MeasuredRequest => {
      const ids = Array.from({ length: blocks }, (_, index) => `block ${index}`);
      const chain = {
        partition: '',
        prefixIds: ids,
        cumulativeTokens: ids.map((_, index) => 2000 + index),
        positions: ids.map((_, index) => index),
      };
      return ask(atMs, { chain, places: [{ name: 'tail', blockIndex: blocks - 1 }] });
    };
    const within5m = (...requests: readonly MeasuredRequest[]): number | undefined => {
      const advisor = optimizer({ random: counted() });
      for (const request of requests) advisor.record(request);
      return advisor.advise()[0]?.places[0]?.within5m;
    };
    expect(within5m(grown(START_MS, 1), grown(START_MS + 1, 20))).toBe(0.5);
    expect(within5m(grown(START_MS, 1), grown(START_MS + 1, 21))).toBe(0);
    const used = [0, 4, 8].map((minutes, at) => grown(START_MS + minutes * MINUTE_MS, at === 1 ? 2 : 1));
    expect(within5m(...used)).toBeCloseTo(2 / 3, 12);
  });

  it('take one breakpoint on a block that is two places', () => {
    const advisor = optimizer({ random: counted() });
    const places = ['tools-end', 'system-end', 'documents-end', 'shared', 'tail'].map((name) => ({
      name,
      blockIndex: 0,
    }));
    for (let at = 0; at < 9; at += 1) advisor.record(ask(START_MS + at * MINUTE_MS, { places }));
    expect(advisor.advise()[0]?.breakpoints).toEqual([{ place: 'tools-end', ttl: '5m' }]);
  });

  it('out of order are refused', () => {
    const advisor = optimizer({ random: counted() });
    advisor.record(ask(START_MS));
    expect(() => advisor.record(ask(START_MS - 1))).toThrow('in order of time');
    expect(() => advisor.record(ask(Number.NaN))).toThrow('in order of time');
    const place = (name: string, blockIndex: number) => ask(START_MS, { places: [{ name, blockIndex }] });
    expect(() => advisor.record(place('nowhere', 0))).toThrow('"nowhere" is none of the places');
    expect(() => advisor.record(place('tail', 1))).toThrow('tail is at no block');
    const swapped = [
      { name: 'tail', blockIndex: 0 },
      { name: 'tools-end', blockIndex: 0 },
    ];
    expect(() => advisor.record(ask(START_MS, { places: swapped }))).toThrow('tools-end is not');
  });

  it('too many are forgotten, the oldest first, and it is said', () => {
    const advisor = optimizer({ random: counted(), requestsMax: 10, familiesMax: 2 });
    for (let at = 0; at < 25; at += 1) advisor.record(ask(START_MS + at * MINUTE_MS));
    advisor.record(ask(START_MS, { family: 'second' }));
    const first = advisor.advise().find(({ family }) => family === 'assistant');
    expect(first).toMatchObject({ requests: 10, fromMs: START_MS + 15 * MINUTE_MS });
    expect(first?.findings.map(({ code }) => code)).toEqual(['requests-forgotten', 'too-short']);
    advisor.record(ask(START_MS, { family: 'third' }));
    expect(
      advisor
        .advise()
        .map(({ family }) => family)
        .toSorted(),
    ).toEqual(['second', 'third']);
  });

  it('have limits that are checked', () => {
    const random = counted();
    expect(() => optimizer({ random, requestsMax: 0 })).toThrow('requestsMax');
    expect(() => optimizer({ random, familiesMax: 1.5 })).toThrow('familiesMax');
    expect(() => optimizer({ random, places: ['a', 'a'] })).toThrow('different names');
    expect(() => optimizer({ random, places: [...'abcdefghi'] })).toThrow('at most 8');
  });
});
