import assert from 'node:assert/strict';

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

describe('a reader of calls', () => {
  it('reads each as if it had read none before', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 2 }), { minLength: 20, maxLength: 60 }), (calls) => {
        const reader = new CallReader(settings);
        for (const changes of calls) {
          const call = changes.reduce<MessageCall>((whole, part) => ({ ...whole, ...part }), BASE);
          assert.deepEqual(reader.read(call), new CallReader(settings).read(call));
        }
      }),
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
});
