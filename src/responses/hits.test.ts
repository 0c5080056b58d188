import { describe, expect, it } from 'vitest';

import { createUpstream, HEADERS, request, textOf } from '../../test/responses/upstream.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import {
  createMemoryCache,
  responseCache,
  type PreparedCall,
  type ResponseCacheOptions,
  type Served,
} from './index.ts';

const SECRET = 'a secret that is long enough';

type Eligible = Extract<PreparedCall, { readonly kind: 'eligible' }>;

function open(options: ResponseCacheOptions = {}) {
  const time = new ManualTime();
  const served: Served[] = [];
  const cache = responseCache({
    secret: SECRET,
    clock: time,
    timers: time,
    jitterShare: 0,
    ttlMs: 10_000,
    onServed: (told) => served.push(told),
    ...options,
  });
  const upstream = createUpstream();
  const prepare = (more: Record<string, unknown> = {}): Eligible => {
    const prepared = cache.prepare({ body: request(more), headers: HEADERS });
    if (prepared.kind !== 'eligible') throw new Error(prepared.reason);
    return prepared;
  };
  const answer = async (more: Record<string, unknown> = {}): Promise<string> =>
    textOf((await prepare(more).answer(upstream.send)).body);
  return { time, cache, served, upstream, prepare, answer };
}

const headersOf = (flat: readonly string[]): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : [])));

describe('a hit that is taken from memory', () => {
  it('is what an answer is, as long as that is fresh', async () => {
    const { time, prepare, answer, served, cache } = open({ staleIfErrorMs: 60_000 });
    expect(prepare().take()).toBeNull();
    const text = await answer();
    for (const passedMs of [0, 1_500, 8_000]) {
      time.advance(passedMs);
      const taken = prepare().take();
      const given = await prepare().answer(() => Promise.reject(new Error('it is kept')));
      expect(Buffer.from(taken?.whole ?? []).toString()).toBe(text);
      const { 'content-length': length, ...headers } = headersOf(taken?.headers ?? []);
      expect(headers).toEqual(given.headers);
      expect(length).toBe(String(Buffer.byteLength(text)));
      expect(served.at(-2)).toEqual(served.at(-1));
      expect(taken?.served).toEqual(given.served);
    }
    expect(cache.summary().hits).toEqual({ memory: 6, store: 0 });
    time.advance(500);
    expect(prepare().take()).toBeNull();
    expect(await prepare().look()).toBeNull();
    expect(cache.summary().hits.memory).toBe(6);
  });

  it('is none after a purge, in another form at first, and where there are several to choose from', async () => {
    const { cache, prepare, answer } = open();
    await answer();
    expect(prepare({ stream: true }).take()).toBeNull();
    await answer({ stream: true });
    expect(Buffer.from(prepare({ stream: true }).take()?.whole ?? []).toString()).toContain(
      'event: message_stop',
    );
    await cache.purge({ all: true });
    expect(prepare().take()).toBeNull();
    const several = open({ variants: 2, random: () => 0 });
    await several.answer();
    await several.answer();
    expect(several.prepare().take()).toBeNull();
    expect(await several.prepare().look()).toBeNull();
  });
});

describe('a hit from the second level', () => {
  async function openFilled(
    options: ResponseCacheOptions = { memoryBytesMax: 1 },
  ): Promise<ReturnType<typeof open> & { readonly reads: () => number }> {
    const store = createMemoryCache();
    const filling = open({ store, staleIfErrorMs: 60_000 });
    await filling.answer();
    await filling.cache.settle();
    const opened = open({ store, ...options });
    let reads = 0;
    const get = store.get.bind(store);
    store.get = (key) => {
      reads += 1;
      return get(key);
    };
    return { ...opened, reads: () => reads };
  }

  it('is what an answer is, and asked for once by all who ask at one time', async () => {
    const { prepare, reads, cache } = await openFilled();
    const given = await Promise.all(Array.from({ length: 5 }, () => prepare().look()));
    expect(given.map((taken) => taken?.served.tier)).toEqual(['store', 'store', 'store', 'store', 'store']);
    expect(reads()).toBe(1);
    expect(cache.summary().hits).toEqual({ memory: 0, store: 5 });
    const answered = await prepare().answer(() => Promise.reject(new Error('it is kept')));
    const { 'content-length': _length, ...headers } = headersOf(given[0]?.headers ?? []);
    expect(headers).toEqual(answered.headers);
  });

  it('that is not there is not asked for again by the same request, which goes on', async () => {
    const { prepare, reads, upstream } = await openFilled();
    const asked = Array.from({ length: 4 }, async () => {
      const prepared = prepare({ number: 7 });
      expect(prepared.take()).toBeNull();
      expect(await prepared.look()).toBeNull();
      return textOf((await prepared.answer(upstream.send)).body);
    });
    expect(new Set(await Promise.all(asked)).size).toBe(1);
    expect(reads()).toBe(1);
    expect(upstream.asked).toHaveLength(1);
  });

  it('is in memory from then on, and says so', async () => {
    const { prepare } = await openFilled({});
    expect(prepare().take()).toBeNull();
    const statusOf = (flat: readonly string[] = []): string | undefined => headersOf(flat)['cache-status'];
    expect(statusOf((await prepare().look())?.headers)).toContain('detail=store');
    expect(statusOf(prepare().take()?.headers)).toContain('detail=memory');
  });

  it('past its time is none', async () => {
    const { prepare, time } = await openFilled();
    time.advance(10_000);
    expect(await prepare().look()).toBeNull();
  });
});
