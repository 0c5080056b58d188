import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { sendJson } from '../support/http-client.ts';
import { longRequest, messageJson } from '../support/messages.ts';
import { answerMessage, startRecordingUpstream, type RecordingUpstream } from '../support/upstream.ts';

const cleanUp = new CleanUp();
let upstream: RecordingUpstream;
let gateway: TestGateway;
beforeEach(async () => {
  upstream = cleanUp.add(
    await startRecordingUpstream((response, { path }) => {
      if (path.startsWith('/v1/messages')) answerMessage(response);
      else response.end(`you asked for ${path}`);
    }),
  );
  gateway = cleanUp.add(await startTestGateway(upstream.url));
});
afterEach(() => cleanUp.run());

const BODY = JSON.stringify(longRequest());
const POST = `POST /v1/messages HTTP/1.1\r\nHost: x\r\n`;
const CLOSE = 'Connection: close\r\n';
const WHOLE = `${POST}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

function dial(): Socket {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  return socket.on('error', () => undefined);
}

/** Sends bytes and gives all that is answered until the connection closes. */
async function converse(bytes: string, isLast = false): Promise<string> {
  const socket = dial();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const sent = Buffer.from(bytes, 'latin1');
  // Some of these requests would wait for more bytes for ever.
  if (isLast) socket.end(sent);
  else socket.write(sent);
  await closed;
  return Buffer.concat(chunks).toString('latin1');
}

const statuses = (text: string): readonly string[] => text.match(/HTTP\/1\.1 \d+/g) ?? [];

describe('a request that is no HTTP', () => {
  it.each([
    ['nothing', ''],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['words', 'hello\r\n\r\n'],
    ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length that is none', `${POST}Content-Length: -2\r\n\r\n{}`],
    ['a length and chunks', `${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks that are none', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['an encoding of the transfer that nobody knows', `${POST}Transfer-Encoding: own\r\n\r\n{}`],
    ['a header without a name', `${POST}: 1\r\n\r\n`],
    ['a header with a folded line', `${POST}x-a: 1\r\n 2\r\nContent-Length: 0\r\n\r\n`],
    ['a header of 1 MB', `${POST}x-a: ${'a'.repeat(1_000_000)}\r\nContent-Length: 0\r\n\r\n`],
    ['ten thousand headers', `${POST}${'x-a: 1\r\n'.repeat(10_000)}Content-Length: 0\r\n\r\n`],
    ['no Host', `POST /v1/messages HTTP/1.1\r\nContent-Length: 0\r\n\r\n`],
    ['a tunnel', 'CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n'],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a body that ends too early', `${POST}Content-Length: 100\r\n\r\n{}`],
  ])('%s: never reaches the upstream, and the next client is served', async (_what, bytes) => {
    const text = await converse(bytes, true);
    expect(text === '' || /^HTTP\/1\.1 4\d\d /.test(text)).toBe(true);
    expect(upstream.seen).toEqual([]);
    expect((await sendJson(gateway.url, longRequest())).status).toBe(200);
  });
});

describe('a request that is unusual', () => {
  it('in pieces of one byte is read as any other', async () => {
    const socket = dial().setNoDelay(true);
    const small = `${POST}Content-Length: 2\r\nConnection: close\r\n\r\n{}`;
    for (const byte of small) await new Promise((resolve) => socket.write(byte, resolve));
    const [first] = await once(socket, 'data');
    expect(String(first)).toMatch(/^HTTP\/1\.1 200/);
    expect(upstream.seen[0]?.body.toString('utf8')).toBe('{}');
    socket.destroy();
  });

  it('three at once on one connection are answered in their order', async () => {
    const get = (name: string, more = ''): string =>
      `GET /v1/models/${name} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const text = await converse(get('a') + WHOLE + get('c', CLOSE));
    expect(statuses(text)).toHaveLength(3);
    const places = ['you asked for /v1/models/a', messageJson(), 'you asked for /v1/models/c'].map((part) =>
      text.indexOf(part),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
  });

  it('whose client says that it will send no more counts as left, as with every server of Node', async () => {
    expect(await converse(WHOLE, true)).toBe('');
  });

  it('with Connection: close has its connection closed after the answer', async () => {
    const socket = dial();
    socket.write(`GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString('latin1')).toMatch(/connection: close/i);
  });

  it('with trailers and extensions of its chunks is marked all the same', async () => {
    const chunk = `${BODY.length.toString(16)};own=1\r\n${BODY}\r\n0\r\nx-late: 1\r\n\r\n`;
    const text = await converse(
      `${POST}${CLOSE}Transfer-Encoding: chunked\r\nTrailer: x-late\r\n\r\n${chunk}`,
    );
    expect(statuses(text)).toEqual(['HTTP/1.1 200']);
    expect(upstream.seen[0]?.body.toString('utf8')).toContain('"cache_control"');
    expect(upstream.seen[0]?.headers['trailer']).toBeUndefined();
  });

  it('that wants another protocol is answered in this one', async () => {
    const upgrade = 'Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
    const text = await converse(`GET /v1/realtime HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 200[^]*you asked for \/v1\/realtime/);
    expect(upstream.seen[0]?.headers.upgrade).toBeUndefined();
  });

  it('that expects what nobody knows is refused', async () => {
    const text = await converse(`${POST}${CLOSE}Expect: more\r\nContent-Length: 2\r\n\r\n{}`);
    expect(statuses(text)).toEqual(['HTTP/1.1 417']);
    expect(upstream.seen).toEqual([]);
  });

  it.each(['http://x', 'http://api.anthropic.com:80', 'HTTPS://api.anthropic.com'])(
    'as proxies are asked (%s) goes to the upstream like any other',
    async (origin) => {
      const target = `${origin}/v1/messages?beta=true`;
      await converse(
        `POST ${target} HTTP/1.1\r\nHost: x\r\n${CLOSE}Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
      );
      await converse(`GET ${origin} HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`);
      expect(upstream.seen.map(({ path }) => path)).toEqual(['/v1/messages?beta=true', '/']);
      expect(upstream.seen[0]?.body.toString('utf8')).toContain('"cache_control"');
      expect(upstream.seen[0]?.headers.host).toBe(new URL(upstream.url).host);
    },
  );

  it('with headers of 12 KB goes on with all of them', async () => {
    const long = 'b'.repeat(12_000);
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['anthropic-beta', long] });
    expect(answer.status).toBe(200);
    expect(upstream.seen[0]?.headers['anthropic-beta']).toBe(long);
  });

  it('with headers past 16 KB is refused with 431', async () => {
    const text = await converse(`${POST}x-a: ${'a'.repeat(17_000)}\r\nContent-Length: 0\r\n\r\n`);
    expect(statuses(text)).toEqual(['HTTP/1.1 431']);
  });

  it('with a value above ASCII goes on with its bytes', async () => {
    const text = await converse(
      `GET /v1/models HTTP/1.1\r\nHost: x\r\n${CLOSE}x-name: Zo\xc3\xab \xff\r\n\r\n`,
    );
    expect(statuses(text)).toEqual(['HTTP/1.1 200']);
    expect(upstream.seen[0]?.headers['x-name']).toBe('Zo\xc3\xab \xff');
  });

  it.each(['TRACE', 'PROPFIND', 'QUERY', 'M-SEARCH'])('by method %s goes on', async (method) => {
    const text = await converse(`${method} /v1/models HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`);
    expect(statuses(text)).toEqual(['HTTP/1.1 200']);
    expect(upstream.seen[0]?.method).toBe(method);
  });
});
