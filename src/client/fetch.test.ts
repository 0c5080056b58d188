import { describe, expect, it } from 'vitest';

import { createTestEngine } from '../../test/support/engine.ts';
import { longRequest, words } from '../../test/support/messages.ts';
import {
  createSender,
  errorAnswer,
  jsonAnswer,
  messageAnswer,
  type Answer,
  type Sent,
} from '../../test/support/sending.ts';
import type { EngineOptions, Mode } from '../engine/index.ts';
import { cachewrightFetch, type CachewrightFetch } from './index.ts';

const URL_TEXT = 'https://api.example/prefix/v1/messages?beta=true';
const TEXT = JSON.stringify(longRequest());
const KEY = { 'x-api-key': 'key', 'content-type': 'application/json' };

interface Tried {
  readonly fetch: CachewrightFetch;
  readonly sent: readonly Sent[];
}

function connect(answer: Answer = messageAnswer, options: Partial<EngineOptions> = {}): Tried {
  const sender = createSender(answer);
  const fetch = cachewrightFetch({ engine: createTestEngine(options), fetch: sender.fetch });
  return { fetch, sent: sender.sent };
}

async function post(
  fetch: CachewrightFetch,
  body: BodyInit | null = TEXT,
  headers: Record<string, string> = {},
): Promise<Response> {
  const init = { method: 'POST', headers: { ...KEY, ...headers }, body };
  return fetch(URL_TEXT, body instanceof ReadableStream ? { ...init, duplex: 'half' } : init);
}

type BodyInit = NonNullable<NonNullable<Parameters<typeof fetch>[1]>['body']>;

/** How often a marker stands in what was sent. */
function markersIn({ bytes }: Pick<Sent, 'bytes'> = { bytes: Buffer.alloc(0) }): number {
  return bytes.toString().split('"cache_control"').length - 1;
}

const MARKER_REFUSAL = errorAnswer(400, 'invalid_request_error', 'system.0.cache_control: not here');

describe('a request for a message', () => {
  it('is marked, and its answer is billed', async () => {
    const { fetch, sent } = connect();
    const response = await post(fetch);
    expect(await response.json()).toMatchObject({ id: 'msg_test' });
    expect(markersIn(sent[0])).toBeGreaterThan(0);
    const [record] = await fetch.records(1);
    expect(record).toMatchObject({
      status: 200,
      path: '/prefix/v1/messages',
      usage: { uncachedTokens: 10 },
      plan: { isApplied: true },
      error: null,
    });
    expect(response.headers.get('x-cachewright-id')).toBe(record?.id);
    expect(await fetch.summary()).toMatchObject({ requests: 1, uncachedTokens: 10, outputTokens: 7 });
    expect(fetch.counters()).toMatchObject({ failedSteps: 0, failedAnalyses: 0 });
  });

  const bytes = Buffer.from(TEXT);
  it.each<readonly [kind: string, input: Parameters<typeof fetch>]>([
    ['a text', [URL_TEXT, { method: 'post', headers: KEY, body: TEXT }]],
    ['bytes', [URL_TEXT, { method: 'POST', headers: KEY, body: new Uint8Array(bytes) }]],
    [
      'a view',
      [URL_TEXT, { method: 'POST', headers: KEY, body: new DataView(new Uint8Array(bytes).buffer) }],
    ],
    ['a buffer', [URL_TEXT, { method: 'POST', headers: KEY, body: new Uint8Array(bytes).buffer }]],
    ['with a URL', [new URL(URL_TEXT), { method: 'POST', headers: KEY, body: TEXT }]],
    ['a Request', [new Request(URL_TEXT, { method: 'POST', headers: KEY, body: TEXT })]],
    [
      'a Request whose body is replaced',
      [new Request(URL_TEXT, { method: 'POST', headers: KEY, body: '{}' }), { body: TEXT }],
    ],
    [
      'with its length',
      [URL_TEXT, { method: 'POST', headers: { ...KEY, 'content-length': String(bytes.length) }, body: TEXT }],
    ],
  ])('is read as %s', async (_kind, [input, init]) => {
    const { fetch, sent } = connect();
    await (await fetch(input, init)).text();
    const [marked] = sent;
    expect([marked?.url, marked?.method, sent.length]).toEqual([URL_TEXT, 'POST', 1]);
    expect(markersIn(marked)).toBeGreaterThan(0);
    expect(await fetch.records(1)).toMatchObject([{ plan: { isApplied: true } }]);
    const length = marked?.bytes.length;
    expect(Number(marked?.headers.get('content-length') ?? length)).toBe(length);
    const isText = typeof (init?.body ?? null) === 'string';
    expect(typeof marked?.body === 'string').toBe(isText);
  });

  it('goes out unread as a stream or past the limit, and is billed all the same', async () => {
    const sender = createSender();
    const fetch = cachewrightFetch({ fetch: sender.fetch, bodyBytesMax: TEXT.length - 1 });
    const unread: readonly BodyInit[] = [
      TEXT,
      Buffer.from(TEXT),
      new Blob([TEXT]),
      new Blob([TEXT]).stream(),
    ];
    for (const body of unread) await (await post(fetch, body)).text();
    expect(sender.sent.map((sent) => sent.bytes.toString() === TEXT)).toEqual([true, true, true, true]);
    expect(await fetch.summary()).toMatchObject({ requests: 4, uncachedTokens: 40 });
    expect(new Set((await fetch.records(4)).map(({ skipReason }) => skipReason))).toEqual(
      new Set(['body_too_large']),
    );
  });

  it('is left to be refused where it cannot be sent at all', async () => {
    const { fetch, sent } = connect();
    await expect(fetch('no url', { method: 'POST', body: TEXT })).rejects.toBeInstanceOf(TypeError);
    const used = new Request(URL_TEXT, { method: 'POST', body: TEXT });
    await used.text();
    await expect(fetch(used)).rejects.toBeInstanceOf(TypeError);
    expect(sent).toEqual([]);
  });
});

