import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway } from '../../test/support/gateway.ts';
import { answerTo, bodyOf, open, send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageJson, words } from '../../test/support/messages.ts';
import { startRecordingUpstream, startUpstream } from '../../test/support/upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

describe('what is forwarded as it came', () => {
  const body = JSON.stringify(longRequest());
  const cases = [
    ['GET', '/v1/models?limit=3&after_id=a%2Fb', ''],
    ['DELETE', '/v1/messages/batches/msgbatch_1', ''],
    ['DELETE', '/v1/files/1', '{"why":"\\u0041"}'],
    ['PUT', '/v1/messages', body],
    ['PATCH', '/v1/messages?beta=true', body],
    ['POST', '/v1/messages/', body],
    ['POST', '/v1/messages/count_tokens?beta=true', body],
    ['POST', '/v1/messages/batches', body],
    ['POST', '/v1/Messages', body],
    ['POST', '/v1/complete', ''],
    ['GET', '/v1/search', '{"q":1}'],
    ['OPTIONS', '/v1/messages', ''],
    ['POST', '/', body],
  ] as const;

  it.each(cases)('%s %s', async (method, path, text) => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const answer = await send(gateway.url, { method, path, ...(text === '' ? {} : { body: text }) });
    expect(answer.status).toBe(200);
    expect(upstream.seen.map((seen) => [seen.method, seen.path, seen.body.toString('utf8')])).toEqual([
      [method, path, text],
    ]);
    expect(answer.headers['x-cachewright-id']).toBeUndefined();
  });

  it('HEAD, whose answer has a length and no body', async () => {
    const upstream = cleanUp.add(
      await startUpstream((_request, response) =>
        response.writeHead(200, { 'content-length': 12, 'x-here': 'yes' }).end(),
      ),
    );
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const answer = await send(gateway.url, { method: 'HEAD', path: '/api/hello' });
    expect([
      answer.status,
      answer.headers['content-length'],
      answer.headers['x-here'],
      answer.body.length,
    ]).toEqual([200, '12', 'yes', 0]);
  });
});

describe('where it goes', () => {
  it.each([
    ['', '/v1/messages?beta=true'],
    ['/', '/v1/messages?beta=true'],
    ['/proxy/anthropic', '/proxy/anthropic/v1/messages?beta=true'],
    ['/proxy/anthropic/', '/proxy/anthropic/v1/messages?beta=true'],
  ])('a base URL that ends in %j', async (prefix, expected) => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(`${upstream.url}${prefix}`));
    await sendJson(gateway.url, longRequest(), { path: '/v1/messages?beta=true' });
    expect(upstream.seen.map((seen) => seen.path)).toEqual([expected]);
  });

  it('names the upstream in Host and passes the other headers on, in their order and spelling', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const own = ['X-Api-Key', 'k', 'anthropic-version', '2023-06-01', 'X-B', '2', 'X-A', '1', 'x-b', '3'];
    await sendJson(gateway.url, longRequest(), {
      headers: [
        ...own,
        'X-Cachewright-Mode',
        'off',
        'x-cachewright-tags',
        'a,b',
        'Accept-Encoding',
        'gzip, deflate',
      ],
    });
    const [seen] = upstream.seen;
    const raw = seen?.rawHeaders ?? [];
    const first = raw.indexOf('X-Api-Key');
    expect(raw.slice(first, first + own.length)).toEqual(own);
    expect(raw.some((text) => /x-cachewright/i.test(text))).toBe(false);
    expect(seen?.headers.host).toBe(new URL(upstream.url).host);
    expect(seen?.headers['accept-encoding']).toBe('gzip');
    expect(seen?.headers['content-type']).toBe('application/json');
  });
});

