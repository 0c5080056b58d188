import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { cachewrightFetch } from '../../src/client/index.ts';
import { createResponseTier } from '../../src/engine/index.ts';
import { BODIES_FILE, openBodies, type Bodies } from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { getJson, open, answerTo, send, sendJson } from '../support/http-client.ts';
import { longRequest, messageEvents, messageJson } from '../support/messages.ts';
import { createSender } from '../support/sending.ts';
import { answerMessage, startRecordingUpstream, type Answerer } from '../support/upstream.ts';
import { everythingIn } from './seen.ts';

const KEY = 'sk-ant-api03-TopSecretOfMine';
const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-bodies-http-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

async function start(answer: Answerer = answerMessage, bodies: Bodies | null = null): Promise<TestGateway> {
  const upstream = cleanUp.add(await startRecordingUpstream(answer));
  const kept = bodies ?? cleanUp.add(await openBodies(folder));
  return cleanUp.add(await startTestGateway(upstream.url, { engine: { bodies: kept } }));
}

async function keptOf(gateway: TestGateway): Promise<ReturnType<typeof JSON.parse>> {
  const { id } = await gateway.ledger.next();
  const { status, value } = await getJson(gateway.admin.url, `/api/v1/requests/${id}/body`);
  expect(status).toBe(200);
  expect(value.id).toBe(id);
  return value;
}

describe('GET /api/v1/requests/:id/body', () => {
  it('shows what the client sent and got; headers with credentials are nowhere', async () => {
    const gateway = await start();
    const body = longRequest({ metadata: { note: `the key is ${KEY}` } });
    await sendJson(gateway.url, body, {
      headers: ['X-Api-Key', `${KEY}-header`, 'Authorization', 'Bearer hush-hush-1'],
    });
    const { request, answer } = await keptOf(gateway);
    expect(JSON.parse(request.text)).toEqual({
      ...body,
      metadata: { note: 'the key is [redacted anthropic-key]' },
    });
    expect(request.contentType).toBe('application/json');
    expect(answer).toMatchObject({ status: 200, text: messageJson(), isCut: false });
    const all = everythingIn(folder);
    for (const secret of ['TopSecretOfMine', 'hush-hush']) expect(all).not.toContain(secret);
  });

  it('shows a stream, compressed or not, wherever the network cut it', async () => {
    const events = messageEvents().join('').replace('"text":"Fine."', `"text":"It is ${KEY}."`);
    const plain = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const middle = events.indexOf('TopSecret') + 3;
      response.write(events.slice(0, middle));
      response.end(events.slice(middle));
    });
    const { body } = await sendJson(plain.url, longRequest({ stream: true }));
    expect(body.toString()).toBe(events);
    expect((await keptOf(plain)).answer.text).toBe(events.replace(KEY, '[redacted anthropic-key]'));
    const zipped = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      response.end(gzipSync(events));
    }, plain.engine.options.bodies);
    await sendJson(zipped.url, longRequest({ stream: true }), { headers: ['Accept-Encoding', 'gzip'] });
    expect((await keptOf(zipped)).answer.text).toBe(events.replace(KEY, '[redacted anthropic-key]'));
    expect(everythingIn(folder)).not.toContain('TopSecretOfMine');
  });

  it('shows what there was of an answer that broke off, and an error', async () => {
    const gateway = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': begun\n\n', () => response.destroy());
    });
    await expect(sendJson(gateway.url, longRequest({ stream: true }))).rejects.toThrow('aborted');
    expect((await keptOf(gateway)).answer.text).toBe(': begun\n\n');
    const refusing = await start(
      (response) => response.writeHead(400, { 'content-type': 'application/json' }).end('{"type":"error"}'),
      gateway.engine.options.bodies,
    );
    await sendJson(refusing.url, longRequest());
    expect((await keptOf(refusing)).answer).toMatchObject({ status: 400, text: '{"type":"error"}' });
  });

  it('shows the original of a request that was sent again without our markers, and the answer to that', async () => {
    const gateway = await start((response, { body }) => {
      if (!body.includes('cache_control')) return answerMessage(response);
      const error = { type: 'error', error: { type: 'invalid_request_error', message: 'cache_control: no' } };
      return void response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error));
    });
    await sendJson(gateway.url, longRequest());
    const { request, answer } = await keptOf(gateway);
    expect(JSON.parse(request.text)).toEqual(longRequest());
    expect(answer).toMatchObject({ status: 200, text: messageJson() });
  });

  it('shows a request whose client left', async () => {
    const gateway = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': begun\n\n');
    });
    const outgoing = open(gateway.url, { headers: ['content-type', 'application/json'] });
    const answered = answerTo(outgoing);
    outgoing.end(JSON.stringify(longRequest({ stream: true })));
    (await answered).destroy();
    expect(await keptOf(gateway)).toMatchObject({ answer: { status: 200 } });
  });

  it('shows the request alone where its answer was one that had been given before', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const bodies = cleanUp.add(await openBodies(folder));
    const responses = createResponseTier({ isOn: true, secret: Buffer.alloc(32) });
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { engine: { bodies }, responses }));
    const headers = ['x-cachewright-response-cache', '60', 'x-api-key', 'k'];
    const ids: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const answer = await sendJson(gateway.url, longRequest({ temperature: 0 }), { headers });
      ids.push(String(answer.headers['x-cachewright-id']));
    }
    expect(upstream.seen).toHaveLength(1);
    const [sent, unsent] = await Promise.all(ids.map((id) => bodies.find(id)));
    expect(sent?.answer?.text).toBe(messageJson());
    expect(unsent).toMatchObject({ answer: null, request: { text: sent?.request.text } });
  });

  it('says in a sentence that nothing is kept', async () => {
    const gateway = await start();
    const unknown = await getJson(gateway.admin.url, '/api/v1/requests/req_unknown/body');
    expect(unknown).toEqual({
      status: 404,
      value: { error: 'no bodies of req_unknown are kept: they were removed by now, or never stored' },
    });
    const without = cleanUp.add(await startTestGateway('http://127.0.0.1:9'));
    const off = await getJson(without.admin.url, '/api/v1/requests/req_unknown/body');
    expect(off.value).toEqual({
      error: 'bodies of requests are not kept: start serve with --keep-bodies',
    });
    expect(off.status).toBe(404);
  });
});

