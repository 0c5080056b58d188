import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import {
  billTokens,
  PICO_PER_USD,
  resolveModel,
  standardPricing,
  type TokenCounts,
} from '../../src/core/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import {
  createBudget,
  createWarmLedger,
  warmer,
  type SendWarm,
  type WarmPrompt,
  type WarmReport,
} from '../../src/warming/index.ts';
import { KEY, MODEL, startEmulated, text, type Emulated } from './emulated.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

let emulated: Emulated | null = null;

afterEach(async () => {
  await emulated?.close();
  emulated = null;
});

function documentPrompt(index: number, system: unknown): WarmPrompt {
  const source = { type: 'text', media_type: 'text/plain', data: text(600, index) };
  const messages = [{ role: 'user', content: [{ type: 'document', source }] }];
  return { id: `doc-${index}`, body: { model: MODEL, system, messages } };
}

describe('1,000 documents with 3 % failures', () => {
  it('end with a correct report', async () => {
    emulated = await startEmulated();
    const { send, clock, timers } = emulated;
    const count = 1000;
    const random = seededRandom(7);
    // The first writes the common system prompt; of the others 30 fail, 10 of them for good.
    const failing = new Set<number>();
    while (failing.size < 30) failing.add(1 + Math.floor(random() * (count - 1)));
    const [...order] = failing;
    const script = Array.from({ length: count }, (_, index) => {
      const rank = order.indexOf(index);
      if (rank < 0) return {};
      if (rank < 10)
        return { status: 400, error: 'invalid_request_error', message: `bad document for ${KEY}` };
      return rank < 20
        ? { status: 529, error: 'overloaded_error' }
        : { status: 429, error: 'rate_limit_error', retryAfterS: 3 };
    });
    await emulated.script(script);
    const ledger = createWarmLedger();
    const prompts = Array.from({ length: count }, (_, index) => documentPrompt(index, text(1000, 'system')));
    let told = 0;
    const report = await warmer({ send, clock, timers, random, ledger, concurrency: 8 }).run(prompts, {
      onProgress: ({ done, prompts: all }) => {
        told += 1;
        expect([done, all]).toEqual([told, count]);
      },
    });
    expect(told).toBe(count);
    expect(report).toMatchObject({ prompts: count, requests: 1020, retries: 20, notWarm: 10 });
    expect(report.counts).toEqual({
      wrote: 990,
      'already-warm': 0,
      'still-warm': 0,
      duplicate: 0,
      'below-minimum': 0,
      refused: 0,
      'over-budget': 0,
      failed: 10,
      cancelled: 0,
    });
    // One write of the system prompt, 989 reads of it, and each document once with the word of its media type.
    const tokens = {
      uncachedTokens: 0,
      readTokens: 989_000,
      write5mTokens: 1000 + 990 * 601,
      write1hTokens: 0,
      outputTokens: 0,
    };
    expect(report.tokens).toEqual(tokens);
    const cost = billTokens(resolveModel(MODEL).facts, tokens, standardPricing(0)).totalPicoUsd;
    expect(report).toMatchObject({ costPicoUsd: cost, uncertainPicoUsd: 0n });
    expect(ledger.totals()).toEqual({ requests: 1020, tokens, billedPicoUsd: cost, uncertainPicoUsd: 0n });
    expect(ledger.list(5)).toHaveLength(5);
    expect(await emulated.entries()).toHaveLength(991);
    const failed = report.results.filter(({ status }) => status === 'failed');
    expect(
      failed.every(({ tries, reason }) => tries === 1 && reason?.startsWith('answered 400: bad document')),
    ).toBe(true);
    expect(JSON.stringify([report, ledger.list(2000)], asText)).not.toContain(KEY);
  });
});

const asText = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