describe('what passes as it came', () => {
  it.each([
    ['another path', 'POST', 'https://api.example/v1/messages/batches'],
    ['another method', 'PUT', 'https://api.example/v1/messages'],
  ])('%s', async (_what, method, url) => {
    const { fetch, sent } = connect();
    const answer = await fetch(url, { method, headers: KEY, body: TEXT });
    expect(sent[0]?.bytes.toString()).toBe(TEXT);
    expect(answer.headers.has('x-cachewright-id')).toBe(false);
    expect((await fetch.summary()).requests).toBe(0);
  });

  it.each<readonly [mode: Mode, headers: Record<string, string>, isWatched: boolean]>([
    ['observe', {}, true],
    ['off', {}, false],
    ['optimize', { 'x-cachewright-mode': 'observe' }, true],
    ['optimize', { 'x-cachewright-mode': 'off' }, false],
  ])('a request for a message under %s with %j', async (mode, headers, isWatched) => {
    const { fetch, sent } = connect(messageAnswer, { mode });
    await (await post(fetch, TEXT, headers)).text();
    expect(sent[0]?.body).toBe(TEXT);
    expect(await fetch.summary()).toMatchObject({ requests: 1, uncachedTokens: 10 });
    expect((await fetch.records(1))[0]?.plan !== null).toBe(isWatched);
  });

  it('refuses a mode that is none', () => {
    const mode = 'optimise' as 'optimize';
    expect(() => cachewrightFetch({ mode })).toThrow(
      new RangeError('mode is one of off, observe, optimize, and not "optimise"'),
    );
  });
});

describe('headers', () => {
  it('that are meant for us steer us and go nowhere', async () => {
    const { fetch, sent } = connect();
    const own = { 'X-Cachewright-Tags': 'a, b', 'x-cachewright-scope': 'team', 'x-cachewright-later': '1' };
    await (await post(fetch, TEXT, own)).text();
    await fetch('https://api.example/v1/models', { headers: { ...KEY, ...own } });
    for (const { headers } of sent) {
      expect([...headers.keys()].filter((name) => name.startsWith('x-cachewright-'))).toEqual([]);
      expect(headers.get('x-api-key')).toBe('key');
    }
    expect(await fetch.records(1)).toMatchObject([{ tags: ['a', 'b'] }]);
  });

  it('with the credential say whose cache it is', async () => {
    const { fetch } = connect();
    const scopes = [{}, {}, { 'x-api-key': 'other' }, { 'x-cachewright-scope': 'team' }];
    for (const headers of scopes) await (await post(fetch, TEXT, headers)).text();
    const [fourth, third, second, first] = (await fetch.records(4)).map(({ scope }) => scope);
    expect(second).toBe(first);
    expect(new Set([first, third, fourth]).size).toBe(3);
    expect((await fetch.records(1))[0]?.prediction).toMatchObject({ readTokens: 0 });
    expect((await fetch.records(3))[2]?.prediction?.readTokens).toBeGreaterThan(0);
  });
});

