import { once } from 'node:events';
import {
  brotliCompressSync,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { answerTo, bodyOf, open, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageEvents, messageJson } from '../../test/support/messages.ts';
import { startRecordingUpstream, type Answerer } from '../../test/support/upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const USAGE = { input: 5, read: 900, write5m: 40, write1h: 60, output: 11 };
const COUNTERS = {
  uncachedTokens: 5,
  readTokens: 900,
  write5mTokens: 40,
  write1hTokens: 60,
  outputTokens: 11,
};
const PACKERS = [
  ['gzip', gzipSync, createGzip],
  ['br', brotliCompressSync, createBrotliCompress],
  ['zstd', zstdCompressSync, createZstdCompress],
] as const;

async function gatewayTo(answer: Answerer): Promise<TestGateway> {
  const upstream = cleanUp.add(await startRecordingUpstream(answer));
  return cleanUp.add(await startTestGateway(upstream.url));
}

function headersOf(type: string, encoding: string): Record<string, string> {
  return { 'content-type': type, 'content-encoding': encoding };
}

describe.each(PACKERS)('an answer in %s', (encoding, pack, createPacker) => {
  it('as JSON passes as it is, and its usage is read', async () => {
    const packed = pack(messageJson(USAGE));
    const gateway = await gatewayTo((response) =>
      response.writeHead(200, headersOf('application/json', encoding)).end(packed),
    );
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['Accept-Encoding', encoding] });
    expect(answer.headers['content-encoding']).toBe(encoding);
    expect(answer.body.equals(packed)).toBe(true);
    expect(await gateway.ledger.next()).toMatchObject({
      usage: COUNTERS,
      isPartial: false,
      messageId: 'msg_test',
    });
  });

  it('as events in small pieces passes as it is, and its usage is read', async () => {
    const packed = pack(messageEvents(USAGE).join(''));
    const gateway = await gatewayTo((response) => {
      response.writeHead(200, headersOf('text/event-stream', encoding));
      for (let at = 0; at < packed.length; at += 7) response.write(packed.subarray(at, at + 7));
      response.end();
    });
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['Accept-Encoding', encoding] });
    expect(answer.body.equals(packed)).toBe(true);
    expect(await gateway.ledger.next()).toMatchObject({ usage: COUNTERS, isPartial: false });
  });

  it('that breaks off is recorded once, with the last usage that came', async () => {
    const [start = '', block = ''] = messageEvents(USAGE);
    const gateway = await gatewayTo((response) => {
      response.writeHead(200, headersOf('text/event-stream', encoding));
      const packer = createPacker();
      packer.on('data', (bytes: Buffer) => response.write(bytes));
      // As a service does that packs its events one by one.
      packer.write(start);
      packer.flush(() => {
        packer.write(block);
        packer.flush(() => response.write('', () => response.destroy()));
      });
    });
    const outgoing = open(gateway.url, {
      headers: ['Accept-Encoding', encoding, 'Transfer-Encoding', 'chunked'],
    }).on('error', () => undefined);
    outgoing.end(JSON.stringify(longRequest()));
    const answer = await answerTo(outgoing);
    await once(answer, 'data');
    await expect(bodyOf(answer)).rejects.toThrow('aborted');
    expect(await gateway.ledger.next()).toMatchObject({
      status: 200,
      isPartial: true,
      usage: { ...COUNTERS, outputTokens: 1 },
    });
    expect(gateway.ledger.list(10)).toHaveLength(1);
  });

  it('that is damaged passes as it is, and is recorded without usage', async () => {
    const damaged = Buffer.concat([Buffer.from('not packed at all'), pack(messageJson(USAGE))]);
    const gateway = await gatewayTo((response) =>
      response.writeHead(200, headersOf('application/json', encoding)).end(damaged),
    );
    const answer = await sendJson(gateway.url, longRequest(), { headers: ['Accept-Encoding', encoding] });
    expect(answer.body.equals(damaged)).toBe(true);
    expect(await gateway.ledger.next()).toMatchObject({ status: 200, usage: null });
  });
});

it.each([
  ['deflate, which nobody asked for', 'deflate', deflateSync, true],
  ['an encoding unknown to us', 'snappy', (text: string) => Buffer.from(text), false],
  [
    'two encodings on top of each other',
    'gzip, br',
    (text: string) => brotliCompressSync(gzipSync(text)),
    false,
  ],
])('%s passes as it is', async (_what, encoding, pack, isRead) => {
  const packed = pack(messageJson(USAGE));
  const gateway = await gatewayTo((response) =>
    response.writeHead(200, headersOf('application/json', encoding)).end(packed),
  );
  const answer = await sendJson(gateway.url, longRequest());
  expect(answer.body.equals(packed)).toBe(true);
  expect((await gateway.ledger.next()).usage !== null).toBe(isRead);
});

it('an answer that unpacks to far more than any message passes and is given up on', async () => {
  const packed = gzipSync(Buffer.alloc(80 * 1024 * 1024, ' '));
  const gateway = await gatewayTo((response) =>
    response.writeHead(200, headersOf('text/event-stream', 'gzip')).end(packed),
  );
  const answer = await sendJson(gateway.url, longRequest(), { headers: ['Accept-Encoding', 'gzip'] });
  expect(answer.body.equals(packed)).toBe(true);
  expect(await gateway.ledger.next()).toMatchObject({ status: 200, usage: null });
});