/** A service that bills at random, at most a token for each byte, and keeps the true account. */
function createService(random: () => number, failureShare: number) {
  const facts = resolveModel(MODEL).facts;
  const account = { spentPicoUsd: 0n, toldPicoUsd: 0n, requests: 0 };
  const bill = (body: string): TokenCounts => {
    const most = Math.floor(random() * Buffer.byteLength(body));
    return { uncachedTokens: 1, readTokens: 0, write5mTokens: most, write1hTokens: 0, outputTokens: 0 };
  };
  const send: SendWarm = async ({ text: body }) => {
    account.requests += 1;
    const kind = random() < failureShare ? Math.floor(random() * 4) : -1;
    await Promise.resolve();
    if (kind === 0)
      throw Object.assign(new Error('slow down'), { status: 429, headers: { 'retry-after': '2' } });
    if (kind === 1) throw Object.assign(new Error('no'), { status: 400 });
    const tokens = bill(body);
    const cost = billTokens(facts, tokens, standardPricing(0)).totalPicoUsd;
    account.spentPicoUsd += cost;
    // It has done the work, and the answer is lost.
    if (kind === 2) throw new TypeError('socket hang up');
    if (kind === 3) return { content: [] };
    account.toldPicoUsd += cost;
    return {
      usage: {
        input_tokens: tokens.uncachedTokens,
        cache_creation_input_tokens: tokens.write5mTokens,
        cache_read_input_tokens: 0,
        output_tokens: 0,
      },
    };
  };
  return { account, send };
}

function checkSums(report: WarmReport): void {
  const total = report.results.reduce((sum, { tries }) => sum + tries, 0);
  expect(report.requests).toBe(total);
  const counted = Object.values(report.counts).reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(report.prompts);
}

describe('a budget', () => {
  it('is never exceeded, whatever is billed, fails or gets lost', async () => {
    let stopped = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0, max: 0.6, noNaN: true }),
        fc.integer({ min: 0, max: 400_000_000 }),
        async (seed, prompts, concurrency, failureShare, microCents) => {
          const random = seededRandom(seed);
          const { account, send } = createService(random, failureShare);
          const maxPicoUsd = BigInt(microCents) * 1000n;
          const budget = createBudget([{ maxPicoUsd, windowMs: Number.POSITIVE_INFINITY }]);
          let nowMs = 0;
          const timers = {
            after(delayMs: number, run: () => void) {
              nowMs += delayMs;
              queueMicrotask(run);
              return () => undefined;
            },
          };
          const clock = { nowMs: () => nowMs };
          const warming = warmer({ send, budget, concurrency, clock, timers, random });
          const report = await warming.run(
            Array.from({ length: prompts }, (_, index) => documentPrompt(index, [])),
          );
          checkSums(report);
          expect(account.spentPicoUsd <= maxPicoUsd).toBe(true);
          expect(report.costPicoUsd).toBe(account.toldPicoUsd);
          expect(report.costPicoUsd + report.uncertainPicoUsd >= account.spentPicoUsd).toBe(true);
          expect(report.requests).toBe(account.requests);
          expect(budget.read(nowMs)[0]).toMatchObject({
            reservedPicoUsd: 0n,
            spentPicoUsd: report.costPicoUsd + report.uncertainPicoUsd,
          });
          stopped += report.counts['over-budget'];
        },
      ),
      { numRuns },
    );
    expect(stopped).toBeGreaterThan(0);
  });

  it('waits for what is held back before it gives up', async () => {
    emulated = await startEmulated();
    const { send, clock, timers } = emulated;
    const prompts = [1, 2, 3].map((index) => documentPrompt(index, []));
    const open = warmer({ send, clock, timers });
    const { prompts: previews } = open.preview(prompts);
    const worst = previews.reduce(
      (most, { worstPicoUsd }) => (worstPicoUsd! > most ? worstPicoUsd! : most),
      0n,
    );
    // Enough for one at its worst and for what the others are billed, not for two at their worst.
    const budget = createBudget([{ maxPicoUsd: (worst * 3n) / 2n, windowMs: Number.POSITIVE_INFINITY }]);
    const report = await warmer({ send, clock, timers, budget, concurrency: 3 }).run(prompts);
    expect(report.counts).toMatchObject({ wrote: 3, 'over-budget': 0 });
  });

  it('refuses what nobody can say the cost of', async () => {
    emulated = await startEmulated();
    const { send, clock, timers } = emulated;
    const budget = createBudget([{ maxPicoUsd: PICO_PER_USD, windowMs: Number.POSITIVE_INFINITY }]);
    const source = { type: 'url', url: 'https://example.com/a.pdf' };
    const body = { model: MODEL, messages: [{ role: 'user', content: [{ type: 'document', source }] }] };
    const report = await warmer({ send, clock, timers, budget }).run([{ body }]);
    expect(report.results[0]).toMatchObject({ status: 'refused', tries: 0 });
  });
});