describe('a refusal', () => {
  it('of our markers is followed by the original, once, and the plan is not tried again', async () => {
    const { fetch, sent } = connect((_sent, number) =>
      number === 0 ? MARKER_REFUSAL.clone() : messageAnswer(),
    );
    const response = await post(fetch);
    expect([response.status, sent.length]).toEqual([200, 2]);
    expect(sent[1]?.body).toBe(TEXT);
    await response.text();
    await (await post(fetch)).text();
    expect(sent[2]?.body).toBe(TEXT);
    expect(fetch.counters()).toMatchObject({ refusedPlans: 1 });
    expect((await fetch.records(2)).map(({ isResent, status }) => [isResent, status])).toEqual([
      [false, 200],
      [true, 200],
    ]);
  });

  it('of the original too is the answer', async () => {
    const { fetch, sent } = connect(() => MARKER_REFUSAL.clone());
    const response = await post(fetch);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('not here');
    expect(sent).toHaveLength(2);
  });

  it.each([
    ['about something else', 'max_tokens: too many'],
    ['longer than anything about our markers', `cache_control ${words(20_000)}`],
    ['that says nothing', ''],
  ])('%s comes as it is, all of it', async (_what, message) => {
    const refusal = errorAnswer(400, 'invalid_request_error', message);
    const { fetch, sent } = connect(() => refusal.clone());
    const response = await post(fetch);
    expect(await response.text()).toBe(await refusal.text());
    expect(sent).toHaveLength(1);
    expect(await fetch.records(1)).toMatchObject([
      { status: 400, isResent: false, error: 'invalid_request_error' },
    ]);
  });

  it('that is empty, or breaks off, comes as it is', async () => {
    const broken = new ReadableStream({
      pull(controller) {
        controller.error(new TypeError('terminated'));
      },
    });
    const answers = [new Response(null, { status: 400 }), new Response(broken, { status: 400 })];
    const { fetch } = connect((_sent, number) => answers[number] ?? messageAnswer());
    expect(await (await post(fetch)).text()).toBe('');
    await expect((await post(fetch)).text()).rejects.toThrow('terminated');
    expect((await fetch.records(2)).map(({ status, error }) => [status, error])).toEqual([
      [400, 'terminated'],
      [400, null],
    ]);
  });
});

describe('whatever of ours fails', () => {
  const failures: readonly (readonly [what: string, options: Partial<EngineOptions>])[] = [
    [
      'the clock',
      {
        clock: {
          nowMs: () => {
            throw new Error('no time');
          },
        },
      },
    ],
    [
      'the randomness',
      {
        random: () => {
          throw new Error('no luck');
        },
      },
    ],
  ];
  it.each(failures)('the request goes out as it came: %s', async (_what, options) => {
    const { fetch, sent } = connect(messageAnswer, options);
    const response = await post(fetch, TEXT, { 'x-cachewright-tags': 'a' });
    expect(await response.json()).toMatchObject({ id: 'msg_test' });
    expect(sent[0]?.body).toBe(TEXT);
    expect(sent[0]?.headers.has('x-cachewright-tags')).toBe(false);
    expect(fetch.counters().failedSteps).toBe(1);
  });

  it('the answer is not held back by a ledger that fails', async () => {
    const { ledger } = createTestEngine();
    const broken = {
      ...ledger,
      add: () => {
        throw new Error('full');
      },
    };
    const { fetch } = connect(messageAnswer, { ledger: broken });
    expect(await (await post(fetch)).json()).toMatchObject({ id: 'msg_test' });
    expect(fetch.counters()).toMatchObject({ failedAccounts: 1 });
  });

  it('a failing network stays the caller’s to see, and nothing was written', async () => {
    const failure = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    const { fetch } = connect((_sent, number) => {
      if (number === 0) throw failure;
      return messageAnswer();
    });
    await expect(post(fetch)).rejects.toBe(failure);
    await (await post(fetch)).text();
    expect(await fetch.records(2)).toMatchObject([
      { status: 200, prediction: { readTokens: 0 } },
      { status: 0, error: 'connect ECONNREFUSED' },
    ]);
  });

  it('a try that the service turned away wrote nothing', async () => {
    const { fetch } = connect((_sent, number) =>
      number === 0
        ? jsonAnswer(529, '{"type":"error","error":{"type":"overloaded_error"}}')
        : messageAnswer(),
    );
    const turnedAway = await post(fetch);
    await turnedAway.body?.cancel();
    await (await post(fetch)).text();
    expect(await fetch.records(2)).toMatchObject([
      { status: 200, prediction: { readTokens: 0 } },
      { status: 529, error: null, usage: null },
    ]);
  });
});
