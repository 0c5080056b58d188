import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  answer,
  begin,
  createTestEngine,
  openWith,
  START_MS,
  type TestEngine,
} from '../../test/support/engine.ts';
import { longRequest, messageEvents, messageJson } from '../../test/support/messages.ts';
import { defaultCacheRules, defaultCatalogue, type CacheRules, type Catalogue } from '../core/index.ts';
import { createMemoryLedger, type RequestRecord } from '../ledger/index.ts';

const TTL_MS = 300_000;
const BODY = JSON.stringify(longRequest());
const REFUSAL =
  '{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content.0.text.cache_control: no"}}';

/** Sends a body that is answered at once, and gives its record. */
async function ask(
  engine: TestEngine,
  body: unknown = BODY,
  headers: Record<string, string> = {},
  input = 4_000,
): Promise<RequestRecord> {
  answer(openWith(engine, body, headers), { input });
  return engine.ledger.next();
}

const missOf = (record: RequestRecord): string | undefined => record.misses[0]?.reason;

describe('the modes', () => {
  it('optimize sends markers, observe and off send what came', () => {
    const sent = (mode: 'optimize' | 'observe' | 'off'): string =>
      openWith(createTestEngine({ mode }), BODY).bytes.toString('utf8');
    expect(sent('optimize').match(/cache_control/g)).toHaveLength(2);
    expect(sent('observe')).toBe(BODY);
    expect(sent('off')).toBe(BODY);
  });

  it('may be chosen by the request, to more and to less', () => {
    const sent = (mode: 'optimize' | 'off', asked: string): boolean =>
      openWith(createTestEngine({ mode }), BODY, { 'x-cachewright-mode': asked }).bytes.includes(
        'cache_control',
      );
    expect(sent('optimize', 'observe')).toBe(false);
    expect(sent('off', 'optimize')).toBe(true);
    expect(sent('optimize', 'sideways')).toBe(true);
  });

  it('observe says what it would do, and claims no saving for it', async () => {
    const engine = createTestEngine({ mode: 'observe' });
    const marked = JSON.stringify(longRequest({ cache_control: { type: 'ephemeral' } }));
    for (const [body, added] of [
      [BODY, 2],
      // What the plan would have written is there to be read in its own world, though nobody has written it.
      [marked, 0],
      [BODY, 1],
      [marked, 0],
    ] as const) {
      const record = await ask(engine, body);
      expect(record.plan).toMatchObject({ isApplied: false });
      expect(record.plan?.added).toHaveLength(added);
      expect(record.savings?.clientPicoUsd).toBe(0n);
      engine.advance(60_000);
    }
    expect(engine.ledger.summary().savedUsd.client).toBe(0);
  });

  it('off reads the bill and nothing else', async () => {
    const record = await ask(createTestEngine({ mode: 'off' }));
    expect(record).toMatchObject({
      mode: 'off',
      skipReason: 'mode_off',
      plan: null,
      prediction: null,
      misses: [],
      model: 'claude-opus-5-5',
      usage: { uncachedTokens: 4_000 },
    });
    expect(record.savings).toEqual({ noCachingPicoUsd: 0n, clientPicoUsd: 0n, automaticPicoUsd: 0n });
  });
});

