import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import {
  openRedisCache,
  responseCache,
  type CacheStore,
  type ResponseCache,
  type ResponseCacheOptions,
  type Send,
  type UpstreamAnswer,
} from '../../src/responses/index.ts';
import { messageJson } from '../support/messages.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';
import {
  createUpstream,
  HEADERS,
  jsonAnswer,
  numberedEvents,
  plainAnswer,
  request,
  textOf,
} from './upstream.ts';

const SECRET = 'a secret that is long enough';

/** Waits until something is so, which another process decides. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

interface Held {
  readonly held: Promise<void>;
  open(): void;
}

function hold(): Held {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { held: promise, open: resolve };
}

function finalText(text: string): string {
  return text.includes('event:')
    ? [...text.matchAll(/"text_delta","text":"([^"]*)"/g)].map((match) => match[1]).join('')
    : String((JSON.parse(text) as { content: { text: string }[] }).content[0]?.text);
}

async function* broken(events: readonly string[], wait: Promise<void>): AsyncGenerator<Uint8Array> {
  for (const event of events) yield Buffer.from(event);
  await wait;
  throw new Error('socket hang up');
}

describe.skipIf(!hasRedis)('processes that share a Redis server', () => {
  let redis: RedisServer;
  let names = 0;
  const stores: CacheStore[] = [];
  const running: ResponseCache[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());
  afterEach(async () => {
    for (const cache of running.splice(0)) await cache.settle();
    for (const store of stores.splice(0)) await store.close();
  });

  /** Caches that know of each other only through the server. */
  async function caches(
    count: number,
    options: ResponseCacheOptions = {},
  ): Promise<readonly ResponseCache[]> {
    names += 1;
    const url = redis.url;
    const opened = await Promise.all(
      Array.from({ length: count }, () => openRedisCache({ url, name: `fleet-${names}`, timeoutMs: 2_000 })),
    );
    stores.push(...opened);
    const made = opened.map((store) =>
      responseCache({ store, secret: SECRET, storeWaitMs: 2_000, ...options }),
    );
    running.push(...made);
    return made;
  }

  interface Given {
    readonly text: string;
    readonly kind: string;
    readonly status: number;
    readonly header: string;
  }

  async function ask(cache: ResponseCache | undefined, send: Send, isStream = false): Promise<Given> {
    const call = { body: request({ stream: isStream }), headers: HEADERS };
    if (!cache) throw new Error('no cache');
    const { body, served, status, headers } = await cache.answer(call, send);
    return { text: await textOf(body), kind: served.kind, status, header: headers['cache-status'] ?? '' };
  }

  it.each([{}, { encryptionKeys: [{ id: 'a', key: new Uint8Array(32).fill(7) }] }])(
    'send 200 requests at one time once, JSON and streams mixed (%j)',
    async (options) => {
      const [first, second] = await caches(2, options);
      const gate = hold();
      const upstream = createUpstream(async (asked) => {
        await gate.held;
        return plainAnswer(asked);
      });
      const answers = Array.from({ length: 200 }, async (_, index) => {
        const isStream = index % 3 === 0;
        const given = await ask(index % 2 === 0 ? first : second, upstream.send, isStream);
        expect(given.text.startsWith('event:')).toBe(isStream);
        return given;
      });
      await until(() => upstream.asked.length > 0);
      gate.open();
      const given = await Promise.all(answers);
      expect(upstream.asked).toHaveLength(1);
      expect(new Set(given.map(({ text }) => finalText(text)))).toEqual(new Set(['Answer 1.']));
      expect(given.filter(({ kind }) => kind === 'miss')).toHaveLength(1);
      expect(given.filter(({ kind }) => kind === 'collapsed')).toHaveLength(199);
      expect(given.filter(({ header }) => header === 'cachewright; collapsed')).toHaveLength(199);
      expect((await ask(second, upstream.send)).kind).toBe('hit');
    },
  );
  it.each([
    ['an error of the upstream', jsonAnswer('{"type":"error"}', 400), 400, '{"type":"error"}'],
    ['an answer that is not kept', jsonAnswer(messageJson().replace('end_turn', 'max_tokens')), 200, 'Fine.'],
  ])('give each other %s', async (_what, answer: UpstreamAnswer, status, text) => {
    const [first, second] = await caches(2);
    const gate = hold();
    const upstream = createUpstream(async () => {
      await gate.held;
      return answer;
    });
    const leading = ask(first, upstream.send);
    await until(() => upstream.asked.length === 1);
    const following = ask(second, upstream.send);
    await waitingAt(redis);
    gate.open();
    for (const given of await Promise.all([leading, following])) {
      expect(given.status).toBe(status);
      expect(given.text).toContain(text);
    }
    expect(upstream.asked).toHaveLength(1);
    expect(first?.summary().stored).toBe(0);
  });

  it.each([0, 1])('do not go together with those who asked before a purge (by process %i)', async (by) => {
    const both = await caches(2);
    const gate = hold();
    const upstream = createUpstream(async (asked) => {
      if (asked.number === 1) await gate.held;
      return plainAnswer(asked);
    });
    const before = ask(both[0], upstream.send);
    await until(() => upstream.asked.length === 1);
    await both[by]?.purge({ all: true });
    expect((await ask(both[by], upstream.send)).text).toContain('Answer 2.');
    gate.open();
    expect((await before).text).toContain('Answer 1.');
    expect(upstream.asked).toHaveLength(2);
    // The process that purged knows at once that the late answer does not count, and keeps the newer one.
    expect((await ask(both[by], upstream.send)).text).toContain('Answer 2.');
    expect(both[0]?.summary().notStored).toEqual(by === 0 ? { purged: 1 } : {});
  });

  it('look once more into the store before they send: the answer may have come meanwhile', async () => {
    const [first, second] = await caches(2, { storeWaitMs: 5_000 });
    const upstream = createUpstream();
    const store = stores.at(-1);
    if (!store) throw new Error('no store');
    const read = store.get.bind(store);
    let reads = 0;
    // What was not there when the second looked is there when it has the lead.
    store.get = async (key) => {
      reads += 1;
      if (reads > 1) return read(key);
      await ask(first, upstream.send);
      await nobodyLeads(redis);
      return null;
    };
    const given = await ask(second, upstream.send);
    expect(given.kind).toBe('hit');
    expect(upstream.asked).toHaveLength(1);
  });

  it('refresh an old answer once for all of them', async () => {
    const time = { nowMs: () => Date.now() + passedMs };
    let passedMs = 0;
    const both = await caches(2, {
      ttlMs: 1_000,
      staleWhileRevalidateMs: 60_000,
      jitterShare: 0,
      clock: time,
    });
    const gate = hold();
    const upstream = createUpstream(async (asked) => {
      if (asked.number === 2) await gate.held;
      return plainAnswer(asked);
    });
    for (const cache of both) await ask(cache, upstream.send);
    passedMs = 2_000;
    for (const cache of both) expect((await ask(cache, upstream.send)).kind).toBe('stale');
    await until(() => upstream.asked.length === 2);
    for (const cache of both) expect((await ask(cache, upstream.send)).kind).toBe('stale');
    gate.open();
    await until(() => both[0]?.summary().stored === 2);
    await both[0]?.settle();
    // The other one finds it in the store when it wants to refresh it itself.
    while ((await ask(both[1], upstream.send)).text.includes('Answer 1.'))
      await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.asked).toHaveLength(2);
  });

  it('keep nothing that comes after the lead may have been taken by another', async () => {
    let passedMs = 0;
    const [first] = await caches(1, { clock: { nowMs: () => Date.now() + passedMs } });
    const upstream = createUpstream((asked) => {
      // The whole process stood still meanwhile.
      passedMs = 3_000;
      return plainAnswer(asked);
    });
    expect((await ask(first, upstream.send)).text).toContain('Answer 1.');
    expect(first?.summary()).toMatchObject({ stored: 0, notStored: { superseded: 1 } });
  });

  it('send nothing for callers who have left while they waited for another process', async () => {
    const [first, second] = await caches(2);
    const gate = hold();
    const upstream = createUpstream(async (asked) => {
      await gate.held;
      return plainAnswer(asked);
    });
    const leading = ask(first, upstream.send);
    await until(() => upstream.asked.length === 1);
    const leaving = new AbortController();
    const call = { body: request(), headers: HEADERS, signal: leaving.signal };
    const following = second?.answer(call, upstream.send);
    await waitingAt(redis);
    leaving.abort(new Error('gone'));
    await expect(following).rejects.toThrow('gone');
    gate.open();
    await leading;
    await first?.settle();
    expect(upstream.asked).toHaveLength(1);
  });

  it('hand over encrypted, and before they end', async () => {
    const [first, second] = await caches(2, {
      encryptionKeys: [{ id: 'a', key: new Uint8Array(32).fill(7) }],
    });
    const [store] = stores;
    const flights = store?.flights;
    if (!store || !flights) throw new Error('no flights');
    const handed: Uint8Array[] = [];
    const give = flights.hand.bind(flights);
    flights.hand = async (flight, bytes) => {
      handed.push(bytes);
      return give(flight, bytes);
    };
    const gate = hold();
    const upstream = createUpstream(async () => {
      await gate.held;
      return jsonAnswer('{"type":"error"}', 400);
    });
    const leading = ask(first, upstream.send);
    await until(() => upstream.asked.length === 1);
    const following = ask(second, upstream.send);
    await waitingAt(redis);
    gate.open();
    await leading;
    await first?.settle();
    await store.close();
    expect((await following).text).toBe('{"type":"error"}');
    expect(upstream.asked).toHaveLength(1);
    expect(handed).toHaveLength(1);
    expect(Buffer.from(handed[0] ?? []).includes('error')).toBe(false);
  });

  it('take over where the one who asked meets a break, and keep nothing partial', async () => {
    const [first, second] = await caches(2);
    const gate = hold();
    const upstream = createUpstream((asked) =>
      asked.number === 1
        ? {
            status: 200,
            headers: { 'content-type': 'text/event-stream' },
            body: broken(numberedEvents(1).slice(0, 3), gate.held),
          }
        : plainAnswer(asked),
    );
    const leading = ask(first, upstream.send, true);
    await until(() => upstream.asked.length === 1);
    const following = Promise.all([ask(second, upstream.send, true), ask(second, upstream.send, false)]);
    await waitingAt(redis);
    gate.open();
    await expect(leading).rejects.toThrow('socket hang up');
    const given = await following;
    expect(given.map(({ text }) => finalText(text))).toEqual(['Answer 2.', 'Answer 2.']);
    expect(upstream.asked).toHaveLength(2);
    expect(first?.summary().stored).toBe(0);
    expect(second?.summary().stored).toBe(1);
  });
});

/** Resolves when somebody waits for what another fetches. */
async function waitingAt(redis: RedisServer): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  while ((await client.keys('*:wanted')).length === 0);
  client.disconnect();
}

/** Resolves when nobody fetches anything. */
async function nobodyLeads(redis: RedisServer): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  while ((await client.keys('*:flights}:*')).some((key) => /flights}:\w+$/.test(key)));
  client.disconnect();
}