describe('POST /api/v1/bodies/purge', () => {
  const headers = ['content-type', 'application/json', 'x-cachewright-admin', '1'];
  const path = '/api/v1/bodies/purge';

  it('removes those of a request, of a tag, of a scope, or all', async () => {
    const gateway = await start();
    await sendJson(gateway.url, longRequest(), { headers: ['x-cachewright-tags', 'a, b'] });
    await sendJson(gateway.url, longRequest());
    const [tagged, other] = [await gateway.ledger.next(), await gateway.ledger.next()];
    const purge = async (choice: unknown): Promise<unknown> => {
      const { body } = await send(gateway.admin.url, { path, headers, body: JSON.stringify(choice) });
      return JSON.parse(body.toString());
    };
    expect(await purge({ tag: 'b' })).toEqual({ purged: { tag: 'b' }, requests: 1 });
    expect((await getJson(gateway.admin.url, `/api/v1/requests/${tagged.id}/body`)).status).toBe(404);
    expect(await purge({ scope: other.scope })).toEqual({ purged: { scope: other.scope }, requests: 1 });
    expect(await purge({ all: true })).toEqual({ purged: { all: true }, requests: 0 });
    for (const nonsense of [{}, { all: false }, { model: 'x' }, { id: '' }, { id: 'a', tag: 'b' }, []])
      expect(await purge(nonsense)).toMatchObject({ error: expect.stringContaining('one member') });
  });
});

it('a place that cannot be written hurts no request, and /readyz shows it', async () => {
  rmSync(folder, { recursive: true });
  const told: string[] = [];
  const bodies = cleanUp.add(
    await openBodies('/dev/null/nowhere', { tell: (sentence) => told.push(sentence) }),
  );
  const gateway = await start(answerMessage, bodies);
  for (let count = 0; count < 3; count += 1)
    expect((await sendJson(gateway.url, longRequest())).body.toString()).toBe(messageJson());
  await bodies.flush();
  const { value } = await getJson(gateway.admin.url, '/readyz');
  expect(value.bodies).toMatchObject({
    isKeeping: true,
    waiting: 0,
    dropped: 3,
    problem: expect.any(String),
  });
  expect(told).toHaveLength(1);
  const { id } = await gateway.ledger.next();
  const asked = await getJson(gateway.admin.url, `/api/v1/requests/${id}/body`);
  expect(asked.status).toBe(503);
});

it('in a program, bodies are kept by the option of the same name, and by nothing else', async () => {
  const sender = createSender();
  const post = (options: Parameters<typeof cachewrightFetch>[0]): Promise<Response> =>
    cachewrightFetch({ fetch: sender.fetch, ...options })('https://api.example/v1/messages', {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify(longRequest()),
    });
  await (await post({})).text();
  expect(existsSync(join(folder, BODIES_FILE))).toBe(false);
  const bodies = cleanUp.add(await openBodies(folder));
  const response = await post({ bodies });
  await response.text();
  const kept = await bodies.find(response.headers.get('x-cachewright-id') ?? '');
  expect(JSON.parse(kept?.request.text ?? '')).toEqual(longRequest());
  expect(kept?.answer?.text).toBe(messageJson());
});
