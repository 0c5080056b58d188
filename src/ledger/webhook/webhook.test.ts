import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Timers } from '../../runtime/index.ts';
import { createWebhook, sign, SIGNATURE_HEADER, type WebhookOptions } from './webhook.ts';

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let url: string;
let received: Received[];
/** What the receiver answers, in order; 200 when it is empty. */
let answers: { readonly status: number; readonly headers?: Record<string, string> }[];
let delaysMs: number[];

/** Time passes at once, and what was waited for is noted; limits on a try never pass. */
const timers: Timers = {
  after(delayMs, run) {
    if (delayMs === 10_000) return () => undefined;
    delaysMs.push(delayMs);
    queueMicrotask(run);
    return () => undefined;
  },
};

function hookTo(more: Partial<WebhookOptions> = {}): ReturnType<typeof createWebhook> {
  return createWebhook({ url, clock: { nowMs: () => 1_700 }, timers, random: () => 0, ...more });
}

beforeEach(async () => {
  received = [];
  answers = [];
  delaysMs = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body });
      const { status, headers = {} } = answers.shift() ?? { status: 200 };
      response.writeHead(status, headers).end('noted');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=k`;
});
afterEach(() => new Promise<void>((resolve) => void server.close(() => resolve())));

describe('a webhook', () => {
  it('posts events in order, signed so that the receiver can tell', async () => {
    const hook = hookTo({ secret: 'shh' });
    hook.post({ type: 'one', costPicoUsd: 2n ** 70n });
    hook.post({ type: 'two' });
    await hook.idle();
    expect(received.map(({ body }) => body)).toEqual([
      '{"type":"one","costPicoUsd":"1180591620717411303424"}',
      '{"type":"two"}',
    ]);
    for (const { headers, body } of received) {
      expect(headers['content-type']).toBe('application/json');
      expect(headers[SIGNATURE_HEADER]).toBe(sign(body, 'shh', 1_700));
    }
    expect(sign('{}', 'shh', 1_700)).toBe(
      't=1700,v1=4a335f96b10bd08788446c85e333066018b03a0a49522ef4239e00830dc27098',
    );
    expect(hook.totals()).toEqual({ sent: 2, failed: 0, dropped: 0, waiting: 0 });
  });

  it('without a secret is not signed', async () => {
    const hook = hookTo();
    hook.post({});
    await hook.idle();
    expect(received[0]?.headers).not.toHaveProperty(SIGNATURE_HEADER);
  });

  it('tries again with longer waits, or as long as the receiver asks', async () => {
    answers = [{ status: 503 }, { status: 429, headers: { 'retry-after': '7' } }, { status: 500 }];
    const hook = hookTo();
    hook.post({});
    await hook.idle();
    expect(received).toHaveLength(4);
    expect(delaysMs).toEqual([1_000, 7_000, 4_000]);
    expect(hook.totals()).toMatchObject({ sent: 1, failed: 0 });
  });

  it('never waits longer than five minutes', async () => {
    answers = [{ status: 429, headers: { 'retry-after': '999999' } }];
    const hook = hookTo();
    hook.post({});
    await hook.idle();
    expect(delaysMs).toEqual([300_000]);
  });

  it('gives up after five tries, and goes on with the next', async () => {
    answers = Array.from({ length: 5 }, () => ({ status: 502 }));
    const hook = hookTo();
    hook.post({ type: 'one' });
    hook.post({ type: 'two' });
    await hook.idle();
    expect(received.map(({ body }) => body).slice(-2)).toEqual(['{"type":"one"}', '{"type":"two"}']);
    expect(received).toHaveLength(6);
    expect(delaysMs).toHaveLength(4);
    expect(hook.totals()).toMatchObject({ sent: 1, failed: 1 });
  });

  it.each([400, 404, 302])('takes a %i for an answer', async (status) => {
    answers = [{ status, headers: status === 302 ? { location: '/elsewhere' } : {} }];
    const hook = hookTo();
    hook.post({});
    await hook.idle();
    expect(received).toHaveLength(1);
    expect(hook.totals()).toMatchObject({ sent: 0, failed: 1 });
  });

  it('bears a receiver that is not there', async () => {
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    const hook = hookTo({ attemptsMax: 3 });
    hook.post({});
    await hook.idle();
    expect(hook.totals()).toEqual({ sent: 0, failed: 1, dropped: 0, waiting: 0 });
  });

  it('ends a try that takes too long', async () => {
    const hook = hookTo({
      timeoutMs: 77,
      attemptsMax: 1,
      send: (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('over')));
        }),
    });
    hook.post({});
    await hook.idle();
    expect(hook.totals()).toMatchObject({ failed: 1 });
  });

  it('drops what it cannot hold, and what comes after its end', async () => {
    const hook = hookTo({ waitingMax: 2, send: () => new Promise(() => undefined) });
    for (let number = 0; number < 5; number += 1) hook.post({ number });
    expect(hook.totals()).toMatchObject({ waiting: 2, dropped: 3 });
    hook.close();
    hook.post({});
    expect(hook.totals()).toMatchObject({ dropped: 4 });
  });

  it('drops what waits when it is closed between two tries', async () => {
    const hook = hookTo({
      timers: { after: () => () => undefined },
      send: () => Promise.reject(new Error('down')),
    });
    hook.post({});
    await new Promise((resolve) => setImmediate(resolve));
    hook.close();
    await hook.idle();
    expect(hook.totals()).toEqual({ sent: 0, failed: 0, dropped: 1, waiting: 0 });
  });

  it.each(['ftp://example.com', 'example.com/hook', ''])('is refused at %j, which is not shown', (wrong) => {
    expect(() => createWebhook({ url: wrong })).toThrow(
      'the URL of a webhook begins with http:// or https://',
    );
  });
});
