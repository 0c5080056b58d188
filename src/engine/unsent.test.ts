import { describe, expect, it } from 'vitest';

import { answer, createTestEngine, openWith, START_MS, type TestEngine } from '../../test/support/engine.ts';
import { longRequest, words, type TestUsage } from '../../test/support/messages.ts';
import {
  billTokens,
  defaultCatalogue,
  noTokens,
  resolveModel,
  type PicoUsd,
  type TokenCounts,
} from '../core/index.ts';

const { facts } = resolveModel('claude-opus-5-5', defaultCatalogue);
const marker = { cache_control: { type: 'ephemeral' } };
/** One block, marked at its end: all of the prompt is one prefix. */
const whole = longRequest({
  system: undefined,
  messages: [{ role: 'user', content: [{ type: 'text', text: words(9_000), ...marker }] }],
});
const usage = { input: 0, write5m: 9_000, output: 100 };
const wire = {
  input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 9_000,
  cache_creation: { ephemeral_5m_input_tokens: 9_000, ephemeral_1h_input_tokens: 0 },
  output_tokens: 100,
  service_tier: 'standard',
};

function bill(tokens: Partial<TokenCounts>, atMs: number): PicoUsd {
  return billTokens(facts, { ...noTokens, ...tokens, outputTokens: 100 }, { atMs } as never).totalPicoUsd;
}

function costNow(
  engine: TestEngine,
  body: unknown = whole,
  more: Record<string, unknown> = {},
  key = 'k',
): PicoUsd | null {
  return engine.unsent.costNow({
    key,
    model: 'claude-opus-5-5',
    target: '/v1/messages',
    headers: { 'x-api-key': 'key' },
    body: JSON.stringify(body),
    usage: { ...wire, ...more },
    atMs: engine.options.clock.nowMs(),
    ageMs: 0,
  });
}

/** An engine whose upstream has a prompt in its cache. */
function engineAfter(body: unknown, billed: TestUsage): TestEngine {
  const engine = createTestEngine({ mode: 'observe' });
  answer(openWith(engine, body), billed);
  return engine;
}

describe('what a request that was not sent would have been billed', () => {
  it('is reading while its prefix is in the prompt cache, and writing once it is not', () => {
    const engine = engineAfter(whole, usage);
    engine.advance(60_000);
    expect(costNow(engine)).toBe(bill({ readTokens: 9_000 }, START_MS));
    // Asking has not kept it alive: nothing was sent.
    engine.advance(5 * 60_000);
    expect(costNow(engine)).toBe(bill({ write5mTokens: 9_000 }, START_MS));
  });

  it('is the price of every token where the answer was billed without caching', () => {
    const plain = longRequest();
    const engine = engineAfter(plain, { input: 4_000, output: 100 });
    const uncached = { input_tokens: 4_000, cache_creation_input_tokens: 0, cache_creation: {} };
    expect(costNow(engine, plain, uncached)).toBe(bill({ uncachedTokens: 4_000 }, START_MS));
  });

  it('goes by a breakpoint at the end where ours were in place of markers', () => {
    const plain = longRequest({
      system: undefined,
      messages: [{ role: 'user', content: [{ type: 'text', text: words(9_000) }] }],
    });
    expect(costNow(createTestEngine(), plain)).toBe(bill({ write5mTokens: 9_000 }, START_MS));
  });

  it('is not known of a body that cannot be read, an answer without usage, or one of several steps', () => {
    const engine = createTestEngine();
    const step = { type: 'message', input_tokens: 1, output_tokens: 1 };
    expect(costNow(engine, 'no object')).toBeNull();
    expect(costNow(engine, whole, { iterations: [step, step] })).toBeNull();
    expect(engine.counters.failedAccounts).toBe(0);
  });
});

describe('the record of a request that was not sent', () => {
  it('is a request of the ledger that nothing was billed for', async () => {
    const engine = createTestEngine();
    const id = engine.unsent.createId();
    const responses = {
      outcome: 'hit',
      detail: 'memory',
      ageMs: 5,
      savedPicoUsd: 77n,
      savedMs: 900,
    } as const;
    const headers = { 'x-api-key': 'key', 'x-cachewright-tags': 'a, b' };
    engine.unsent.record(id, {
      identity: headers,
      path: '/v1/messages?secret=1',
      headers,
      model: 'claude-opus-5-5',
      atMs: START_MS - 3,
      status: 200,
      responses,
      error: null,
      firstByteMs: 1,
    });
    const record = await engine.ledger.next();
    expect(record).toMatchObject({
      id,
      path: '/v1/messages',
      tags: ['a', 'b'],
      responses,
      totalMs: 3,
      usage: null,
    });
    answer(openWith(engine, whole, { 'x-cachewright-tags': 'a, b' }), usage);
    expect((await engine.ledger.next()).scope).toBe(record.scope);
    expect(engine.ledger.summary()).toMatchObject({ requests: 2 });
    expect(engine.ledger.summary({ tag: 'a' }).requests).toBe(2);
    expect(record.cost?.totalPicoUsd).toBe(0n);
  });
});