describe('what is skipped', () => {
  it.each([
    ['not_json', '{"messages":[', {}],
    ['thread', JSON.stringify(longRequest({ thread: { type: 'create' } })), {}],
    ['encoded_body', gzipSync(BODY), { 'content-encoding': 'gzip' }],
    ['mode_off', BODY, { 'x-cachewright-mode': 'off' }],
    ['analysis_failed', BODY, {}],
  ])('for %s goes out as it came, and is billed', async (reason, body, headers) => {
    const engine = createTestEngine(reason === 'analysis_failed' ? { rules: brokenRules() } : {});
    const exchange = openWith(engine, body, headers);
    expect(exchange.bytes.equals(Buffer.from(body))).toBe(true);
    answer(exchange, { input: 100 });
    expect(await engine.ledger.next()).toMatchObject({
      skipReason: reason,
      status: 200,
      usage: { uncachedTokens: 100 },
      cost: { totalPicoUsd: 540_000_000n },
    });
    expect(engine.counters.failedAnalyses).toBe(reason === 'analysis_failed' ? 1 : 0);
  });

  it('for its length is billed too', async () => {
    const engine = createTestEngine();
    const exchange = engine.open({
      path: '/v1/messages',
      headers: {},
      body: Buffer.from(BODY).subarray(0, 10),
      isTooLong: true,
    });
    answer(exchange, { input: 100 });
    expect(await engine.ledger.next()).toMatchObject({
      skipReason: 'body_too_large',
      usage: { uncachedTokens: 100 },
    });
  });
});

/** Rules that fail wherever they are asked for a TTL. */
function brokenRules(isBroken: () => boolean = () => true): CacheRules {
  return {
    ...defaultCacheRules,
    get ttlMs(): CacheRules['ttlMs'] {
      if (isBroken()) throw new Error('no TTL today');
      return defaultCacheRules.ttlMs;
    },
  };
}

