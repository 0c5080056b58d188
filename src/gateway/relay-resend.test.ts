import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageJson } from '../../test/support/messages.ts';
import {
  startRecordingUpstream,
  type Answerer,
  type RecordingUpstream,
} from '../../test/support/upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

function refusal(message: string): string {
  return JSON.stringify({
    type: 'error',
    error: { type: 'invalid_request_error', message },
    request_id: 'req_1',
  });
}

const ABOUT_MARKERS = refusal('messages.0.content.0.text.cache_control: Extra inputs are not permitted');
const ABOUT_SOMETHING_ELSE = refusal('max_tokens: Field required');

/** Refuses every body that holds a marker, as a service that does not know them would. */
function refuseMarkers(
  body: string | Buffer = ABOUT_MARKERS,
  headers: Record<string, string> = {},
): Answerer {
  return (response, seen) => {
    const isMarked = seen.body.includes('cache_control');
    response.writeHead(isMarked ? 400 : 200, {
      'content-type': 'application/json',
      ...(isMarked ? headers : {}),
    });
    response.end(isMarked ? body : messageJson({ input: 30 }));
  };
}

async function start(answer: Answerer): Promise<[RecordingUpstream, TestGateway]> {
  const upstream = cleanUp.add(await startRecordingUpstream(answer));
  return [upstream, cleanUp.add(await startTestGateway(upstream.url))];
}

/** Which of the requests that the upstream saw carried a marker. */
function marked(upstream: RecordingUpstream): boolean[] {
  return upstream.seen.map((seen) => seen.body.includes('cache_control'));
}

