import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { answerTo, bodyOf, open, send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageEvents, messageJson } from '../../test/support/messages.ts';
import { startRecordingUpstream, startUpstream, type Answerer } from '../../test/support/upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const EVENT_STREAM = { 'content-type': 'text/event-stream; charset=utf-8' };

async function gatewayTo(answer: Answerer): Promise<TestGateway> {
  const upstream = cleanUp.add(await startRecordingUpstream(answer));
  return cleanUp.add(await startTestGateway(upstream.url));
}

/** Hands out the upstream's responses as they come. */
function handOver(): { readonly answer: Answerer; next(): Promise<ServerResponse> } {
  const ready: ServerResponse[] = [];
  const waiting: ((response: ServerResponse) => void)[] = [];
  return {
    answer: (response) => {
      const waiter = waiting.shift();
      if (waiter) waiter(response);
      else ready.push(response);
    },
    next: () =>
      new Promise((resolve) => {
        const response = ready.shift();
        if (response) resolve(response);
        else waiting.push(resolve);
      }),
  };
}

function postLong(gateway: TestGateway) {
  const outgoing = open(gateway.url, {
    headers: ['Content-Type', 'application/json', 'Transfer-Encoding', 'chunked'],
  });
  outgoing.on('error', () => undefined);
  outgoing.end(JSON.stringify(longRequest({ stream: true })));
  return outgoing;
}

/** Lets the event loop turn until a number has stood still for many turns. */
async function untilStill(read: () => number): Promise<number> {
  let last = read();
  for (let still = 0; still < 2_000; still += 1) {
    await nextTurn();
    const now = read();
    if (now !== last) still = 0;
    last = now;
  }
  return last;
}

describe('an answer that streams', () => {
  it('reaches the client event by event', async () => {
    const upstream = handOver();
    const gateway = await gatewayTo(upstream.answer);
    const outgoing = postLong(gateway);
    const response = await upstream.next();
    const events = messageEvents();
    response.writeHead(200, EVENT_STREAM);
    response.write(events[0]);
    const answer = await answerTo(outgoing);
    // The second event is only sent once the client has the first.
    for (const [index, event] of events.entries()) {
      expect(String((await once(answer, 'data'))[0])).toBe(event);
      if (index + 1 < events.length) response.write(events[index + 1]);
    }
    response.end();
    await bodyOf(answer);
    expect(answer.headers['content-type']).toBe(EVENT_STREAM['content-type']);
    expect(await gateway.ledger.next()).toMatchObject({
      isPartial: false,
      error: null,
      stopReason: 'end_turn',
    });
  });

  it('is not read faster than its client reads', { timeout: 120_000 }, async () => {
    const total = 128 * 1024 * 1024;
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const writeOn = (response: ServerResponse): void => {
      while (written < total) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', () => writeOn(response));
      }
      response.end();
    };
    const gateway = await gatewayTo((response) => writeOn(response.writeHead(200, EVENT_STREAM)));
    const outgoing = postLong(gateway);
    const answer = await answerTo(outgoing);
    const stalledAt = await untilStill(() => written);
    // What the two sockets of each hop and a few streams hold: far from the whole.
    expect(stalledAt).toBeLessThan(total / 2);
    let read = 0;
    for await (const part of answer as AsyncIterable<Buffer>) read += part.length;
    expect(read).toBe(total);
  });
});

describe('a client that leaves', () => {
  it('in mid-stream stops the upstream; the record has the last usage and is partial', async () => {
    const upstream = handOver();
    const gateway = await gatewayTo(upstream.answer);
    const outgoing = postLong(gateway);
    const response = await upstream.next();
    const closed = once(response, 'close');
    response.writeHead(200, EVENT_STREAM);
    const [start = ''] = messageEvents({ input: 5, read: 900, write5m: 40 });
    response.write(start);
    const answer = await answerTo(outgoing);
    await once(answer, 'data');
    outgoing.destroy();
    await closed;
    expect(response.writableFinished).toBe(false);
    expect(await gateway.ledger.next()).toMatchObject({
      isPartial: true,
      error: 'client_left',
      status: 200,
      usage: { uncachedTokens: 5, readTokens: 900, write5mTokens: 40, outputTokens: 1 },
    });
  });

  it('before the answer begins stops the upstream too', async () => {
    const upstream = handOver();
    const gateway = await gatewayTo(upstream.answer);
    const outgoing = postLong(gateway);
    const response = await upstream.next();
    const closed = once(response, 'close');
    outgoing.destroy();
    await closed;
    expect(await gateway.ledger.next()).toMatchObject({
      isPartial: false,
      error: 'client_left',
      status: 0,
      usage: null,
    });
  });

  it('on any other path stops the upstream too', async () => {
    const upstream = handOver();
    const gateway = await gatewayTo(upstream.answer);
    const outgoing = open(gateway.url, { method: 'GET', path: '/v1/files/1/content' }).on(
      'error',
      () => undefined,
    );
    outgoing.end();
    const response = await upstream.next();
    const closed = once(response, 'close');
    response.writeHead(200).write('part');
    const answer = await answerTo(outgoing);
    await once(answer, 'data');
    outgoing.destroy();
    await closed;
    expect(response.writableFinished).toBe(false);
  });
});

