import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { messageEvents, messageJson } from '../../test/support/messages.ts';
import type { UsageReading } from '../wire/index.ts';
import { createResponseTap } from './response-tap.ts';

const USAGE = { input: 5, read: 900, output: 11 };

function read(type: string, encoding: string, chunks: readonly Uint8Array[]): Promise<UsageReading | null> {
  const tap = createResponseTap(type, encoding);
  if (!tap) return Promise.resolve(null);
  for (const chunk of chunks) tap.push(chunk);
  return new Promise((resolve) => tap.finish(resolve));
}

function split(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

const ENCODINGS = [
  ['', (text: string) => Buffer.from(text)],
  ['identity', (text: string) => Buffer.from(text)],
  ['gzip', gzipSync],
  [' GZIP ', gzipSync],
  ['x-gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
] as const;

describe.each(ENCODINGS)('in encoding %j', (encoding, pack) => {
  it.each([1, 13, 100_000])('reads usage through chunks of %i bytes', async (size) => {
    const json = await read('application/json', encoding, split(pack(messageJson(USAGE)), size));
    expect(json).toMatchObject({
      complete: true,
      usage: { uncachedTokens: 5, readTokens: 900, outputTokens: 11 },
    });
    const events = await read(
      'text/event-stream',
      encoding,
      split(pack(messageEvents(USAGE).join('')), size),
    );
    expect(events).toMatchObject({
      complete: true,
      stopReason: 'end_turn',
      usage: { readTokens: 900, outputTokens: 11 },
    });
  });

  it('is done with nothing at all', async () => {
    expect(await read('application/json', encoding, [])).toMatchObject({ usage: null, complete: false });
  });

  it('is done with garbage, during and after it', async () => {
    const tap = createResponseTap('text/event-stream', encoding);
    for (let index = 0; index < 50; index += 1) tap?.push(Buffer.from([index, 255, 10, 10, 0]));
    const reading = await new Promise<UsageReading | undefined>((resolve) => tap?.finish(resolve));
    expect(reading).toMatchObject({ usage: null });
    tap?.push(Buffer.from('late'));
  });
});

it.each([
  ['text/html', ''],
  ['', ''],
  ['application/octet-stream', 'gzip'],
  ['application/json', 'compress'],
  ['application/json', 'gzip, br'],
])('looks at nothing of %j in %j', (type, encoding) => {
  expect(createResponseTap(type, encoding)).toBeNull();
});

it('takes types in any spelling', async () => {
  expect(await read('Application/JSON; charset=utf-8', '', [Buffer.from(messageJson(USAGE))])).toMatchObject({
    complete: true,
  });
  expect(
    await read(
      'Text/Event-Stream',
      '',
      messageEvents(USAGE).map((event) => Buffer.from(event)),
    ),
  ).toMatchObject({ complete: true });
});

it('gives up on what unpacks to more than any answer', async () => {
  const [start = '', ...rest] = messageEvents(USAGE);
  const filler = Buffer.alloc(70 * 1024 * 1024, '\n');
  const bomb = gzipSync(Buffer.concat([Buffer.from(start), filler, Buffer.from(rest.join(''))]));
  // The usage that came before is kept.
  expect(await read('text/event-stream', 'gzip', split(bomb, 65_536))).toMatchObject({
    complete: false,
    usage: { readTokens: 900 },
  });
});

it('calls back once', async () => {
  const tap = createResponseTap('application/json', 'gzip');
  tap?.push(gzipSync(messageJson(USAGE)));
  let calls = 0;
  await new Promise<void>((resolve) =>
    tap?.finish(() => {
      calls += 1;
      resolve();
    }),
  );
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toBe(1);
});