/** A catalogue that fails on every look into it. */
function brokenCatalogue(isBroken: () => boolean): Catalogue {
  return new Proxy(defaultCatalogue, {
    get(target, name, receiver) {
      if (isBroken()) throw new Error('no catalogue today');
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}

describe('whatever of ours breaks', () => {
  it('before sending: the original goes out, and the failure is counted', async () => {
    const engine = createTestEngine({ catalogue: brokenCatalogue(() => true) });
    const exchange = openWith(engine, BODY);
    expect(exchange.bytes.toString('utf8')).toBe(BODY);
    answer(exchange, { input: 100 });
    // The bill cannot be priced either, and is kept all the same.
    expect(await engine.ledger.next()).toMatchObject({
      skipReason: 'analysis_failed',
      usage: { uncachedTokens: 100 },
      cost: null,
      savings: null,
    });
    expect(engine.counters).toEqual({ failedAnalyses: 1, failedAccounts: 1, refusedPlans: 0 });
  });

  it('while the answer is accounted for: it has passed, and its counters are kept', async () => {
    let isBroken = false;
    const engine = createTestEngine({ catalogue: brokenCatalogue(() => isBroken) });
    const exchange = openWith(engine, BODY);
    isBroken = true;
    answer(exchange, { input: 100 });
    expect(await engine.ledger.next()).toMatchObject({
      skipReason: null,
      status: 200,
      usage: { uncachedTokens: 100 },
      cost: null,
    });
    expect(engine.counters.failedAccounts).toBe(1);
  });

  it('while a refused plan is given up: the original is sent', () => {
    let isBroken = false;
    const engine = createTestEngine({ rules: brokenRules(() => isBroken) });
    const exchange = openWith(engine, BODY);
    expect(begin(exchange, 400)).toBe('hold');
    isBroken = true;
    expect(exchange.judgeHeld(Buffer.from(REFUSAL))).toBe('resend');
    expect(exchange.bytes.toString('utf8')).toBe(BODY);
    answer(exchange, { input: 100 });
    expect(engine.counters).toEqual({ failedAnalyses: 0, failedAccounts: 1, refusedPlans: 1 });
  });

  it('in the ledger: the answer has passed, and the failure is counted', () => {
    const ledger = {
      ...createMemoryLedger(),
      add: () => {
        throw new Error('disk full');
      },
    };
    const engine = createTestEngine({ ledger });
    answer(openWith(engine, BODY), { input: 100 });
    expect(engine.counters.failedAccounts).toBe(1);
  });

  it.each([
    '{"model":{"toString":1,"valueOf":2},"messages":[]}',
    '{"model":["x"],"messages":[{"role":{"toString":null},"content":[{"type":{}}]}]}',
    '{"__proto__":{"messages":[1]},"constructor":5,"messages":[{"__proto__":null}]}',
    '{"toJSON":"x","hasOwnProperty":1,"messages":[{"content":[{"toJSON":1,"type":"text","text":"a"}]}]}',
    '{"cache_control":{"type":{"toString":5}},"messages":[]}',
    `{"model":"${'m'.repeat(100_000)}","messages":[]}`,
  ])('no body fails it: %j', async (body) => {
    const engine = createTestEngine();
    const record = await ask(engine, body);
    expect(record).toMatchObject({ status: 200, skipReason: null, usage: { uncachedTokens: 4_000 } });
    expect(record.cost).not.toBeNull();
    expect(record.model.length).toBeLessThanOrEqual(200);
    expect(engine.counters).toEqual({ failedAnalyses: 0, failedAccounts: 0, refusedPlans: 0 });
  });
});

describe('reading the answer', () => {
  it('never stops the bytes: what cannot be read is counted', () => {
    const engine = createTestEngine();
    const exchange = openWith(engine, BODY);
    exchange.responseStart({ status: 200, contentType: 'application/json', contentEncoding: '' });
    const unreadable: unknown = null;
    expect(() => exchange.data(unreadable as Uint8Array)).not.toThrow();
    expect(engine.counters.failedAccounts).toBe(1);
  });
});

describe('the reason of a miss', () => {
  it('is never_written at first, and none once something was read', async () => {
    const engine = createTestEngine();
    expect(missOf(await ask(engine))).toBe('never_written');
    answer(openWith(engine, BODY), { input: 10, read: 3_990 });
    expect((await engine.ledger.next()).misses).toEqual([]);
  });

  it('is in_flight while another request is writing the same', async () => {
    const engine = createTestEngine();
    const first = openWith(engine, BODY);
    const second = openWith(engine, BODY);
    answer(second, { input: 4_000 });
    expect(missOf(await engine.ledger.next())).toBe('in_flight');
    answer(first, { input: 4_000 });
    expect(missOf(await engine.ledger.next())).toBe('never_written');
  });

  it('is expired when the TTL has run out, counted from the start of the request', async () => {
    const engine = createTestEngine();
    const first = openWith(engine, BODY);
    engine.advance(100_000);
    answer(first, { input: 4_000 });
    await engine.ledger.next();
    engine.advance(TTL_MS - 100_000 - 1);
    expect(missOf(await ask(engine))).toBe('evicted_or_unknown');
    engine.advance(TTL_MS);
    expect(missOf(await ask(engine))).toBe('expired');
  });

  it('is evicted_or_unknown when the model says that it should have been read', async () => {
    const engine = createTestEngine();
    await ask(engine);
    const record = await ask(engine);
    expect(missOf(record)).toBe('evicted_or_unknown');
    expect(record.prediction).toMatchObject({ readTokens: 4_000, uncachedTokens: 0 });
  });

  it('is below_minimum for a short prompt', async () => {
    const short = { model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hi' }] };
    expect(missOf(await ask(createTestEngine(), short, {}, 9))).toBe('below_minimum');
  });
});

describe('caches of different credentials', () => {
  it.each([
    ['keys', { 'x-api-key': 'other' }],
    ['bearers', { 'x-api-key': '', authorization: 'Bearer other' }],
    ['workspaces', { 'anthropic-workspace-id': 'wrkspc_2' }],
    ['names', { 'x-cachewright-scope': 'tests' }],
  ])('are apart: %s', async (_what, headers) => {
    const engine = createTestEngine();
    await ask(engine);
    const other = await ask(engine, BODY, headers);
    expect(missOf(other)).toBe('never_written');
    expect(other.prediction?.readTokens).toBe(0);
    expect(new Set(engine.ledger.list(10).map(({ scope }) => scope)).size).toBe(2);
  });

  it('are not split by anything else', async () => {
    const engine = createTestEngine();
    await ask(engine);
    const again = await ask(engine, BODY, {
      'user-agent': 'other',
      'x-cachewright-tags': 'a',
      'anthropic-beta': 'b-1',
    });
    expect(again.prediction?.readTokens).toBe(4_000);
  });
});

describe('a try that failed', () => {
  it.each([500, 529, 429, 401])('with %i is no write that happened', async (status) => {
    const engine = createTestEngine();
    answer(
      openWith(engine, BODY),
      '{"type":"error","error":{"type":"overloaded_error","message":"later"}}',
      status,
    );
    expect(await engine.ledger.next()).toMatchObject({
      status,
      usage: null,
      cost: null,
      misses: [],
      error: 'overloaded_error',
    });
    const second = await ask(engine);
    expect(missOf(second)).toBe('never_written');
  });

  it('is none from its status on, though its body is still to come', async () => {
    const engine = createTestEngine();
    const first = openWith(engine, BODY);
    begin(first, 529);
    const second = await ask(engine);
    expect(second.misses).toMatchObject([{ reason: 'never_written' }]);
    first.complete();
    expect((await engine.ledger.next()).status).toBe(529);
    expect((await ask(engine)).prediction?.readTokens).toBe(4_000);
  });

  it('without any answer is no write that happened', async () => {
    const engine = createTestEngine();
    openWith(engine, BODY).fail('connect ECONNREFUSED');
    expect(await engine.ledger.next()).toMatchObject({
      status: 0,
      error: 'connect ECONNREFUSED',
      firstByteMs: null,
    });
    expect(missOf(await ask(engine))).toBe('never_written');
  });

  it('after its answer had begun is a write', async () => {
    const engine = createTestEngine();
    const first = openWith(engine, BODY);
    begin(first, 200, 'text/event-stream');
    first.data(Buffer.from(messageEvents({ input: 5, write5m: 3_995 })[0] ?? ''));
    first.fail('client_left');
    expect(await engine.ledger.next()).toMatchObject({
      isPartial: true,
      error: 'client_left',
      usage: { write5mTokens: 3_995 },
    });
    expect((await ask(engine)).prediction?.readTokens).toBe(4_000);
  });
});

describe('a refused plan', () => {
  it('leads to the original, once, and to a record of what was really sent', async () => {
    const engine = createTestEngine();
    const exchange = openWith(engine, BODY);
    expect(begin(exchange, 400)).toBe('hold');
    expect(exchange.judgeHeld(Buffer.from(REFUSAL))).toBe('resend');
    expect(exchange.bytes.toString('utf8')).toBe(BODY);
    expect(begin(exchange, 400)).toBe('pass');
    exchange.data(Buffer.from(REFUSAL));
    exchange.complete();
    expect(await engine.ledger.next()).toMatchObject({
      isResent: true,
      status: 400,
      plan: { isApplied: false },
      error: 'invalid_request_error',
    });
    expect(engine.counters.refusedPlans).toBe(1);
    const next = openWith(engine, BODY);
    expect(next.bytes.toString('utf8')).toBe(BODY);
    expect(begin(next, 400)).toBe('pass');
  });

  it('wrote nothing: what follows is modelled on the original', async () => {
    const engine = createTestEngine();
    const exchange = openWith(engine, BODY);
    begin(exchange, 400);
    exchange.judgeHeld(Buffer.from(REFUSAL));
    answer(exchange, { input: 4_000 });
    expect((await engine.ledger.next()).savings?.clientPicoUsd).toBe(0n);
    expect(await ask(engine)).toMatchObject({ plan: { isApplied: false }, prediction: { readTokens: 0 } });
    // Nor is it still being written: a client that marks the very place finds nothing there.
    const system = [{ type: 'text', text: longRequest()['system'], cache_control: { type: 'ephemeral' } }];
    const marked = await ask(engine, longRequest({ system }), { 'x-cachewright-mode': 'observe' });
    expect(missOf(marked)).toBe('never_written');
  });

  it('of another kind is passed on and its body read', async () => {
    const engine = createTestEngine();
    const exchange = openWith(engine, BODY);
    const other = Buffer.from(
      '{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: required"}}',
    );
    expect(begin(exchange, 400)).toBe('hold');
    expect(exchange.judgeHeld(other)).toBe('pass');
    exchange.data(other);
    exchange.complete();
    expect(await engine.ledger.next()).toMatchObject({
      isResent: false,
      status: 400,
      error: 'invalid_request_error',
    });
  });
});

describe('the record', () => {
  it('has times from arrival to the first byte and to the end', async () => {
    const engine = createTestEngine();
    const exchange = openWith(engine, BODY);
    engine.advance(250);
    begin(exchange);
    engine.advance(1_000);
    exchange.data(Buffer.from(messageJson({ input: 10 })));
    exchange.complete();
    expect(await engine.ledger.next()).toMatchObject({ atMs: START_MS, firstByteMs: 250, totalMs: 1_250 });
  });

  it('comes once, however often the end is told', async () => {
    const engine = createTestEngine();
    const exchange = openWith(engine, BODY);
    answer(exchange, { input: 10 });
    exchange.fail('late');
    exchange.complete();
    expect(engine.ledger.list(10)).toHaveLength(1);
    expect((await engine.ledger.next()).error).toBeNull();
  });

  it('names what was planned, and nothing of what was said', async () => {
    const engine = createTestEngine();
    const record = await ask(engine, BODY, { 'x-cachewright-tags': 'team, nightly' });
    expect(record).toMatchObject({
      tags: ['team', 'nightly'],
      path: '/v1/messages',
      messageId: 'msg_test',
      stopReason: 'end_turn',
      modelNote: null,
    });
    expect(record.plan?.added.map(({ place, path, ttl }) => [place, path, ttl])).toEqual([
      ['system-end', 'system', '5m'],
      ['tail', 'messages.0.content', '5m'],
    ]);
    expect(
      JSON.stringify(record, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    ).not.toContain('lorem');
  });

  it('says when a model had to be guessed', async () => {
    expect((await ask(createTestEngine(), { ...longRequest(), model: 'claude-opus-99' })).modelNote).toMatch(
      /claude-opus-99/,
    );
  });

  it("has an id from the engine's randomness alone", () => {
    const ids = (): string[] => [1, 2].map(() => openWith(createTestEngine(), BODY).id);
    expect(new Set(ids()).size).toBe(1);
    const engine = createTestEngine();
    expect(openWith(engine, BODY).id).not.toBe(openWith(engine, BODY).id);
  });
});

describe('learning from bills', () => {
  /** What the model would have read of the second request, which is where estimates show. */
  async function estimateAfter(play: (engine: TestEngine) => Promise<unknown>): Promise<number> {
    const engine = createTestEngine();
    await play(engine);
    const short = { model: 'claude-opus-5-5', system: BODY.slice(0, 900), messages: [] };
    return (await ask(engine, short, { 'x-api-key': 'fresh' })).plan?.added.length ?? 0;
  }

  it('moves the estimates of that model', async () => {
    expect(await estimateAfter(() => Promise.resolve())).toBe(1);
    const smaller = async (engine: TestEngine): Promise<void> => {
      for (let request = 0; request < 30; request += 1) await ask(engine, BODY, {}, 3_000);
    };
    expect(await estimateAfter(smaller)).toBe(0);
  });

  it('does not learn from bills that count the prompt more than once, or not to the end', async () => {
    const more = { server_tool_use: { web_search_requests: 1 } };
    expect(
      await estimateAfter(async (engine) => {
        for (let request = 0; request < 30; request += 1) {
          answer(openWith(engine, BODY), { input: 3_000, more });
          await engine.ledger.next();
          const broken = openWith(engine, BODY);
          begin(broken, 200, 'text/event-stream');
          broken.data(Buffer.from(messageEvents({ input: 3_000 })[0] ?? ''));
          broken.fail('client_left');
          await engine.ledger.next();
        }
      }),
    ).toBe(1);
  });
});