describe('an upstream that fails', () => {
  it.each([
    ['/v1/messages', 1],
    ['/v1/files', 0],
  ])('by refusing: 502 in the API form, POST %s', async (path, records) => {
    const upstream = await startUpstream(() => undefined);
    await upstream.close();
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const answer = await sendJson(gateway.url, longRequest(), { path });
    expect(answer.status).toBe(502);
    expect(answer.headers['content-type']).toBe('application/json');
    const body = JSON.parse(answer.body.toString('utf8'));
    expect(body).toMatchObject({ type: 'error', error: { type: 'api_error' } });
    expect(body.error.message).toContain('ECONNREFUSED');
    const failed = { status: 0, usage: null, cost: null, error: expect.stringContaining('ECONNREFUSED') };
    expect(gateway.ledger.list(10)).toMatchObject(Array.from({ length: records }, () => failed));
  });

  it('by closing without an answer: 502, and the request is not sent again', async () => {
    let requests = 0;
    const gateway = await gatewayTo((response) => {
      requests += 1;
      response.destroy();
    });
    expect((await sendJson(gateway.url, longRequest())).status).toBe(502);
    expect(requests).toBe(1);
  });

  it.each([
    ['with a length', { 'content-length': '100000' }],
    ['in chunks', {}],
  ])('by breaking off in mid-answer %s: the client sees it break off', async (_how, more) => {
    const upstream = handOver();
    const gateway = await gatewayTo(upstream.answer);
    const outgoing = postLong(gateway);
    const response = await upstream.next();
    response.writeHead(200, { ...EVENT_STREAM, ...more });
    const [start = ''] = messageEvents({ input: 5, read: 900 });
    response.write(start);
    const answer = await answerTo(outgoing);
    expect(String((await once(answer, 'data'))[0])).toBe(start);
    response.destroy();
    await expect(bodyOf(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await gateway.ledger.next()).toMatchObject({
      isPartial: true,
      status: 200,
      usage: { readTokens: 900 },
    });
  });

  it('by an answer that is no HTTP: 502', async () => {
    const gateway = await gatewayTo((response) => void response.socket?.end('hello\r\n\r\n'));
    expect((await sendJson(gateway.url, longRequest())).status).toBe(502);
  });
});

describe('an answer', () => {
  const error = (type: string): string =>
    JSON.stringify({ type: 'error', error: { type, message: 'no' }, request_id: 'req_1' }, null, 1);

  it.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [529, 'overloaded_error'],
  ])('of status %i passes with its headers and bytes', async (status, type) => {
    const headers = [
      'Content-Type',
      'application/json',
      'Retry-After',
      '7',
      'X-Should-Retry',
      'true',
      'request-id',
      'req_1',
      'x-a',
      '1',
      'x-a',
      '2',
    ];
    let requests = 0;
    const gateway = await gatewayTo((response) => {
      requests += 1;
      response.sendDate = false;
      response.writeHead(status, 'Own Words', headers).end(error(type));
    });
    const answer = await sendJson(gateway.url, longRequest());
    expect(answer.status).toBe(status);
    expect(answer.rawHeaders.slice(0, headers.length)).toEqual(headers);
    expect(answer.body.toString('utf8')).toBe(error(type));
    expect(requests).toBe(1);
    expect(await gateway.ledger.next()).toMatchObject({
      status,
      error: type,
      isResent: false,
      isPartial: false,
      usage: null,
    });
  });

  it('after an interim one passes alone', async () => {
    const upstream = cleanUp.add(
      await startUpstream((_request, response) =>
        response.writeEarlyHints({ link: '</a>; rel=preload' }, () => response.end('late')),
      ),
    );
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const answer = await send(gateway.url, { method: 'GET', path: '/v1/models' });
    expect([answer.status, answer.body.toString('utf8')]).toEqual([200, 'late']);
  });

  it.each([204, 304])('of status %i passes without a body', async (status) => {
    const gateway = await gatewayTo((response) => response.writeHead(status, { etag: '"1"' }).end());
    const answer = await send(gateway.url, { method: 'GET', path: '/v1/files' });
    expect([answer.status, answer.headers['etag'], answer.body.length]).toEqual([status, '"1"', 0]);
  });

  it("redirects are the client's to follow", async () => {
    const gateway = await gatewayTo((response) => response.writeHead(307, { location: '/elsewhere' }).end());
    const answer = await sendJson(gateway.url, longRequest());
    expect([answer.status, answer.headers['location']]).toEqual([307, '/elsewhere']);
  });

  it('that ends with its connection passes whole', async () => {
    const gateway = await gatewayTo(
      (response) =>
        void response.socket?.end(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${messageJson({ input: 3 })}`,
        ),
    );
    const answer = await sendJson(gateway.url, longRequest());
    expect(answer.body.toString('utf8')).toBe(messageJson({ input: 3 }));
    expect(await gateway.ledger.next()).toMatchObject({ usage: { uncachedTokens: 3 }, isPartial: false });
  });

  it.each([
    ['words', 'hello, this is not what you think\n\n\n'],
    ['bytes', Buffer.from([0, 255, 10, 10, 13, 10, 192, 128]).toString('latin1')],
    [
      'events that are no JSON',
      'event: message_start\ndata: {"type":"message_start","message":\n\ndata:\ndata: {]\n\n',
    ],
    [
      'a usage of nonsense',
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":-5,"output_tokens":"many"}}}\n\n',
    ],
  ])('of garbage as an event stream passes: %s', async (_what, text) => {
    const body = Buffer.from(text, 'latin1');
    const gateway = await gatewayTo((response) => response.writeHead(200, EVENT_STREAM).end(body));
    const answer = await sendJson(gateway.url, longRequest());
    expect(answer.body.equals(body)).toBe(true);
    const { cost, status } = await gateway.ledger.next();
    expect([status, cost?.totalPicoUsd ?? 0n]).toEqual([200, 0n]);
  });

  it('goes to clients of HTTP/1.0 as well', async () => {
    const gateway = await gatewayTo((response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson()),
    );
    const body = JSON.stringify(longRequest());
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(`POST /v1/messages HTTP/1.0\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text.startsWith('HTTP/1.1 200')).toBe(true);
    expect(text.endsWith(messageJson())).toBe(true);
  });
});
