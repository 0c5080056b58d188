import assert from 'node:assert/strict';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  createMemoryCache,
  openMemcachedCache,
  openRedisCache,
  responseCache,
  type CacheStore,
} from '../../src/responses/index.ts';
import { ManualTime } from '../support/manual-time.ts';
import { hasMemcached, startMemcached } from '../support/memcached-server.ts';
import { messageJson } from '../support/messages.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { faultyCache, type Fault } from './faulty-cache.ts';
import { createUpstream, HEADERS, jsonAnswer, plainAnswer, request, textOf } from './upstream.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const SECRET = 'a secret that is long enough';
const TAGS = ['red', 'blue'] as const;

type Step =
  | { readonly do: 'ask'; readonly number: number; readonly isStream: boolean; readonly by: number }
  | { readonly do: 'purge'; readonly tag: 0 | 1; readonly by: number }
  | { readonly do: 'advance'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      number: fc.nat(3),
      isStream: fc.boolean(),
      by: fc.nat(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('purge' as const),
      tag: fc.constantFrom(0 as const, 1 as const),
      by: fc.nat(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 501, 30_000) }),
  },
);

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 5, arbitrary: fc.constant('none' as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'fails' as const,
      'corrupts' as const,
      'forgets' as const,
      'other-value' as const,
      'silent' as const,
    ),
  },
);

/** Lets everything that is ready run, and the time that calls may take pass. */
async function patiently<Result>(work: Promise<Result>, time: ManualTime): Promise<Result> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined);
  for (let turn = 0; !isDone && turn < 500; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone && turn % 5 === 4) time.advance(50);
  }
  return done;
}

describe('a cache over a store that does what stores do at their worst', () => {
  /** Of each request the upstream's answer holds its number and how often it was purged. */
  it('gives every caller the answer to its request, made after the last purge that this process heard of', async () => {
    let operations = 0;
    const holds = fc.asyncProperty(
      fc.array(step, { minLength: 50, maxLength: 50 }),
      fc.infiniteStream(fault),
      async (steps, faults) => {
        const time = new ManualTime();
        const below = createMemoryCache({ clock: time });
        const broken = faultyCache(below, () => faults.next().value as Fault);
        const caches = [0, 1].map(() =>
          responseCache({ store: broken, secret: SECRET, clock: time, timers: time, memoryBytesMax: 6_000 }),
        );
        const versions = [0, 0];
        const heard = [
          [0, 0],
          [0, 0],
        ];
        const send = createUpstream(({ body }) => {
          const number = Number(body['number']);
          return jsonAnswer(messageJson().replace('Fine.', `${number}:${versions[number % 2]}`));
        }).send;
        for (const next of steps) {
          operations += 1;
          const cache = caches['by' in next ? next.by : 0];
          if (!cache) continue;
          if (next.do === 'advance') time.advance(next.ms);
          else if (next.do === 'purge') {
            versions[next.tag] = (versions[next.tag] ?? 0) + 1;
            // A purge that never ends has begun here all the same.
            void cache.purge({ tag: TAGS[next.tag] }).catch(() => undefined);
            const own = heard[next.by];
            if (own) own[next.tag] = versions[next.tag] ?? 0;
          } else {
            const call = {
              body: request({ number: next.number, stream: next.isStream }),
              headers: HEADERS,
              tags: [TAGS[next.number % 2] ?? ''],
            };
            const text = await patiently(
              cache.answer(call, send).then((answer) => textOf(answer.body)),
              time,
            );
            const [, number, version] = /(\d):(\d+)/.exec(text.replaceAll(/"[a-z_]+":\d+/g, '')) ?? [];
            assert.equal(Number(number), next.number);
            assert.ok(Number(version) >= (heard[next.by]?.[next.number % 2] ?? 0), `${version} was purged`);
          }
        }
      },
    );
    await fc.assert(holds, { numRuns: 10 * EFFORT });
    expect(operations).toBeGreaterThanOrEqual(500 * EFFORT);
  });

  it('without faults keeps two processes to one answer, and a purge reaches both within a second', async () => {
    const holds = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const time = new ManualTime();
      const store = createMemoryCache({ clock: time });
      const caches = [0, 1].map(() =>
        responseCache({ store, secret: SECRET, clock: time, timers: time, jitterShare: 0, ttlMs: 1e9 }),
      );
      const known = new Map<number, string>();
      const upstream = createUpstream();
      for (const next of steps) {
        const cache = caches['by' in next ? next.by : 0];
        if (!cache) continue;
        if (next.do === 'advance') time.advance(next.ms);
        else if (next.do === 'purge') {
          await cache.purge({ tag: TAGS[next.tag] });
          time.advance(1_000);
          for (const number of known.keys()) if (number % 2 === next.tag) known.delete(number);
        } else {
          const call = {
            body: request({ number: next.number }),
            headers: HEADERS,
            tags: [TAGS[next.number % 2] ?? ''],
          };
          const answer = await cache.answer(call, upstream.send);
          const text = await textOf(answer.body);
          await cache.settle();
          assert.equal(answer.served.kind, known.has(next.number) ? 'hit' : 'miss');
          assert.equal(text, known.get(next.number) ?? text);
          known.set(next.number, text);
        }
      }
    });
    await fc.assert(holds, { numRuns: 30 * EFFORT });
  });

  it('counts stored bytes that are no entry, and asks the upstream', async () => {
    const below = createMemoryCache();
    const open = (): ReturnType<typeof responseCache> =>
      responseCache({ store: faultyCache(below, () => 'corrupts'), secret: SECRET });
    const { send, asked } = createUpstream();
    const caches = [open(), open()];
    for (const cache of caches) {
      await textOf((await cache.answer({ body: request(), headers: HEADERS }, send)).body);
      await cache.settle();
    }
    expect(asked).toHaveLength(2);
    expect(caches.map((cache) => cache.summary().store.unreadable)).toEqual([{}, { corrupt: 1 }]);
  });

  it('keeps in memory what the store does not take, and counts it', async () => {
    const store = createMemoryCache({ limits: { valueBytesMax: 100 } });
    const cache = responseCache({ store, secret: SECRET });
    const { send } = createUpstream();
    const ask = async (): Promise<string> => {
      const answer = await cache.answer({ body: request(), headers: HEADERS }, send);
      await textOf(answer.body);
      return answer.served.kind;
    };
    expect([await ask(), await ask()]).toEqual(['miss', 'hit']);
    await cache.settle();
    expect(cache.summary().store).toMatchObject({ tooLarge: 1, failures: 0 });
  });
});

