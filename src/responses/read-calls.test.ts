import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readSettings } from './options.ts';
import { CallReader } from './read-calls.ts';
import type { MessageCall } from './request.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const settings = readSettings({ secret: 'a secret that is long enough', bodyBytesMax: 400 });

const body = fc.constantFrom(
  '{"model":"m","temperature":0,"messages":[]}',
  '{"messages":[],"model":"m","temperature":0}',
  '{"model":"n","temperature":0,"messages":[],"stream":true}',
  '{"model":"m","temperature":1,"messages":[]}',
  `{"model":"m","temperature":0,"messages":[],"long":"${'x'.repeat(500)}"}`,
);

const BASE: MessageCall = {
  body: '{"model":"m","temperature":0,"messages":[]}',
  headers: { 'x-api-key': 'a' },
};

/** One part of a call, which may change alone. */
const change: fc.Arbitrary<Partial<MessageCall>> = fc.oneof(
  fc.record({
    body: fc.oneof(
      body,
      body.map((text) => Buffer.from(text)),
    ),
  }),
  fc.record({ target: fc.constantFrom('/v1/messages', '/v1/messages?beta=true', '/v1/other') }),
  fc.record({ scope: fc.constantFrom('one', 'two') }),
  fc.record({ tags: fc.subarray(['one', 'two']) }),
  fc.record({ contents: fc.subarray(['one', 'two']) }),
  fc.record({ ttlMs: fc.constantFrom(60_000, 120_000, Infinity, 'off' as const) }),
  fc
    .constantFrom(
      { 'x-api-key': 'b' },
      { 'X-API-Key': 'c' },
      { authorization: 'a' },
      { 'anthropic-beta': 'one' },
      { 'anthropic-beta': 'two' },
      { 'anthropic-workspace-id': 'one' },
      { 'x-cachewright-scope': 'one' },
      { 'x-cachewright-tags': 'two,one' },
      { 'x-cachewright-response-cache': 'off' },
      { 'x-cachewright-response-cache': '60' },
      { 'user-agent': 'one' },
    )
    .map((headers) => ({ headers: { ...BASE.headers, ...headers } })),
);

const CONNECTIONS = [{}, {}];

/** Headers as they come over a connection: in any order and case, with others between them. */
const written = fc.record({
  isRaw: fc.boolean(),
  connection: fc.nat(1),
  order: fc.constantFrom(1, -1),
  isUpper: fc.boolean(),
  more: fc.constantFrom([], ['accept', '*/*'], ['X-Request-Id', '1'], ['x-amzn-trace-id', '2', 'Age', '3']),
});

function rawHeadersOf(
  { headers }: MessageCall,
  {
    order,
    isUpper,
    more,
  }: { readonly order: number; readonly isUpper: boolean; readonly more: readonly string[] },
): readonly string[] {
  const pairs = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -order : order));
  return [
    ...more,
    ...pairs.flatMap(([name, value]) => [isUpper ? name.toUpperCase() : name, value]),
    ...more,
  ];
}

describe('a reader of calls', () => {
  it('reads each as if it had read none before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(change, { maxLength: 2 }), written), { minLength: 20, maxLength: 60 }),
        (calls) => {
          const reader = new CallReader(settings);
          for (const [changes, way] of calls) {
            const call = changes.reduce<MessageCall>((whole, part) => ({ ...whole, ...part }), BASE);
            const origin = {
              connection: CONNECTIONS[way.connection] ?? {},
              rawHeaders: rawHeadersOf(call, way),
            };
            const given = way.isRaw ? { ...call, origin } : call;
            assert.deepEqual(reader.read(given), new CallReader(settings).read(call));
          }
        },
      ),
      { numRuns: 10 * EFFORT },
    );
  });

  it('reads a call again at once, whatever headers say that it is not read from', () => {
    const reader = new CallReader(settings);
    const of = (id: string): MessageCall => ({
      body: '{"model":"m","messages":[],"temperature":0}',
      headers: { 'x-api-key': 'a', 'x-request-id': id },
    });
    expect(reader.read(of('1'))).toBe(reader.read(of('2')));
  });

  it('does not read the headers of a client again that it knows, and those with one more it does', () => {
    const reader = new CallReader(settings);
    let asked = 0;
    const of = (body: string, raw: readonly string[], connection = CONNECTIONS[0] ?? {}): MessageCall => ({
      body,
      origin: { connection, rawHeaders: raw },
      get headers() {
        asked += 1;
        const pairs = raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : []));
        return Object.fromEntries(pairs) as Record<string, string>;
      },
    });
    const [one, two] = [
      '{"model":"m","messages":[],"temperature":0}',
      '{"model":"n","messages":[],"temperature":0}',
    ];
    const raw = ['host', 'h', 'x-api-key', 'a', 'anthropic-version', '1', 'accept', '*/*'];
    const first = reader.read(of(one, raw));
    // Once to be known, and once to be read.
    assert.equal(asked, 2);
    assert.equal(reader.read(of(one, ['host', 'other', ...raw.slice(2), 'x-request-id', '7'])), first);
    assert.equal(asked, 2);
    assert.notDeepEqual(reader.read(of(two, raw)), first);
    assert.equal(asked, 3);
    // On another connection they are read again, and known by their hash.
    assert.equal(reader.read(of(one, raw, {})), first);
    assert.equal(asked, 4);
    assert.notDeepEqual(reader.read(of(one, [...raw, 'anthropic-beta', 'b'])), first);
    assert.notDeepEqual(reader.read(of(one, raw.slice(0, 4))), first);
    assert.notDeepEqual(reader.read(of(one, [...raw, 'x-api-key', 'b'])), first);
  });

  it('knows bodies of one checksum apart', () => {
    // Two texts of which the CRC-32 is the same.
    const [one, two] = ['plumless', 'buckeroo'].map((word) => {
      const call = { ...BASE, body: Buffer.from(`{"model":"${word}","messages":[],"temperature":0}`) };
      return { call, crc: crc32(call.body) };
    });
    assert.equal(one?.crc, two?.crc);
    const reader = new CallReader(settings);
    for (const { call } of [one, two, one, two].filter((item) => item !== undefined))
      assert.deepEqual(reader.read(call), new CallReader(settings).read(call));
  });

  it('knows long bodies again by their hash', () => {
    const reader = new CallReader(readSettings({ secret: 'a secret that is long enough' }));
    const of = (end: string): MessageCall => ({
      ...BASE,
      body: Buffer.from(`{"model":"m","temperature":0,"messages":[],"long":"${'x'.repeat(70_000)}${end}"}`),
    });
    expect(reader.read(of('a'))).toBe(reader.read(of('a')));
    assert.notDeepEqual(reader.read(of('a')), reader.read(of('b')));
  });
});
