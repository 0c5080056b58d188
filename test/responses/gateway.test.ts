import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';

import { createResponseTier } from '../../src/engine/index.ts';
import { CleanUp, startTestGateway } from '../support/gateway.ts';
import { messageEvents, messageJson } from '../support/messages.ts';
import { HEADERS, request } from './upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

type Answer = (
  body: { readonly stream?: boolean },
  response: ServerResponse,
  incoming: IncomingMessage,
) => void;

const plain: Answer = (body, response) => {
  if (body.stream === true)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(messageEvents().join(''));
  else response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
};

interface Bench {
  readonly url: string;
  readonly calls: () => number;
  readonly ask: (
    more?: Record<string, unknown>,
    headers?: Record<string, string>,
  ) => Promise<{ status: string | null; text: string; http: number }>;
}

async function bench(isOn: boolean, answer: Answer = plain): Promise<Bench> {
  let calls = 0;
  const server: Server = createServer((incoming, response) => {
    let body = '';
    incoming
      .on('data', (chunk: Buffer) => (body += chunk.toString()))
      .on('end', () => {
        calls += 1;
        answer(JSON.parse(body) as { stream?: boolean }, response, incoming);
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.add({ close: () => server.close().closeAllConnections() });
  const responses = createResponseTier({ isOn });
  const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { url } = cleanUp.add(await startTestGateway(upstreamUrl, { responses }));
  return {
    url,
    calls: () => calls,
    async ask(more, headers) {
      const sent = { method: 'POST', body: request(more), headers: { ...HEADERS, ...headers } };
      const response = await fetch(`${url}/v1/messages`, sent);
      return {
        status: response.headers.get('cache-status'),
        text: await response.text(),
        http: response.status,
      };
    },
  };
}

describe('the gateway with exact answers', () => {
  it('answers identical requests itself, in both forms', async () => {
    const { ask, calls } = await bench(true);
    expect(await ask()).toMatchObject({ status: 'cachewright; fwd=miss; stored', text: messageJson() });
    expect(await ask()).toMatchObject({
      status: expect.stringMatching(/^cachewright; hit; ttl=\d+;/) as string,
      text: messageJson(),
    });
    const streamed = await ask({ stream: true });
    expect(streamed.status).toContain('hit');
    expect(streamed.text).toContain('event: message_stop');
    expect(calls()).toBe(1);
    expect((await ask({}, { 'x-api-key': 'sk-other' })).status).toContain('fwd=miss');
    expect((await ask({ temperature: 1 })).status).toBe('cachewright; fwd=bypass; detail=temperature');
    expect((await ask({}, { 'x-cachewright-response-cache': 'off' })).status).toBe(
      'cachewright; fwd=bypass; detail=off',
    );
  });

  it('is as it was where nobody turned it on, but for a request that asks', async () => {
    const { ask, calls } = await bench(false);
    expect([(await ask()).status, (await ask()).status]).toEqual([null, null]);
    const wish = { 'x-cachewright-response-cache': '60' };
    expect((await ask({ temperature: 1 }, wish)).status).toContain('stored');
    expect((await ask({ temperature: 1 }, wish)).status).toContain('hit');
    expect(calls()).toBe(3);
  });

  it('keeps answers decoded that come in an encoding', async () => {
    const { ask } = await bench(true, (_body, response) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
      response.writeHead(200, headers).end(gzipSync(messageJson()));
    });
    expect((await ask()).text).toBe(messageJson());
    expect(await ask()).toMatchObject({
      text: messageJson(),
      status: expect.stringContaining('hit') as string,
    });
  });

  it('sends 100 requests at one time once, JSON and streams mixed, through the SDK too', async () => {
    const { ask, url, calls } = await bench(
      true,
      (body, response, incoming) => void setImmediate(() => plain(body, response, incoming)),
    );
    const client = new Anthropic({ apiKey: 'sk-test', baseURL: url, maxRetries: 0 });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => ask({ stream: index % 2 === 0 })),
    );
    expect(answers.every(({ http, text }) => http === 200 && text.includes('Fine.'))).toBe(true);
    const before = calls();
    const params = {
      model: 'm',
      max_tokens: 5,
      temperature: 0,
      messages: [{ role: 'user' as const, content: 'x' }],
    };
    const finals = await Promise.all([
      client.messages.stream(params).finalMessage(),
      client.messages.stream(params).finalMessage(),
      client.messages.create(params),
    ]);
    expect(finals.map(({ content }) => content)).toEqual(
      Array.from({ length: 3 }, () => [{ type: 'text', text: 'Fine.' }]),
    );
    expect(before).toBe(1);
    expect(calls()).toBe(2);
  });

  it('breaks off for the client where the upstream breaks off, and keeps nothing', async () => {
    const { ask, calls } = await bench(true, (body, response, incoming) => {
      if (calls() > 1) return plain(body, response, incoming);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(messageEvents()[0]);
      setImmediate(() => response.destroy());
      return undefined;
    });
    await expect(ask({ stream: true })).rejects.toThrow(/terminated|other side closed|fetch failed/);
    expect(await ask({ stream: true })).toMatchObject({
      status: 'cachewright; fwd=miss',
      text: messageEvents().join(''),
    });
  });

  it("passes the upstream's errors on, and keeps none", async () => {
    const { ask, calls } = await bench(true, (_body, response) => {
      response
        .writeHead(529, { 'content-type': 'application/json', 'retry-after': '1' })
        .end('{"type":"error"}');
    });
    expect(await ask()).toMatchObject({ http: 529, text: '{"type":"error"}' });
    expect(await ask({ stream: true })).toMatchObject({ http: 529 });
    expect(calls()).toBe(2);
  });

  it('lets the upstream go when the client leaves', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await bench(true, (_body, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(messageEvents()[0]);
    });
    const leaving = new AbortController();
    const sent = {
      method: 'POST',
      body: request({ stream: true }),
      headers: HEADERS,
      signal: leaving.signal,
    };
    await fetch(`${url}/v1/messages`, sent);
    leaving.abort();
    await closed.promise;
  });
});