describe('a 400 that names cache_control', () => {
  it('is followed by one resend of the original bytes, whose answer the client gets', async () => {
    const [upstream, gateway] = await start(refuseMarkers());
    const text = JSON.stringify(longRequest(), null, 1);
    const answer = await send(gateway.url, {
      body: text,
      path: '/v1/messages?beta=true',
      headers: ['X-Api-Key', 'k'],
    });
    expect([answer.status, answer.body.toString('utf8')]).toEqual([200, messageJson({ input: 30 })]);
    expect(marked(upstream)).toEqual([true, false]);
    const [first, second] = upstream.seen;
    expect(second?.body.toString('utf8')).toBe(text);
    expect(second?.path).toBe('/v1/messages?beta=true');
    expect(second?.headers).toEqual({ ...first?.headers, 'content-length': String(text.length) });
    expect(gateway.engine.counters).toEqual({ failedAnalyses: 0, failedAccounts: 0, refusedPlans: 1 });
    expect(await gateway.ledger.next()).toMatchObject({
      isResent: true,
      status: 200,
      usage: { uncachedTokens: 30 },
      plan: { isApplied: false },
    });
    expect(gateway.ledger.list(10)).toHaveLength(1);
  });

  it('makes us leave the same plan alone from then on, for this model and scope only', async () => {
    const [upstream, gateway] = await start(refuseMarkers());
    await sendJson(gateway.url, longRequest());
    await sendJson(gateway.url, longRequest({ system: `Other. ${String(longRequest()['system'])}` }));
    expect(marked(upstream)).toEqual([true, false, false]);
    await sendJson(gateway.url, longRequest({ model: 'claude-sonnet-5-5' }));
    expect(marked(upstream).slice(3)).toEqual([true, false]);
    await sendJson(gateway.url, longRequest(), { headers: ['x-api-key', 'another'] });
    expect(marked(upstream).slice(5)).toEqual([true, false]);
    expect(gateway.engine.counters.refusedPlans).toBe(3);
  });

  it('still lets another plan be tried', async () => {
    const [upstream, gateway] = await start(refuseMarkers());
    await sendJson(gateway.url, longRequest());
    await sendJson(gateway.url, longRequest({ system: 'Short.' }));
    expect(marked(upstream)).toEqual([true, false, true, false]);
  });

  it('after the resend is passed on: never a third try', async () => {
    const [upstream, gateway] = await start((response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end(ABOUT_MARKERS),
    );
    const answer = await sendJson(gateway.url, longRequest());
    expect([answer.status, answer.body.toString('utf8')]).toEqual([400, ABOUT_MARKERS]);
    expect(marked(upstream)).toEqual([true, false]);
    expect(await gateway.ledger.next()).toMatchObject({
      isResent: true,
      status: 400,
      usage: null,
      error: 'invalid_request_error',
    });
  });

  it("is passed on when the markers were the client's own", async () => {
    const [upstream, gateway] = await start((response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end(ABOUT_MARKERS),
    );
    const content = [{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }];
    const answer = await sendJson(
      gateway.url,
      longRequest({ system: 'Short.', messages: [{ role: 'user', content }] }),
    );
    expect([answer.status, upstream.seen.length]).toEqual([400, 1]);
    expect(gateway.engine.counters.refusedPlans).toBe(0);
  });

  it('is passed on when nothing of the body was changed by us', async () => {
    const [upstream, gateway] = await start((response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end(ABOUT_MARKERS),
    );
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['x-cachewright-mode', 'observe'] });
    expect([answer.status, upstream.seen.length]).toEqual([400, 1]);
  });

  it('whose resend fails to arrive ends in a 502', async () => {
    const [upstream, gateway] = await start((response, seen) => {
      if (seen.body.includes('cache_control'))
        response.writeHead(400, { 'content-type': 'application/json' }).end(ABOUT_MARKERS);
      else response.destroy();
    });
    expect((await sendJson(gateway.url, longRequest())).status).toBe(502);
    expect(upstream.seen).toHaveLength(2);
    expect(await gateway.ledger.next()).toMatchObject({ isResent: true, status: 0 });
  });

  it.each([
    ['gzip', gzipSync(ABOUT_MARKERS)],
    ['br', brotliCompressSync(ABOUT_MARKERS)],
    ['zstd', zstdCompressSync(ABOUT_MARKERS)],
  ])('is understood in %s', async (encoding, body) => {
    const [upstream, gateway] = await start(refuseMarkers(body, { 'content-encoding': encoding }));
    const answer = await sendJson(gateway.url, longRequest(), {
      headers: ['Accept-Encoding', 'gzip, br, zstd'],
    });
    expect([answer.status, upstream.seen.length]).toEqual([200, 2]);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });
});

describe('a 400 that does not name cache_control', () => {
  it('is passed on unchanged', async () => {
    const headers = { 'content-type': 'application/json', 'request-id': 'req_9' };
    const [upstream, gateway] = await start((response) =>
      response.writeHead(400, headers).end(ABOUT_SOMETHING_ELSE),
    );
    const answer = await sendJson(gateway.url, longRequest());
    expect([answer.status, answer.body.toString('utf8')]).toEqual([400, ABOUT_SOMETHING_ELSE]);
    expect(answer.headers).toMatchObject(headers);
    expect(upstream.seen).toHaveLength(1);
    expect(await gateway.ledger.next()).toMatchObject({
      isResent: false,
      status: 400,
      error: 'invalid_request_error',
    });
    await sendJson(gateway.url, longRequest());
    expect(marked(upstream)).toEqual([true, true]);
  });

  it('is passed on in the encoding that it came in', async () => {
    const packed = gzipSync(ABOUT_SOMETHING_ELSE);
    const [, gateway] = await start((response) =>
      response.writeHead(400, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(packed),
    );
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['Accept-Encoding', 'gzip'] });
    expect(answer.body.equals(packed)).toBe(true);
    expect(await gateway.ledger.next()).toMatchObject({ error: 'invalid_request_error' });
  });

  it.each([
    ['packed wrongly', Buffer.from('no gzip at all, cache_control')],
    ['a bomb', gzipSync(Buffer.alloc(8 * 1024 * 1024))],
  ])('is passed on although it is %s', async (_what, body) => {
    const [upstream, gateway] = await start((response) =>
      response.writeHead(400, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(body),
    );
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['Accept-Encoding', 'gzip'] });
    expect([answer.status, answer.body.equals(body), upstream.seen.length]).toEqual([400, true, 1]);
  });

  it('is passed on when it is too long to be a sentence about markers', async () => {
    const long = `${' '.repeat(200_000)}${ABOUT_MARKERS}`;
    const [upstream, gateway] = await start((response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end(long),
    );
    const answer = await sendJson(gateway.url, longRequest());
    expect([answer.status, answer.body.toString('utf8') === long, upstream.seen.length]).toEqual([
      400,
      true,
      1,
    ]);
    expect(await gateway.ledger.next()).toMatchObject({ error: 'invalid_request_error' });
  });

  it('that breaks off ends in a 502 or breaks off, and is not sent again', async () => {
    const [upstream, gateway] = await start((response) => {
      response.writeHead(400, { 'content-length': '500' }).write('{"type":');
      response.destroy();
    });
    const status = await sendJson(gateway.url, longRequest()).then(
      (answer) => answer.status,
      () => 0,
    );
    expect([0, 502]).toContain(status);
    expect(upstream.seen).toHaveLength(1);
  });
});

it('names of markers in other statuses change nothing', async () => {
  const [upstream, gateway] = await start((response) =>
    response.writeHead(422, { 'content-type': 'application/json' }).end(ABOUT_MARKERS),
  );
  const answer = await sendJson(gateway.url, longRequest());
  expect([answer.status, upstream.seen.length]).toEqual([422, 1]);
});
