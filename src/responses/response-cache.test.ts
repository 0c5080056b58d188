import { describe, expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { messageEvents, messageJson } from '../../test/support/messages.ts';
import {
  createUpstream,
  HEADERS,
  jsonAnswer,
  plainAnswer,
  request,
  sseAnswer,
  textOf,
  type TestUpstream,
} from '../../test/responses/upstream.ts';
import { createMemoryCache, responseCache, type ResponseCache, type ResponseCacheOptions } from './index.ts';

const SECRET = 'a secret that is long enough';

interface Bench {
  readonly cache: ResponseCache;
  readonly upstream: TestUpstream;
  readonly time: ManualTime;
  readonly ask: (
    more?: Record<string, unknown>,
    headers?: Record<string, string>,
  ) => Promise<{ text: string; status: string; http: number }>;
}

function bench(
  options: ResponseCacheOptions = {},
  upstream = createUpstream(),
  time = new ManualTime(),
): Bench {
  const cache = responseCache({ clock: time, timers: time, random: () => 0, ...options });
  return {
    cache,
    upstream,
    time,
    async ask(more, headers) {
      const call = { body: request(more), headers: { ...HEADERS, ...headers } };
      const answer = await cache.answer(call, upstream.send);
      const text = await textOf(answer.body);
      return { text, status: answer.headers['cache-status'] ?? '', http: answer.status };
    },
  };
}

describe('responseCache', () => {
  it('answers the second of two identical requests itself, and says so', async () => {
    const { ask, upstream, time } = bench({ cost: () => 5_000n });
    const first = await ask();
    expect(first).toMatchObject({ status: 'cachewright; fwd=miss; stored' });
    time.advance(3_000);
    const second = await ask();
    expect(second.status).toBe('cachewright; hit; ttl=297; detail=memory; saved-picousd=5000');
    expect(second.text).toBe(first.text);
    expect(upstream.asked).toHaveLength(1);
  });

  it('gives each caller its form from one entry, as first seen', async () => {
    const events = bench();
    const streamed = await events.ask({ stream: true });
    expect(streamed.status).toBe('cachewright; fwd=miss');
    expect((await events.ask({ stream: true })).text).toBe(streamed.text);
    const json = await events.ask();
    expect(json.status).toContain('hit');
    expect(JSON.parse(json.text)).toEqual(JSON.parse(messageJson().replace('Fine.', 'Answer 1.')));

    const whole = bench();
    await whole.ask();
    const replayed = await whole.ask({ stream: true });
    expect(replayed.text).toMatch(/^event: message_start\n/);
    expect(replayed.text).toMatch(/event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/);
    expect(whole.upstream.asked).toHaveLength(1);
  });

  it('keeps large numbers in the input of a tool as they were spelled', async () => {
    const content = '[{"type":"tool_use","id":"t","name":"n","input":{"id":12345678901234567890,"x":1.0}}]';
    const json = messageJson()
      .replace('[{"type":"text","text":"Fine."}]', content)
      .replace('end_turn', 'tool_use');
    const { ask } = bench(
      {},
      createUpstream(() => jsonAnswer(json)),
    );
    expect((await ask()).status).toContain('stored');
    const { text } = await ask({ stream: true });
    const pieces = [...text.matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)].map(([, piece]) =>
      String(JSON.parse(piece ?? '""')),
    );
    expect(pieces.join('')).toBe('{"id":12345678901234567890,"x":1.0}');
  });

  it.each([
    ['off', {}, { 'x-cachewright-response-cache': 'off' }],
    ['bad-directive', {}, { 'x-cachewright-response-cache': 'soon' }],
    ['temperature', { temperature: 0.2 }, {}],
    ['thread', { thread: { id: 't' } }, {}],
    ['container', { container: 'c' }, {}],
    ['server-tools', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, {}],
    ['server-tools', { tools: [{ type: 'invented_20990101', name: 'x' }] }, {}],
    ['server-tools', { mcp_servers: [{ url: 'https://x' }] }, {}],
    ['no-output', { max_tokens: 0 }, {}],
    ['unreadable-body', { stream: 'yes' }, {}],
    ['no-credential', {}, { 'x-api-key': '' }],
  ])('passes on, and says why: %s', async (reason, more, headers) => {
    const { cache, upstream } = bench();
    const all: Record<string, string> = { ...HEADERS, ...headers };
    if (all['x-api-key'] === '') delete all['x-api-key'];
    for (let round = 0; round < 2; round += 1) {
      const answer = await cache.answer({ body: request(more), headers: all }, upstream.send);
      await textOf(answer.body);
      expect(answer.headers['cache-status']).toBe(`cachewright; fwd=bypass; detail=${reason}`);
    }
    expect(upstream.asked).toHaveLength(2);
    expect(upstream.asked[0]?.headers).not.toHaveProperty('x-cachewright-response-cache');
    expect(cache.summary().bypassed).toEqual({ [reason]: 2 });
  });

  it('takes a lifetime for a wish to be cached at any temperature', async () => {
    const { ask, time } = bench();
    const wish = { 'x-cachewright-response-cache': '10' };
    await ask({ temperature: 1 }, wish);
    expect((await ask({ temperature: 1 }, wish)).status).toContain('hit; ttl=10;');
    time.advance(10_000);
    expect((await ask({ temperature: 1 }, wish)).status).toContain('fwd=miss');
  });

  it.each([
    ['status', () => jsonAnswer('{"type":"error"}', 529)],
    ['stop-reason', () => jsonAnswer(messageJson().replace('end_turn', 'max_tokens'))],
    ['stop-reason', () => jsonAnswer(messageJson().replace('end_turn', 'pause_turn'))],
    ['refusal', () => jsonAnswer(messageJson().replace('end_turn', 'refusal'))],
    ['incomplete', () => jsonAnswer(messageJson().slice(0, -3))],
    ['incomplete', () => sseAnswer(messageEvents().slice(0, -1))],
    [
      'incomplete',
      () => sseAnswer([...messageEvents().slice(0, -1), messageEvents().at(-1)?.slice(0, -2) ?? '']),
    ],
    [
      'incomplete',
      () => sseAnswer([...messageEvents().slice(0, 3), 'event: error\ndata: {"type":"error"}\n\n']),
    ],
    [
      'incomplete',
      () =>
        sseAnswer([
          ...messageEvents().slice(0, -1),
          'event: error\ndata: {"type":"error"}\n\n',
          messageEvents().at(-1) ?? '',
        ]),
    ],
    ['content-type', () => ({ ...jsonAnswer(), headers: {} })],
  ])('never keeps what is not a whole answer: %s', async (reason, answer) => {
    const { ask, cache, upstream } = bench({}, createUpstream(answer));
    const isStream = JSON.stringify(answer().headers).includes('event-stream');
    for (let round = 0; round < 2; round += 1) await ask({ stream: isStream });
    expect(upstream.asked).toHaveLength(2);
    expect(cache.summary().notStored).toEqual({ [reason]: 2 });
  });

  it('gives a stale answer while one caller fetches a newer one', async () => {
    const { ask, upstream, time, cache } = bench({ ttlMs: 10_000, staleWhileRevalidateMs: 10_000 });
    await ask();
    time.advance(11_000);
    const stale = await ask();
    expect(stale.status).toBe('cachewright; hit; ttl=-1; detail=stale-memory');
    expect(stale.text).toContain('Answer 1.');
    await expect.poll(async () => (await ask()).text).toContain('Answer 2.');
    expect(upstream.asked).toHaveLength(2);
    expect(cache.summary().stale).toBeGreaterThan(0);
  });

  it('gives a stale answer where the upstream fails, and its error where there is none', async () => {
    const failing = createUpstream((asked) =>
      asked.number === 1 ? plainAnswer(asked) : jsonAnswer('{}', 529),
    );
    const { ask, time } = bench({ ttlMs: 10_000, staleIfErrorMs: 60_000 }, failing);
    await ask();
    time.advance(20_000);
    expect(await ask()).toMatchObject({
      http: 200,
      status: 'cachewright; hit; ttl=-10; detail=stale-memory',
    });
    time.advance(60_000);
    expect(await ask()).toMatchObject({ http: 529, status: 'cachewright; fwd=miss' });
  });

  it('makes lifetimes differ', async () => {
    const { ask } = bench({ ttlMs: 100_000, random: () => 0.5 });
    await ask();
    expect((await ask()).status).toContain('ttl=95;');
  });

  it('keeps as many different answers for a request as it is told', async () => {
    const numbers = [0.1, 0.6, 0.1, 0.6];
    let at = 0;
    const random = (): number => numbers[at++ % 4] ?? 0;
    const { ask, upstream } = bench({ variants: 2, jitterShare: 0, random }, createUpstream(plainAnswer));
    const texts: string[] = [];
    for (let round = 0; round < 12; round += 1) texts.push((await ask()).text);
    expect(new Set(texts).size).toBe(2);
    expect(upstream.asked).toHaveLength(2);
  });

  describe.each([
    ['alone', false],
    ['with a store', true],
  ] as const)('%s', (_name, hasStore) => {
    const purges = {
      key: (key: string) => ({ key }),
      tag: () => ({ tag: 'red' }),
      model: () => ({ model: 'claude-opus-5-5' }),
      content: () => ({ content: 'handbook@1' }),
      all: () => ({ all: true }) as const,
    };
    it.each(Object.entries(purges))(
      'drops what is purged by %s, also while it is on its way',
      async (_kind, target) => {
        const time = new ManualTime();
        const store = hasStore ? { store: createMemoryCache({ clock: time }), secret: SECRET } : {};
        const { cache, upstream } = bench(store, createUpstream(), time);
        const call = { body: request(), headers: HEADERS, tags: ['red', 'blue'], contents: ['handbook@1'] };
        const ask = async (): Promise<string> => {
          const answer = await cache.answer(call, upstream.send);
          await textOf(answer.body);
          return answer.served.kind;
        };
        const { served } = await cache.answer(call, upstream.send);
        expect(await ask()).toBe('hit');
        await cache.purge({ tag: 'other' });
        expect(await ask()).toBe('hit');
        await cache.purge(target(served.key ?? ''));
        expect(await ask()).toBe('miss');
        expect(await ask()).toBe('hit');
        await cache.purge({ scope: cache.scopeOf(HEADERS) ?? '' });
        const onItsWay = await cache.answer({ ...call, body: request({ stream: true }) }, upstream.send);
        await cache.purge(target(served.key ?? ''));
        await textOf(onItsWay.body);
        expect(await ask()).toBe('miss');
      },
    );
  });

  it('tells other processes of a purge within a second', async () => {
    const time = new ManualTime();
    const shared = { store: createMemoryCache({ clock: time }), secret: SECRET };
    const a = bench(shared, createUpstream(), time);
    const b = bench(shared, createUpstream(), time);
    await a.ask();
    await a.cache.settle();
    expect((await b.ask()).status).toContain('detail=store');
    expect((await b.ask()).status).toContain('detail=memory');
    await a.cache.purge({ model: 'claude-opus-5-5' });
    time.advance(1_000);
    expect((await b.ask()).status).toContain('fwd=miss');
  });

  it('knows calls of the same bytes and headers as the same, and none other, whatever their key', () => {
    const { cache } = bench();
    const identityOf = (headers: Record<string, string> = {}): object | null => {
      const prepared = cache.prepare({ body: request(), headers: { ...HEADERS, ...headers } });
      return prepared.kind === 'eligible' ? prepared.identity : null;
    };
    const tagged = { 'x-cachewright-tags': 'a' };
    expect(identityOf()).not.toBeNull();
    expect(identityOf()).toBe(identityOf());
    expect(identityOf(tagged)).toBe(identityOf(tagged));
    const others = [{}, tagged, { 'x-cachewright-tags': 'b' }, { 'x-cachewright-mode': 'off' }];
    expect(new Set(others.map((headers) => identityOf(headers))).size).toBe(others.length);
  });

  it('needs a secret with a store', () => {
    expect(() => responseCache({ store: createMemoryCache() })).toThrow(RangeError);
    expect(() => responseCache({ ttlMs: Number.NaN })).toThrow(RangeError);
  });
});
