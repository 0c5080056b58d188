import { describe, expect, it } from 'vitest';
import { forwardedHeaders, headerValues, readableEncodings, returnedHeaders } from './headers.ts';

/** Headers as Node hands them over beside the raw ones. */
function lowerCased(rawHeaders: readonly string[]): Record<string, string> {
  const pairs = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ''] as const] : [],
  );
  return Object.fromEntries(pairs);
}

function forward(rawHeaders: readonly string[], bodyBytes: number | null = null): string[] {
  return forwardedHeaders(rawHeaders, lowerCased(rawHeaders), bodyBytes);
}

describe('readableEncodings', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['*', 'identity'],
    ['deflate', 'identity'],
    ['gzip, deflate, br, zstd', 'gzip, br, zstd'],
    ['GZIP;q=0.5 ,compress,identity;q=0.1', 'GZIP;q=0.5, identity;q=0.1'],
    ['x-gzip', 'identity'],
  ])('cuts %j to %j', (given, expected) => {
    expect(readableEncodings(given)).toBe(expected);
  });
});

describe('forwardedHeaders', () => {
  it('keeps order, spelling and repetition of what it passes on', () => {
    const raw = [
      'X-Zeta',
      '1',
      'anthropic-VERSION',
      '2023-06-01',
      'X-Zeta',
      '2',
      'x-api-key',
      'k',
      'User-Agent',
      'a',
    ];
    expect(forward(raw)).toEqual([...raw, 'accept-encoding', 'identity']);
  });

  it('drops every header that is meant for us, known or not', () => {
    const raw = [
      'X-Cachewright-Mode',
      'off',
      'x-cachewright-scope',
      'a',
      'x-cachewright-later',
      '1',
      'x-cachewrigh',
      'kept',
    ];
    expect(forward(raw)).toEqual(['x-cachewrigh', 'kept', 'accept-encoding', 'identity']);
  });

  it('drops what belongs to one connection, and what its Connection header names', () => {
    const raw = [
      'Connection',
      'close, X-Hop',
      'X-Hop',
      '1',
      'Keep-Alive',
      't=1',
      'TE',
      'trailers',
      'Transfer-Encoding',
      'chunked',
      'Upgrade',
      'h2c',
      'Proxy-Authorization',
      'p',
    ];
    expect(forward(raw)).toEqual(['accept-encoding', 'identity']);
  });

  it('sets anew the name of the host, the length and the encodings', () => {
    const raw = [
      'Host',
      'here',
      'Content-Length',
      '3',
      'Expect',
      '100-continue',
      'Accept-Encoding',
      'br, deflate',
    ];
    expect(forward(raw, 17)).toEqual(['accept-encoding', 'br', 'content-length', '17']);
  });
});

describe('returnedHeaders', () => {
  it('keeps order, spelling, repetition and bytes above 127', () => {
    const raw = ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Name', 'caf\xe9'].map((text) =>
      Buffer.from(text, 'latin1'),
    );
    expect(returnedHeaders(raw)).toEqual(['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Name', 'caf\xe9']);
  });

  it('drops what belongs to the connection to the upstream', () => {
    const raw = [
      'Connection',
      'keep-alive, X-Hop',
      'x-hop',
      '1',
      'Keep-Alive',
      't=1',
      'Transfer-Encoding',
      'chunked',
      'X-Kept',
      '1',
    ];
    expect(returnedHeaders(raw)).toEqual(['X-Kept', '1']);
  });
});

describe('headerValues', () => {
  it('joins all values of a name, and never takes a value for a name', () => {
    expect(headerValues(['a', 'b', 'B', 'x', 'b', 'y'], 'b')).toBe('x, y');
    expect(headerValues(['a', 'b'], 'b')).toBe('');
  });
});
