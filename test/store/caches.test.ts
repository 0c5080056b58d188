import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import {
  createMemoryCache,
  openMemcachedCache,
  openRedisCache,
  openSqliteCache,
} from '../../src/store/index.ts';
import { describeCacheContract } from '../support/cache-contract.ts';
import { hasMemcached, startMemcached, type MemcachedServer } from '../support/memcached-server.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';

/** The machine of the tests may be busy: how long calls take is judged elsewhere. */
const TIMEOUT_MS = 10_000;

let opened = 0;
const folder = mkdtempSync(join(tmpdir(), 'cachewright-caches-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function clockAt(startMs: number): { nowMs(): number; advance(ms: number): void } {
  let nowMs = startMs;
  return { nowMs: () => nowMs, advance: (ms) => void (nowMs += ms) };
}

describeCacheContract('memory', async () => {
  const clock = clockAt(1_000_000);
  return { store: createMemoryCache({ clock }), advance: (ms) => clock.advance(ms) };
});

describeCacheContract('sqlite', async () => {
  const clock = clockAt(1_000_000);
  const store = await openSqliteCache({ file: join(folder, `${(opened += 1)}.db`), clock });
  return { store, advance: (ms) => clock.advance(ms) };
});

describe.runIf(hasRedis)('with a redis-server', () => {
  let server: RedisServer | null = null;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server?.close());

  describeCacheContract('redis', async () => ({
    store: await openRedisCache({ url: server?.url ?? '', name: `c${(opened += 1)}`, timeoutMs: TIMEOUT_MS }),
  }));
});

describe.runIf(hasMemcached)('with a memcached', () => {
  let server: MemcachedServer | null = null;
  beforeAll(async () => void (server = await startMemcached()));
  afterAll(() => server?.kill());

  describeCacheContract('memcached', async () => ({
    store: await openMemcachedCache({
      server: server?.server ?? '',
      name: `c${(opened += 1)}`,
      timeoutMs: TIMEOUT_MS,
    }),
  }));

  it('freezes, calls end within their budget, then without waiting; thawed, it is used again', async () => {
    const own = await startMemcached();
    onTestFinished(() => own.kill());
    const store = await openMemcachedCache({ server: own.server });
    await store.put('k', Buffer.from('x'), 60_000);
    own.freeze();
    for (let call = 0; call < 3; call += 1)
      await expect(store.get('k')).rejects.toThrow(/did not answer within 50 ms|cannot be used/);
    const from = performance.now();
    await expect(store.get('k')).rejects.toThrow(/cannot be reached/);
    expect(performance.now() - from).toBeLessThan(20);
    own.thaw();
    await expect.poll(() => store.get('k').catch(() => null), { timeout: 10_000 }).not.toBeNull();
    await own.kill();
    await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    await own.start();
    await expect
      .poll(
        () =>
          store.put('k', Buffer.from('y'), 60_000).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await own.kill();
    await store.close();
  });

  it('takes no address that is none', async () => {
    for (const address of ['', 'localhost', 'a b:1', 'http://h:1'])
      await expect(openMemcachedCache({ server: address })).rejects.toThrow(RangeError);
  });
});
