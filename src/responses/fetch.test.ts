import { describe, expect, it } from 'vitest';

import { createSender } from '../../test/support/sending.ts';
import { HEADERS, request } from '../../test/responses/upstream.ts';
import { cachedFetch, responseCache } from './index.ts';

const URL_TEXT = 'https://api.example/v1/messages';

describe('a fetch through a cache', () => {
  it('takes a Request as it takes an address, and shares answers between them', async () => {
    const sender = createSender();
    const cached = cachedFetch(responseCache(), { fetch: sender.fetch });
    const asked = (): Request => new Request(URL_TEXT, { method: 'POST', headers: HEADERS, body: request() });
    const first = await cached(asked());
    const text = await first.text();
    const again = await cached(asked());
    expect(again.headers.get('cache-status')).toContain('hit');
    expect(await again.text()).toBe(text);
    const byAddress = await cached(URL_TEXT, { method: 'post', headers: HEADERS, body: request() });
    expect(byAddress.headers.get('cache-status')).toContain('hit');
    expect(sender.sent).toHaveLength(1);
    expect(sender.sent[0]).toMatchObject({ url: URL_TEXT, method: 'POST' });
    expect(sender.sent[0]?.bytes.toString()).toBe(request());
    expect(sender.sent[0]?.headers.get('x-api-key')).toBe('sk-test');
  });

  it('lets the arguments go before the Request, as fetch does', async () => {
    const sender = createSender();
    const cached = cachedFetch(responseCache(), { fetch: sender.fetch });
    const asked = new Request(URL_TEXT, { method: 'POST', headers: HEADERS, body: request() });
    await cached(asked, {
      body: request({ max_tokens: 9 }),
      headers: { ...HEADERS, 'x-api-key': 'sk-other' },
    });
    expect(sender.sent[0]?.bytes.toString()).toBe(request({ max_tokens: 9 }));
    expect(sender.sent[0]?.headers.get('x-api-key')).toBe('sk-other');
  });

  it('passes on what is no request for a message, and ends with the signal of a Request', async () => {
    const sender = createSender();
    const cached = cachedFetch(responseCache(), { fetch: sender.fetch });
    await cached(new Request('https://api.example/v1/models', { headers: HEADERS }));
    expect(sender.sent[0]?.method).toBe('GET');
    const leaving = new AbortController();
    leaving.abort(new Error('gone'));
    const { signal } = leaving;
    const asked = new Request(URL_TEXT, { method: 'POST', headers: HEADERS, body: request(), signal });
    await expect(cached(asked)).rejects.toThrow('gone');
  });
});