/** Added to the 60 ms that a request may wait: the machine of the tests may be busy. */
const SLACK_MS = 150;

interface Target {
  readonly store: CacheStore;
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

async function redisTarget(): Promise<Target> {
  const server = await startRedis();
  const store = await openRedisCache({ url: server.url });
  return {
    store,
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    close: async () => Promise.all([store.close(), server.close()]).then(() => undefined),
  };
}

async function memcachedTarget(): Promise<Target> {
  const server = await startMemcached();
  const store = await openMemcachedCache({ server: server.server });
  return {
    store,
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    close: async () => Promise.all([store.close(), server.kill()]).then(() => undefined),
  };
}

describe.each([
  ['redis', hasRedis, redisTarget],
  ['memcached', hasMemcached, memcachedTarget],
] as const)('with a real %s', (_name, hasServer, open) => {
  it.runIf(hasServer)(
    'that freezes: no request fails, few wait and none long; thawed, it is used again',
    async () => {
      const target = await open();
      const cache = responseCache({ store: target.store, secret: SECRET });
      const { send } = createUpstream(plainAnswer);
      let number = 0;
      const ask = async (): Promise<number> => {
        const from = performance.now();
        const answer = await cache.answer(
          { body: request({ number: (number += 1) }), headers: HEADERS },
          send,
        );
        await textOf(answer.body);
        return performance.now() - from;
      };
      await ask();
      await cache.settle();
      target.freeze();
      const waits: number[] = [];
      for (let round = 0; round < 30; round += 1) waits.push(await ask());
      target.thaw();
      expect(Math.max(...waits)).toBeLessThan(60 + SLACK_MS);
      expect(waits.toSorted((a, b) => a - b)[15]).toBeLessThan(20);
      const isUsed = async (): Promise<boolean> => {
        await ask();
        const before = cache.summary().store.writtenBytes;
        await cache.settle();
        return cache.summary().store.writtenBytes > before;
      };
      await expect.poll(isUsed, { timeout: 10_000 }).toBe(true);
      await target.close();
    },
  );
});