describe('a target that only a plain socket can ask for', () => {
  /** Everything that the gateway answers to these bytes. */
  async function ask(url: string, head: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(Buffer.from(`${head}\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  it.each(['/a"b<c>|{}`^\\', '//double//slash/../dots/./x', '/v1/messages%00'])(
    '%j goes on byte for byte',
    async (path) => {
      const upstream = cleanUp.add(await startRecordingUpstream());
      const gateway = cleanUp.add(await startTestGateway(`${upstream.url}/base`));
      expect(await ask(gateway.url, `GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 200/);
      expect(upstream.seen.map((seen) => seen.path)).toEqual([`/base${path}`]);
    },
  );

  it('that cannot be sent on is answered, and the gateway goes on', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    expect(await ask(gateway.url, 'OPTIONS * HTTP/1.1')).toMatch(/^HTTP\/1\.1 502/);
    expect((await sendJson(gateway.url, longRequest())).status).toBe(200);
  });
});

describe('behind a proxy', () => {
  /** A proxy for plain HTTP that keeps what was asked of it. */
  async function startProxy(): Promise<{ readonly url: string; readonly asked: string[] }> {
    const asked: string[] = [];
    const proxy = cleanUp.add(
      await startUpstream((request, response) => {
        asked.push(request.url ?? '');
        const options = { method: request.method, headers: request.rawHeaders };
        const onward = httpRequest(request.url ?? '', options, (answer) => {
          response.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
          answer.pipe(response);
        });
        request.pipe(onward);
      }),
    );
    return { url: proxy.url, asked };
  }

  it.each([
    ['goes through it', '', 1],
    ['goes straight to what is excepted from it', '127.0.0.1', 0],
  ])('a request %s, with every line of its headers', async (_what, noProxy, count) => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const proxy = await startProxy();
    const settings = { httpProxy: proxy.url, httpsProxy: proxy.url, noProxy };
    const gateway = cleanUp.add(await startTestGateway(`${upstream.url}/base`, { proxy: settings }));
    const answer = await sendJson(gateway.url, longRequest(), {
      headers: ['anthropic-beta', 'a-1', 'x-api-key', 'k', 'anthropic-beta', 'b-2'],
    });
    expect([answer.status, answer.body.toString('utf8')]).toEqual([200, messageJson()]);
    expect(proxy.asked).toEqual(Array.from({ length: count }, () => `${upstream.url}/base/v1/messages`));
    expect(upstream.seen[0]?.path).toBe('/base/v1/messages');
    expect(upstream.seen[0]?.headers).toMatchObject({ 'anthropic-beta': 'a-1, b-2', 'x-api-key': 'k' });
    expect(upstream.seen[0]?.body.toString('utf8')).toContain('"cache_control"');
  });

  it('that is not there is named in no answer', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const settings = { httpProxy: 'http://user:hunter2@127.0.0.1:9', noProxy: '' };
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { proxy: settings }));
    const answer = await sendJson(gateway.url, longRequest());
    expect(answer.status).toBe(502);
    expect(answer.body.toString('utf8')).not.toContain('hunter2');
  });
});

describe('a request for a message', () => {
  it('goes on with markers, its length corrected, and its answer named', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const answer = await sendJson(gateway.url, longRequest());
    const record = await gateway.ledger.next();
    expect(answer.headers['x-cachewright-id']).toBe(record.id);
    const [seen] = upstream.seen;
    expect(seen?.headers['content-length']).toBe(String(seen?.body.length));
    expect(seen?.body.toString('utf8').match(/"cache_control"/g)).toHaveLength(2);
  });

  it('that comes in chunks leaves with a length', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const outgoing = open(gateway.url, { headers: ['Transfer-Encoding', 'chunked'] });
    const answered = answerTo(outgoing);
    for (const part of JSON.stringify(longRequest()).match(/[^]{1,4096}/g) ?? []) outgoing.write(part);
    outgoing.end();
    await bodyOf(await answered);
    expect(upstream.seen[0]?.headers['transfer-encoding']).toBeUndefined();
    expect(upstream.seen[0]?.body.toString('utf8')).toContain('"cache_control"');
  });

  it('with an empty body goes on empty', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    await send(gateway.url, { body: '' });
    expect(upstream.seen.map((seen) => seen.body.length)).toEqual([0]);
    expect((await gateway.ledger.next()).skipReason).toBe('not_json');
  });

  it('in gzip goes on as it came and is still billed', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const body = gzipSync(JSON.stringify(longRequest()));
    await send(gateway.url, {
      body,
      headers: ['Content-Encoding', 'gzip', 'Content-Type', 'application/json'],
    });
    expect(upstream.seen[0]?.body.equals(body)).toBe(true);
    expect(upstream.seen[0]?.headers['content-encoding']).toBe('gzip');
    expect(await gateway.ledger.next()).toMatchObject({
      skipReason: 'encoded_body',
      usage: { uncachedTokens: 10 },
    });
  });

  it.each([
    ['with a declared length', true],
    ['in chunks', false],
  ])('past the limit, %s, goes on untouched', async (_how, isDeclared) => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { bodyBytesMax: 10_000 }));
    const body = JSON.stringify(longRequest({ system: words(40_000) }));
    const outgoing = open(gateway.url, {
      headers: isDeclared ? ['Content-Length', String(body.length)] : ['Transfer-Encoding', 'chunked'],
    });
    const answered = answerTo(outgoing);
    outgoing.end(body);
    const answer = await answered;
    expect((await bodyOf(answer)).toString('utf8')).toBe(messageJson());
    expect(upstream.seen[0]?.body.toString('utf8')).toBe(body);
    expect(upstream.seen[0]?.headers['content-length']).toBe(isDeclared ? String(body.length) : undefined);
    const record = await gateway.ledger.next();
    expect(record).toMatchObject({ skipReason: 'body_too_large', usage: { uncachedTokens: 10 }, plan: null });
    expect(answer.headers['x-cachewright-id']).toBe(record.id);
  });

  it('of exactly the limit is read', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const body = JSON.stringify(longRequest());
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { bodyBytesMax: body.length }));
    await send(gateway.url, { body });
    expect(upstream.seen[0]?.body.toString('utf8')).toContain('"cache_control"');
  });

  it('that breaks off while it is sent never reaches the upstream', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const outgoing = open(gateway.url, { headers: ['Content-Length', '1000'] });
    const broken = once(outgoing, 'error');
    outgoing.write('{"model":', () => outgoing.destroy(new Error('changed my mind')));
    await broken;
    // The next request comes after it on the same listener, so the first would have been seen by now.
    await sendJson(gateway.url, longRequest());
    expect(upstream.seen).toHaveLength(1);
  });
});

describe('bodies on other paths', () => {
  it('stream up: the upstream has the first part before the client has sent the second', async () => {
    let arrived: (request: IncomingMessage) => void = () => undefined;
    const arrival = new Promise<IncomingMessage>((resolve) => (arrived = resolve));
    const upstream = cleanUp.add(
      await startUpstream((request, response) => {
        arrived(request);
        request.once('end', () => response.end('stored'));
      }),
    );
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const outgoing = open(gateway.url, { path: '/v1/files', headers: ['Transfer-Encoding', 'chunked'] });
    const answered = answerTo(outgoing);
    outgoing.write('first');
    const incoming = await arrival;
    expect(String((await once(incoming, 'data'))[0])).toBe('first');
    outgoing.end('second');
    expect(String((await once(incoming, 'data'))[0])).toBe('second');
    expect((await bodyOf(await answered)).toString('utf8')).toBe('stored');
  });

  it('that break off break off upstream too', async () => {
    let arrived: (request: IncomingMessage) => void = () => undefined;
    const arrival = new Promise<IncomingMessage>((resolve) => (arrived = resolve));
    const upstream = cleanUp.add(
      await startUpstream((request) => arrived(request.on('error', () => undefined).resume())),
    );
    const gateway = cleanUp.add(await startTestGateway(upstream.url));
    const outgoing = open(gateway.url, { path: '/v1/files', headers: ['Content-Length', '1000'] }).on(
      'error',
      () => undefined,
    );
    outgoing.write('first');
    const incoming = await arrival;
    const closed = new Promise((resolve) => incoming.once('close', resolve));
    outgoing.destroy();
    await closed;
    expect(incoming.complete).toBe(false);
  });

  it.each(['/v1/files', '/v1/messages'])(
    'POST %s: an early answer arrives although the body never ends',
    async (path) => {
      const upstream = cleanUp.add(
        await startUpstream((_request, response) => response.writeHead(413).end('too large')),
      );
      const gateway = cleanUp.add(await startTestGateway(upstream.url, { bodyBytesMax: 100 }));
      const outgoing = open(gateway.url, { path, headers: ['Content-Length', '1000000'] }).on(
        'error',
        () => undefined,
      );
      const answered = answerTo(outgoing);
      outgoing.write('x'.repeat(500));
      const answer = await answered;
      expect([answer.statusCode, (await bodyOf(answer)).toString('utf8')]).toEqual([413, 'too large']);
      outgoing.destroy();
    },
  );
});

it('answers a client that waits for 100-continue', async () => {
  const upstream = cleanUp.add(await startRecordingUpstream());
  const gateway = cleanUp.add(await startTestGateway(upstream.url));
  const { port } = new URL(gateway.url);
  const body = JSON.stringify(longRequest());
  const outgoing = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/messages',
    headers: { expect: '100-continue', 'content-length': body.length },
  });
  const answered = answerTo(outgoing);
  outgoing.once('continue', () => outgoing.end(body));
  outgoing.flushHeaders();
  expect((await bodyOf(await answered)).toString('utf8')).toBe(messageJson());
  expect(upstream.seen[0]?.headers.expect).toBeUndefined();
});

describe('the request log', () => {
  it('is told of every request once, query left out', async () => {
    const lines: string[] = [];
    let told: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (told = resolve));
    const upstream = cleanUp.add(
      await startRecordingUpstream((response, seen) => {
        response
          .writeHead(seen.method === 'GET' ? 404 : 200, { 'content-type': 'application/json' })
          .end(messageJson());
      }),
    );
    const gateway = cleanUp.add(
      await startTestGateway(upstream.url, {
        log: ({ method, path, status, id }) => {
          lines.push(`${method} ${path} ${status} ${id === null ? 'no id' : 'id'}`);
          if (lines.length === 2) told();
        },
      }),
    );
    await send(gateway.url, { method: 'GET', path: '/v1/models?key=secret' });
    await sendJson(gateway.url, longRequest());
    await all;
    expect(lines).toEqual(['GET /v1/models 404 no id', 'POST /v1/messages 200 id']);
  });

  it('says 0 of a request whose client left before an answer', async () => {
    let told: (status: number) => void = () => undefined;
    const status = new Promise<number>((resolve) => (told = resolve));
    let leave: () => void = () => undefined;
    const upstream = cleanUp.add(await startRecordingUpstream(() => leave()));
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { log: (entry) => told(entry.status) }));
    const outgoing = open(gateway.url, { headers: ['Content-Length', '2'] }).on('error', () => undefined);
    leave = () => outgoing.destroy();
    outgoing.end('{}');
    expect(await status).toBe(0);
  });
});
