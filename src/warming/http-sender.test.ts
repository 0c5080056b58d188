import { describe, expect, it } from 'vitest';

import { httpSender } from './http-sender.ts';
import type { WarmRequest } from './options.ts';
import { readFailure } from './read-reply.ts';

const KEY = 'my.own-key/with+signs';

const request: WarmRequest = {
  body: {},
  text: '{"a":1}',
  headers: { 'Anthropic-Beta': 'some-beta', 'x-api-key': 'stolen', authorization: 'Bearer stolen' },
  signal: new AbortController().signal,
};

interface Seen {
  url: string;
  init: RequestInit;
}

function senderOf(answer: () => Promise<Response>, seen: Seen[] = []) {
  const fetch = (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    seen.push({ url: typeof url === 'string' ? url : '', init });
    return answer();
  };
  return httpSender({
    apiKey: KEY,
    baseUrl: 'https://api.example/base/',
    fetch,
  });
}

async function failureOf(answer: () => Promise<Response>) {
  const error: unknown = await senderOf(answer)(request).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(KEY);
  return readFailure(error);
}

describe('httpSender', () => {
  it('posts the text as it is, with its own key and the betas of the prompt', async () => {
    const seen: Seen[] = [];
    const answer = await senderOf(() => Promise.resolve(Response.json({ usage: 1 })), seen)(request);
    expect(answer).toEqual({ usage: 1 });
    expect(seen[0]?.url).toBe('https://api.example/base/v1/messages');
    expect(seen[0]?.init).toMatchObject({ method: 'POST', redirect: 'manual', body: '{"a":1}' });
    expect(seen[0]?.init.headers).toEqual({
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'some-beta',
      'x-api-key': KEY,
    });
  });

  it('tells status, message and the pause that is asked for, without the key', async () => {
    const error = { type: 'rate_limit_error', message: `slow down, ${KEY}` };
    const headers = { 'retry-after': '7' };
    const failure = await failureOf(() =>
      Promise.resolve(Response.json({ error }, { status: 429, headers })),
    );
    expect(failure).toEqual({ status: 429, retryAfterMs: 7000, message: 'slow down, [credential]' });
  });

  it('follows no redirect', async () => {
    const headers = { location: `https://elsewhere.example/?${KEY}` };
    const failure = await failureOf(() => Promise.resolve(new Response(null, { status: 307, headers })));
    expect(failure).toMatchObject({
      status: 307,
      message: expect.stringContaining('a redirect to https://elsewhere.example,'),
    });
  });

  it('says nothing of why nobody answers that could hold the key', async () => {
    const failure = await failureOf(() => Promise.reject(new TypeError(`bad header value ${KEY}`)));
    expect(failure).toEqual({
      status: null,
      retryAfterMs: null,
      message: 'no connection to https://api.example',
    });
  });

  it('gives up after a while', async () => {
    let expire = (): void => undefined;
    const timers = {
      after(_delayMs: number, run: () => void) {
        expire = run;
        return () => undefined;
      },
    };
    const hanging = (_url: unknown, init?: RequestInit): Promise<Response> =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const send = httpSender({
      apiKey: KEY,
      fetch: hanging,
      timers,
      timeoutMs: 5000,
    });
    const sending = send(request);
    expire();
    await expect(sending).rejects.toThrow('no answer within 5 s');
  });
});
