import { describe, expect, it } from 'vitest';

import { noTokens } from '../core/index.ts';
import { cleanText, readFailure, readRetryAfter, readWarmUsage, verify } from './read-reply.ts';

describe('readWarmUsage', () => {
  it('keeps the four kinds of input apart', () => {
    const usage = {
      input_tokens: 1,
      cache_read_input_tokens: 20,
      cache_creation_input_tokens: 700,
      cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 },
      output_tokens: 5,
      speed: 'fast',
      inference_geo: 'us',
    };
    expect(readWarmUsage({ usage })).toEqual({
      tokens: { uncachedTokens: 1, readTokens: 20, write5mTokens: 300, write1hTokens: 400, outputTokens: 5 },
      speed: 'fast',
      inferenceGeo: 'us',
    });
  });

  it('counts what no TTL claims as written for 5 minutes, the default', () => {
    const usage = { input_tokens: 1, cache_creation_input_tokens: 700 };
    expect(readWarmUsage({ usage })?.tokens).toMatchObject({ write5mTokens: 700, write1hTokens: 0 });
  });

  it.each([null, 'text', {}, { usage: null }, { usage: {} }, { usage: { input_tokens: -1 } }])(
    'takes %o for no bill',
    (message) => {
      expect(readWarmUsage(message)).toBeNull();
    },
  );
});

describe('verify', () => {
  it.each([
    ['already-warm', { readTokens: 900 }, '5m', null],
    ['below-minimum', { uncachedTokens: 300 }, '5m', null],
    ['wrote', { write5mTokens: 900 }, '5m', '5m'],
    ['wrote', { write1hTokens: 900 }, '1h', '1h'],
    ['wrote', { write1hTokens: 900, write5mTokens: 10 }, '5m', '5m'],
    ['wrote', { readTokens: 900, write5mTokens: 10 }, '5m', '5m'],
    ['wrote', { write5mTokens: 900 }, '1h', '5m'],
    ['wrote', { write1hTokens: 900 }, '5m', '1h'],
  ] as const)('says %s of %o', (status, tokens, asked, ttl) => {
    expect(verify({ ...noTokens, ...tokens }, asked)).toEqual(ttl ? { status, ttl } : { status });
  });
});

describe('readFailure', () => {
  it("reads the official SDK's errors", () => {
    const headers = new Headers({ 'retry-after-ms': '250', 'retry-after': '9' });
    const error = Object.assign(new Error('429 slow'), { status: 429, headers });
    expect(readFailure(error)).toEqual({ status: 429, retryAfterMs: 250, message: '429 slow' });
  });

  it.each(['text', null, undefined, 7])('does not fail on %o', (thrown) => {
    expect(readFailure(thrown)).toEqual({ status: null, retryAfterMs: null, message: 'the sender failed' });
  });

  it.each([
    [{ 'retry-after': '2.5' }, 2500],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, null],
    [{ 'retry-after': '-1' }, null],
    [{}, null],
    [null, null],
  ])('reads retry-after of %o', (headers, pauseMs) => {
    expect(readRetryAfter(headers)).toBe(pauseMs);
  });
});

describe('cleanText', () => {
  it.each([
    ['bad key sk-ant-api03-abcDEF_123', 'bad key [credential]'],
    ['header Authorization: Bearer abc.def', 'header [credential]'],
    ['{"x-api-key":"abcdef"}', '{"[credential]"}'],
    ['with bearer abc.def, twice bearer xyz', 'with [credential], twice [credential]'],
    ['a plain sentence about keys', 'a plain sentence about keys'],
  ])('cleans %o', (text, cleaned) => {
    expect(cleanText(text)).toBe(cleaned);
  });
});
