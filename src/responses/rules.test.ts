import { describe, expect, it } from 'vitest';

import { HEADERS, createUpstream, request, textOf } from '../../test/responses/upstream.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import { messageJson } from '../../test/support/messages.ts';
import { responseCache, type MessageCall, type ResponseCacheOptions, type ResponseRule } from './index.ts';

interface Bench {
  readonly ask: (more?: Partial<MessageCall>) => Promise<string>;
  readonly time: ManualTime;
}

/** Asks, and gives what `cache-status` says. */
function bench(rules: readonly ResponseRule[], options: ResponseCacheOptions = {}): Bench {
  const time = new ManualTime();
  const upstream = createUpstream();
  const cache = responseCache({ rules, clock: time, timers: time, jitterShare: 0, ...options });
  return {
    time,
    async ask(more = {}) {
      const answer = await cache.answer({ body: request(), headers: HEADERS, ...more }, upstream.send);
      await textOf(answer.body);
      return answer.headers['cache-status'] ?? '';
    },
  };
}

const DIRECTIVE = 'x-cachewright-response-cache';

describe('rules', () => {
  it.each<[string, ResponseRule, Partial<MessageCall>, Partial<MessageCall>]>([
    [
      'a model',
      { model: 'claude-opus-*', ttlMs: 1_000 },
      {},
      { body: request({ model: 'claude-haiku-5-5' }) },
    ],
    [
      'a model with dots',
      { model: 'a.c', ttlMs: 1_000 },
      { body: request({ model: 'a.c' }) },
      { body: request({ model: 'abc' }) },
    ],
    [
      'a path',
      { path: '/team/*', ttlMs: 1_000 },
      { target: '/team/v1/messages?beta=true' },
      { target: '/v1/messages' },
    ],
    [
      'the path of a URL',
      { path: '/v1/messages', ttlMs: 1_000 },
      { target: 'https://h/v1/messages?a=1' },
      { target: 'https://h/x/v1/messages' },
    ],
    ['a tag', { tag: 'faq', ttlMs: 1_000 }, { tags: ['faq'] }, { tags: ['other'] }],
    ['a scope', { scope: 'team-a', ttlMs: 1_000 }, { scope: 'team-a' }, { scope: 'team-b' }],
    [
      'the name of a scope in a header',
      { scope: 'team-a', ttlMs: 1_000 },
      { headers: { ...HEADERS, 'x-cachewright-scope': 'team-a' } },
      { headers: { ...HEADERS, 'x-cachewright-scope': 'team-b' } },
    ],
    [
      'several things at once',
      { model: '*opus*', tag: 'faq', ttlMs: 1_000 },
      { tags: ['faq', 'x'] },
      { tags: ['x'] },
    ],
  ])('turn the cache on for %s, and for nothing else', async (_what, rule, fits, others) => {
    const { ask } = bench([rule], { isOn: false });
    expect(await ask(fits)).toBe('cachewright; fwd=miss; stored');
    expect(await ask(fits)).toContain('hit; ttl=1');
    expect(await ask(others)).toBe('cachewright; fwd=bypass; detail=off');
  });

  it('count in their order, the first that fits alone', async () => {
    const { ask } = bench([
      { tag: 'live', ttlMs: 'off' },
      { model: 'claude-opus-*', ttlMs: 60_000 },
      { ttlMs: 5_000, temperatures: 'any' },
    ]);
    expect(await ask({ tags: ['live'] })).toBe('cachewright; fwd=bypass; detail=off');
    await ask();
    expect(await ask()).toContain('ttl=60');
    const haiku = { body: request({ model: 'claude-haiku-5-5', temperature: 1 }) };
    await ask(haiku);
    expect(await ask(haiku)).toContain('ttl=5');
    expect(await ask({ body: request({ temperature: 1 }) })).toContain('detail=temperature');
  });

  it('give way to the header, both ways', async () => {
    const { ask } = bench([{ model: '*opus*', ttlMs: 'off' }, { ttlMs: 60_000 }]);
    const on = { headers: { ...HEADERS, [DIRECTIVE]: '7' } };
    await ask(on);
    expect(await ask(on)).toContain('ttl=7');
    const haiku = request({ model: 'claude-haiku-5-5' });
    const off = { body: haiku, headers: { ...HEADERS, [DIRECTIVE]: 'off' } };
    expect(await ask(off)).toContain('detail=off');
    expect(await ask({ body: haiku })).toContain('fwd=miss');
  });

  it('never join scopes', async () => {
    const { ask } = bench([{ scope: 'team-a', ttlMs: 60_000 }]);
    await ask({ scope: 'team-a' });
    const headers = { ...HEADERS, 'x-api-key': 'sk-other' };
    expect(await ask({ scope: 'team-a', headers })).toContain('fwd=miss');
  });

  it('hold for what is kept by another rule too: nobody gets it older than their own has it', async () => {
    const { ask, time } = bench([{ tag: 'slow', ttlMs: 3_600_000 }, { ttlMs: 60_000 }]);
    await ask({ tags: ['slow'] });
    time.advance(59_000);
    expect(await ask()).toContain('hit; ttl=1;');
    time.advance(2_000);
    expect(await ask({ tags: ['slow'] })).toContain('hit');
    expect(await ask()).toContain('fwd=miss');
  });

  it('keep refusals only for those who want them', async () => {
    const cache = responseCache({ rules: [{ tag: 'all', ttlMs: 1_000, keepRefusals: true }] });
    const send = createUpstream(() => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: (async function* () {
        yield Buffer.from(messageJson().replace('end_turn', 'refusal'));
      })(),
    })).send;
    const ask = async (tags: readonly string[]): Promise<string> => {
      const answer = await cache.answer({ body: request(), headers: HEADERS, tags }, send);
      return answer.served.kind;
    };
    expect([await ask(['all']), await ask(['all']), await ask([]), await ask([])]).toEqual([
      'miss',
      'hit',
      'miss',
      'miss',
    ]);
  });

  it('have lives of their own for answers past their time', async () => {
    const { ask, time } = bench([
      { tag: 'a', ttlMs: 1_000, staleWhileRevalidateMs: 10_000 },
      { ttlMs: 1_000 },
    ]);
    await ask({ tags: ['a'] });
    time.advance(5_000);
    expect(await ask()).toContain('fwd=miss');
    time.advance(5_000);
    expect(await ask({ tags: ['a'] })).toContain('fwd=miss');
    time.advance(5_000);
    expect(await ask({ tags: ['a'] })).toContain('detail=stale-memory');
  });

  it('are refused where a number of theirs makes no sense', () => {
    expect(() => responseCache({ rules: [{ ttlMs: 1 }, { ttlMs: 0 }] })).toThrow(
      'rules[1].ttlMs must be from 1',
    );
    expect(() => responseCache({ rules: [{ ttlMs: 'off', variants: 0 }] })).toThrow('rules[0].variants');
  });
});
