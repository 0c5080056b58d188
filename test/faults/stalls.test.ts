import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { answerTo, bodyOf, open } from '../support/http-client.ts';
import { longRequest, messageEvents } from '../support/messages.ts';
import { startRecordingUpstream } from '../support/upstream.ts';
import { watchAnswer, watchRequest } from './outcome.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const [START = '', ...REST] = messageEvents({ input: 5, read: 900 });

/** An upstream that does what a test says with its one request, and a gateway before it. */
async function stalling(
  begin: (response: ServerResponse) => void,
  options: Partial<GatewayOptions> = {},
): Promise<{ gateway: TestGateway; upstreamUrl: string; arrived: Promise<ServerResponse> }> {
  let arrive: (response: ServerResponse) => void = () => undefined;
  const arrived = new Promise<ServerResponse>((resolve) => (arrive = resolve));
  const upstream = cleanUp.add(
    await startRecordingUpstream((response) => {
      begin(response);
      arrive(response);
    }),
  );
  const gateway = cleanUp.add(await startTestGateway(upstream.url, options));
  return { gateway, upstreamUrl: upstream.url, arrived };
}

function post(url: string, path = '/v1/messages') {
  const body = JSON.stringify(longRequest({ stream: true }));
  const outgoing = open(url, { path, headers: ['Content-Length', String(body.length)] });
  outgoing.on('error', () => undefined).end(body);
  return outgoing;
}

describe.each(['/v1/messages', '/v1/messages/count_tokens'])('an upstream that stalls, POST %s', (path) => {
  it('after its headers: the client has them at once, and the rest when it comes', async () => {
    const { gateway, arrived } = await stalling((response) =>
      response.writeHead(200, EVENT_STREAM).flushHeaders(),
    );
    const answer = await answerTo(post(gateway.url, path));
    expect(answer.headers['content-type']).toBe('text/event-stream');
    (await arrived).end(START);
    expect((await bodyOf(answer)).toString('utf8')).toBe(START);
  });

  it('in mid-stream: the client has what came, and the rest when it comes', async () => {
    const { gateway, arrived } = await stalling((response) =>
      response.writeHead(200, EVENT_STREAM).write(START),
    );
    const answer = await answerTo(post(gateway.url, path));
    expect(String((await once(answer, 'data'))[0])).toBe(START);
    const rest = bodyOf(answer);
    (await arrived).end(REST.join(''));
    expect((await rest).toString('utf8')).toBe(REST.join(''));
  });

  it('before its headers, until the client gives up: the upstream sees it leave', async () => {
    const { gateway, arrived } = await stalling(() => undefined);
    const outgoing = post(gateway.url, path);
    const response = await arrived;
    const closed = once(response, 'close');
    outgoing.destroy(new Error('time-out of the client'));
    await closed;
    expect(response.writableEnded).toBe(false);
  });
});

/** undici's clock for such limits ticks about once a second. */
const LIMITED = { responseTimeoutMs: 200 };

describe('past the limit of the gateway', () => {
  it('before the headers: 502, and the upstream sees its connection close', async () => {
    const { gateway, arrived } = await stalling(() => undefined, LIMITED);
    const outcome = watchRequest(gateway.url);
    const closed = once(await arrived, 'close');
    const { status, body } = await outcome;
    expect(status).toBe(502);
    expect(JSON.parse(body.toString('utf8')).error.message).toMatch(/Headers Timeout/);
    await closed;
    expect(await gateway.ledger.next()).toMatchObject({
      status: 0,
      error: expect.stringMatching(/Headers Timeout/),
      isPartial: false,
      isResent: false,
    });
  });

  it('in mid-stream: the answer breaks off, and the record keeps the last usage', async () => {
    const begin = (response: ServerResponse): unknown => response.writeHead(200, EVENT_STREAM).write(START);
    const { gateway, arrived } = await stalling(begin, LIMITED);
    const answer = await answerTo(post(gateway.url));
    const outcome = watchAnswer(answer);
    const closed = once(await arrived, 'close');
    expect(await outcome).toMatchObject({ status: 200, ending: 'broken', body: Buffer.from(START) });
    await closed;
    expect(await gateway.ledger.next()).toMatchObject({
      status: 200,
      error: expect.stringMatching(/Body Timeout/),
      isPartial: true,
      usage: { uncachedTokens: 5, readTokens: 900 },
    });
  });

  it('a client that reads slowly is no upstream that stalls', async () => {
    const chunk = Buffer.alloc(8 * 1024 * 1024, 'x');
    const { gateway, arrived } = await stalling(
      (response) => void response.writeHead(200, EVENT_STREAM).end(chunk),
      LIMITED,
    );
    const answer = await answerTo(post(gateway.url));
    answer.pause();
    await arrived;
    // Longer than the limit by far, counted by a request that runs into it.
    const other = await stalling(() => undefined, LIMITED);
    expect((await watchRequest(other.gateway.url)).status).toBe(502);
    expect((await watchRequest(other.gateway.url)).status).toBe(502);
    expect((await bodyOf(answer)).length).toBe(chunk.length);
  });
});
