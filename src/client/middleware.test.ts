import Anthropic, { APIConnectionError, type ClientOptions, type Middleware } from '@anthropic-ai/sdk';
import { describe, expect, it } from 'vitest';

import { createTestEngine } from '../../test/support/engine.ts';
import { longRequest } from '../../test/support/messages.ts';
import {
  createSender,
  errorAnswer,
  messageAnswer,
  type Answer,
  type Sent,
} from '../../test/support/sending.ts';
import { cachewright, cachewrightFetch, type CachewrightMiddleware } from './index.ts';

type Params = Anthropic.MessageCreateParamsNonStreaming;

interface Connected {
  readonly client: Anthropic;
  readonly caching: CachewrightMiddleware;
  readonly sent: readonly Sent[];
}

function connect(answer: Answer = messageAnswer, more: ClientOptions = {}): Connected {
  const caching = cachewright({ engine: createTestEngine() });
  const { fetch, sent } = createSender(answer);
  const { middleware = [], ...options } = more;
  const client = new Anthropic({ apiKey: 'key', fetch, middleware: [...middleware, caching], ...options });
  return { client, caching, sent };
}

const params = longRequest() as unknown as Params;

/** Told to try again at once. */
function busy(): Response {
  const answer = errorAnswer(529, 'overloaded_error', 'Overloaded');
  answer.headers.set('retry-after-ms', '1');
  return answer;
}

describe('cachewright() as a middleware of the SDK', () => {
  it('marks what the SDK sends and tells what it saved', async () => {
    const { client, caching, sent } = connect();
    const message = await client.messages.create(params);
    expect(message.content).toMatchObject([{ text: 'Fine.' }]);
    expect(sent[0]?.bytes.toString()).toContain('"cache_control":{"type":"ephemeral"}');
    expect(await caching.summary()).toMatchObject({ requests: 1, uncachedTokens: 10 });
    expect(await caching.records(1)).toMatchObject([{ plan: { isApplied: true } }]);
  });

  it('counts a try that failed as nothing written', async () => {
    const { client, caching, sent } = connect((_sent, number) => (number < 2 ? busy() : messageAnswer()));
    await client.messages.create(params, { maxRetries: 2 });
    expect(sent.map(({ headers }) => headers.get('x-stainless-retry-count'))).toEqual(['0', '1', '2']);
    expect(new Set(sent.map(({ body }) => body)).size).toBe(1);
    await client.messages.create(params);
    expect(
      (await caching.records(4)).map(({ status, prediction }) => [status, prediction?.readTokens]),
    ).toEqual([
      [200, expect.any(Number)],
      [200, 0],
      [529, undefined],
      [529, undefined],
    ]);
    expect((await caching.records(1))[0]?.prediction?.readTokens).toBeGreaterThan(0);
  });

  it('leaves retries after a broken connection to the SDK', async () => {
    const { client, caching, sent } = connect((_sent, number) => {
      if (number === 0) throw new TypeError('fetch failed');
      return messageAnswer();
    });
    await client.messages.create(params, { maxRetries: 1, timeout: 60_000 });
    expect(sent).toHaveLength(2);
    expect((await caching.records(2)).map(({ status, error }) => [status, error])).toEqual([
      [200, null],
      [0, 'fetch failed'],
    ]);
    const down = connect(() => {
      throw new TypeError('fetch failed');
    });
    const request = down.client.messages.create(params, { maxRetries: 0 });
    await expect(request).rejects.toBeInstanceOf(APIConnectionError);
  });

  it('sends the original once when its markers are refused, and the SDK notices nothing', async () => {
    const { client, caching, sent } = connect((_sent, number) =>
      number === 0 ? errorAnswer(400, 'invalid_request_error', 'cache_control: no') : messageAnswer(),
    );
    await client.messages.create(params, { maxRetries: 0 });
    expect(sent).toHaveLength(2);
    expect(sent[1]?.bytes.toString()).toBe(JSON.stringify(params));
    expect(caching.counters().refusedPlans).toBe(1);
  });

  it('gets along with other middlewares, before it and for one request', async () => {
    const seen: unknown[] = [];
    const looking: Middleware = async (request, next, context) => {
      const response = await next(request);
      seen.push(request.body, await context.parse(response));
      return response;
    };
    const { client, sent } = connect(messageAnswer, { middleware: [looking] });
    await client.messages.create(params, { middleware: [looking] });
    const [inner, told, outer, toldAgain] = seen;
    expect(outer).toBe(JSON.stringify(params));
    expect(inner).toBe(sent[0]?.body);
    expect(typeof inner).toBe('string');
    expect(told).toMatchObject({ id: 'msg_test' });
    expect(toldAgain).toEqual(told);
  });

  it('hands on the very request where it changes nothing', async () => {
    const caching = cachewright({ mode: 'observe' });
    const headers = new Headers({ 'x-api-key': 'key' });
    const url = 'https://api.example/v1/messages';
    const request = { url, method: 'POST', headers, body: JSON.stringify(params) };
    const given: unknown[] = [];
    const response = await caching(request, async (handed) => {
      given.push(handed);
      return messageAnswer();
    });
    await response.text();
    expect(given).toEqual([request]);
    expect(given[0]).toBe(request);
    expect((await caching.summary()).requests).toBe(1);
  });
});

describe('findings()', () => {
  it('names what keeps requests from being read, and no text of theirs', async () => {
    const { client, caching } = connect();
    expect(caching.findings()).toEqual([]);
    for (let minute = 10; minute < 20; minute += 1) {
      const system = `It is 10:${minute} o'clock. ${'Be brief and kind to whoever asks. '.repeat(300)}`;
      await client.messages.create({ ...params, system });
    }
    const [finding] = caching.findings();
    expect(finding).toMatchObject({ code: 'volatile-text', path: 'system', seen: 9, requests: 10 });
    expect(finding?.ranges).toEqual([{ kind: 'date', startByte: 6, endByte: 11 }]);
    expect(finding?.sentence).not.toContain('10:');
  });
});

describe('two doors on one engine', () => {
  it('share the ledger and what is known of the cache', async () => {
    const { client, caching } = connect();
    const fetch = cachewrightFetch({ engine: caching.engine, fetch: createSender().fetch });
    await client.messages.create(params);
    const url = 'https://api.anthropic.com/v1/messages';
    const headers = { 'x-api-key': 'key' };
    await (await fetch(url, { method: 'POST', headers, body: JSON.stringify(params) })).text();
    expect(await fetch.summary()).toEqual(await caching.summary());
    expect((await fetch.summary()).requests).toBe(2);
    expect((await fetch.records(1))[0]?.prediction?.readTokens).toBeGreaterThan(0);
  });
});