describe('prompts with a common beginning', () => {
  it.each([
    ['all at once when one has written it', 0, 4],
    ['one after the other as long as that fails', 3, 1],
  ])('are sent %s', async (_name, failures, mostAtOnce) => {
    let running = 0;
    const atOnce: number[] = [];
    const send: SendWarm = async () => {
      running += 1;
      atOnce.push(running);
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      running -= 1;
      if (atOnce.length <= failures) throw Object.assign(new Error('no'), { status: 400 });
      return { usage: { input_tokens: 1, cache_creation_input_tokens: 700, output_tokens: 0 } };
    };
    const prompts = Array.from({ length: 9 }, (_, index) => documentPrompt(index, text(700, 'common')));
    const report = await warmer({ send, concurrency: 4 }).run(prompts);
    expect(report.counts).toMatchObject({ wrote: 9 - failures, failed: failures });
    expect(Math.max(...atOnce.slice(0, failures + 1))).toBe(1);
    expect(Math.max(...atOnce.slice(0, failures + 5))).toBeGreaterThanOrEqual(mostAtOnce);
  });
});

describe('a run that is stopped', () => {
  it('reports what was done, what was under way and what was not begun', async () => {
    const stop = new AbortController();
    let sent = 0;
    const send: SendWarm = ({ signal }) => {
      sent += 1;
      if (sent < 3)
        return Promise.resolve({
          usage: { input_tokens: 1, cache_creation_input_tokens: 700, output_tokens: 0 },
        });
      stop.abort();
      return Promise.reject(signal.reason as Error);
    };
    const prompts = [1, 2, 3, 4, 5].map((index) => documentPrompt(index, []));
    const report = await warmer({ send, concurrency: 1 }).run(prompts, { signal: stop.signal });
    expect(report.results.map(({ status, tries }) => `${status} ${tries}`)).toEqual([
      'wrote 1',
      'wrote 1',
      'cancelled 1',
      'cancelled 0',
      'cancelled 0',
    ]);
    expect(report.notWarm).toBe(3);
    expect(report.uncertainPicoUsd).toBeGreaterThan(0n);
  });

  it('ends also where it is stopped while one waits for the money of another', async () => {
    const stop = new AbortController();
    const limited = createBudget([{ maxPicoUsd: PICO_PER_USD, windowMs: Number.POSITIVE_INFINITY }]);
    let asked = 0;
    const budget = {
      read: limited.read.bind(limited),
      settle: limited.settle.bind(limited),
      refund: limited.refund.bind(limited),
      snapshot: limited.snapshot.bind(limited),
      reserve() {
        asked += 1;
        if (asked === 1) return limited.reserve(1n, 0);
        if (asked === 3) stop.abort();
        return null;
      },
    };
    const send: SendWarm = () => Promise.reject(new Error('never sent'));
    const prompts = [1, 2, 3].map((index) => documentPrompt(index, []));
    const report = await warmer({ send, budget, concurrency: 3 }).run(prompts, { signal: stop.signal });
    expect(report).toMatchObject({ counts: { cancelled: 3 }, requests: 0 });
    expect(limited.read(0)[0]?.reservedPicoUsd).toBe(0n);
  });
});
