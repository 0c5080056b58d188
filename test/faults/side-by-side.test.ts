import type { ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { messageEvents, messageJson } from '../support/messages.ts';
import { startRecordingUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { watchRequest } from './outcome.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const EVENTS = messageEvents().join('');
const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nrequest-id: req_1\r\n';

/** An answer written byte for byte, then the end of its connection: orderly, or reset. */
interface RawAnswer {
  readonly bytes: Buffer | string;
  readonly isReset?: boolean;
}

function writeRaw(response: ServerResponse, { bytes, isReset = false }: RawAnswer): void {
  const { socket } = response;
  if (!socket) return;
  // The bytes leave before the reset: else both clients would see nothing.
  if (isReset) socket.write(bytes, () => socket.resetAndDestroy());
  else socket.end(bytes);
}

async function serving(answer: RawAnswer): Promise<{ gateway: TestGateway; upstream: RecordingUpstream }> {
  const upstream = cleanUp.add(await startRecordingUpstream((response) => writeRaw(response, answer)));
  return { upstream, gateway: cleanUp.add(await startTestGateway(upstream.url)) };
}

function errorAnswer(status: number, reason: string, type: string, more = ''): RawAnswer {
  const body = `{"type": "error",\n "error": {"type": "${type}", "message": "n\\u00f6"}, "request_id":"req_1"}\n`;
  const head = `HTTP/1.1 ${status} ${reason}\r\nDate: Thu, 05 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n`;
  return { bytes: `${head}request-id: req_1\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}` };
}

function packed(encoding: string, type: string, bytes: Buffer, isCut = false): RawAnswer {
  const sent = isCut ? bytes.subarray(0, bytes.length - 12) : bytes;
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${bytes.length}\r\n\r\n`;
  return { bytes: Buffer.concat([Buffer.from(head), sent]) };
}

function chunked(...parts: readonly string[]): string {
  return parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join('');
}

const LIMITS =
  'retry-after: 7\r\nanthropic-ratelimit-requests-remaining: 0\r\nx-should-retry: true\r\nx-a: 1\r\nx-a: 2\r\n';

/** What an upstream may answer, good and bad. */
const ANSWERS: readonly (readonly [what: string, answer: RawAnswer])[] = [
  ['400', errorAnswer(400, 'Bad Request', 'invalid_request_error')],
  ['401', errorAnswer(401, 'Unauthorized', 'authentication_error', 'www-authenticate: Bearer\r\n')],
  ['403', errorAnswer(403, 'Forbidden', 'permission_error')],
  ['413', errorAnswer(413, 'Payload Too Large', 'request_too_large', 'connection: close\r\n')],
  ['429 with its headers', errorAnswer(429, 'Too Many Requests', 'rate_limit_error', LIMITS)],
  ['500', errorAnswer(500, 'Internal Server Error', 'api_error')],
  ['529 with a reason of its own', errorAnswer(529, 'Site is  overloaded', 'overloaded_error', LIMITS)],
  ['a reason phrase that is empty', { bytes: 'HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n{}' }],
  ['a reason phrase in UTF-8', { bytes: 'HTTP/1.1 200 Всё\r\ncontent-length: 2\r\n\r\n{}' }],
  ['a page in place of JSON', { bytes: 'HTTP/1.1 503 Busy\r\ncontent-type: text/html\r\n\r\n<h1>busy</h1>' }],
  [
    'headers above ASCII',
    { bytes: Buffer.from('HTTP/1.1 200 OK\r\nx-a: \xe9\xff\r\ncontent-length: 2\r\n\r\n{}', 'latin1') },
  ],
  ['no headers at all', { bytes: 'HTTP/1.1 200 OK\r\n\r\n{}' }],
  ['nothing but a status', { bytes: 'HTTP/1.1 204 No Content\r\n\r\n' }],
  [
    'many cookies',
    { bytes: 'HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\ncontent-length: 0\r\n\r\n' },
  ],
  [
    'JSON with its length',
    {
      bytes: `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${messageJson().length}\r\n\r\n${messageJson()}`,
    },
  ],
  [
    'JSON that is cut',
    {
      bytes: `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${messageJson().length}\r\n\r\n${messageJson().slice(0, 99)}`,
    },
  ],
  [
    'a whole stream',
    { bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(...messageEvents())}0\r\n\r\n` },
  ],
  [
    'a whole stream with trailers',
    { bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(EVENTS)}0\r\nx-late: 1\r\n\r\n` },
  ],
  [
    'a stream that ends in mid-event, orderly',
    { bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(EVENTS.slice(0, 500))}0\r\n\r\n` },
  ],
  [
    'a stream that ends with its connection',
    { bytes: `${STREAM_HEAD}connection: close\r\n\r\n${EVENTS.slice(0, 500)}` },
  ],
  [
    'a stream that breaks off between chunks',
    { bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(EVENTS.slice(0, 500))}` },
  ],
  [
    'a stream that breaks off in a chunk',
    { bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(EVENTS).slice(0, 500)}` },
  ],
  [
    'a stream that is reset',
    {
      bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n${chunked(EVENTS.slice(0, 500))}`,
      isReset: true,
    },
  ],
  [
    'a stream that breaks off before its first byte',
    { bytes: `${STREAM_HEAD}transfer-encoding: chunked\r\n\r\n` },
  ],
  [
    'an error event in a stream',
    {
      bytes: `${STREAM_HEAD}\r\n${messageEvents()[0]}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"later"}}\n\n`,
    },
  ],
  [
    'garbage as a stream',
    {
      bytes: Buffer.concat([
        Buffer.from(`${STREAM_HEAD}\r\n`),
        Buffer.from([0, 255, 10, 10, 13, 10, 192, 128, 100]),
      ]),
    },
  ],
  ['a stream without line ends', { bytes: `${STREAM_HEAD}\r\n${'data: x'.repeat(30_000)}` }],
  ['JSON in gzip', packed('gzip', 'application/json', gzipSync(messageJson()))],
  ['a stream in gzip', packed('gzip', 'text/event-stream', gzipSync(EVENTS))],
  ['a stream in br', packed('br', 'text/event-stream', brotliCompressSync(EVENTS))],
  ['a stream in zstd', packed('zstd', 'text/event-stream', zstdCompressSync(EVENTS))],
  ['gzip that is cut', packed('gzip', 'text/event-stream', gzipSync(EVENTS), true)],
  ['gzip that is none', packed('gzip', 'application/json', Buffer.from(messageJson()))],
  ['an encoding that we do not know', packed('x-own', 'application/json', Buffer.from('?'.repeat(99)))],
];

describe('a client sees through the gateway what it sees without it', () => {
  it.each(ANSWERS)('%s', async (_what, answer) => {
    const { gateway, upstream } = await serving(answer);
    const sent = { headers: ['accept-encoding', 'gzip, br, zstd'] };
    const direct = await watchRequest(upstream.url, sent);
    const through = await watchRequest(gateway.url, sent);
    expect(direct.status).toBeGreaterThan(0);
    expect(through).toEqual(direct);
    // Once for each, whatever the answer: nothing is sent again.
    expect(upstream.seen).toHaveLength(2);
    await gateway.ledger.next();
  });

  it.each(ANSWERS)('on a path that is only passed on: %s', async (_what, answer) => {
    const { gateway, upstream } = await serving(answer);
    const sent = { path: '/v1/messages/count_tokens' };
    const direct = await watchRequest(upstream.url, sent);
    expect(await watchRequest(gateway.url, sent)).toEqual(direct);
    expect(upstream.seen).toHaveLength(2);
  });
});

describe('an upstream that gives no answer: 502 in the form of the API, and nothing is sent again', () => {
  it.each([
    ['closes', { bytes: '' }],
    ['resets', { bytes: '', isReset: true }],
    ['has a control character in a header', { bytes: 'HTTP/1.1 200 OK\r\nx-a: a\x01b\r\n\r\n{}' }],
    ['breaks off in its headers', { bytes: 'HTTP/1.1 200 OK\r\ncontent-ty' }],
    ['speaks another protocol', { bytes: 'SSH-2.0-OpenSSH_9.9\r\n' }],
    [
      'declares two lengths',
      { bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab' },
    ],
    ['has a header that never ends', { bytes: `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(200_000)}` }],
  ])('one that %s', async (_what, answer) => {
    const { gateway, upstream } = await serving(answer);
    expect((await watchRequest(upstream.url)).ending).toBe('none');
    const through = await watchRequest(gateway.url);
    expect([through.status, through.ending]).toEqual([502, 'whole']);
    expect(JSON.parse(through.body.toString('utf8'))).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: expect.stringMatching(/^cachewright: cannot reach http/) },
    });
    expect(upstream.seen).toHaveLength(2);
    expect(await gateway.ledger.next()).toMatchObject({ status: 0, usage: null, isResent: false });
  });
});

it('a reason phrase with a control character goes on without it', async () => {
  const { gateway } = await serving({ bytes: 'HTTP/1.1 200 a\x01b\r\ncontent-length: 2\r\n\r\n{}' });
  expect(await watchRequest(gateway.url)).toMatchObject({ status: 200, statusText: 'ab', ending: 'whole' });
});
