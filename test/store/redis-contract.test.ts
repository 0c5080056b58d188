import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createDocuments, openRedisStore, type Store } from '../../src/store/index.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';
import { describeStoreContract } from '../support/store-contract.ts';

describe.runIf(hasRedis)('with a redis-server', () => {
  let server: RedisServer | null = null;
  let stores = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.close());

  describeStoreContract('redis', async (limits) => {
    let nowMs = 1_000_000;
    const store = await openRedisStore({
      url: server?.url ?? '',
      name: `contract-${(stores += 1)}`,
      limits,
      clock: { nowMs: () => nowMs },
      // The machine of the tests may be busy: how long calls take is judged elsewhere.
      timeoutMs: 10_000,
    });
    return { store, advance: (ms) => (nowMs += ms), dispose: () => store.close() };
  });

  it('counts lifetimes by the clock of the server where it is given none', async () => {
    const store = await openRedisStore({ url: server?.url ?? '', name: 'clock', timeoutMs: 10_000 });
    const nowMs = Date.now();
    await store.put('long', Uint8Array.of(1), { ttlMs: 60_000 });
    const left = ((await store.get('long'))?.expiresMs ?? 0) - nowMs;
    expect(left).toBeGreaterThanOrEqual(59_900);
    expect(left).toBeLessThan(70_000);
    await store.put('short', Uint8Array.of(1), { ttlMs: 1 });
    while ((await store.get('short')) !== null);
    expect((await store.list('')).map(({ key }) => key)).toEqual(['long']);
    await store.close();
  });

  it('is shared by stores of one name, and not by those of another', async () => {
    const names = ['same', 'same', 'other'];
    const stores = await Promise.all(
      names.map((name) => openRedisStore({ url: server?.url ?? '', name, timeoutMs: 10_000 })),
    );
    const [a, b, other] = stores;
    const version = (await a?.put('k', Uint8Array.of(1))) ?? null;
    expect(await b?.put('k', Uint8Array.of(2), { ifVersion: version })).not.toBeNull();
    expect(await a?.put('k', Uint8Array.of(3), { ifVersion: version })).toBeNull();
    expect(await other?.get('k')).toBeNull();
    await Promise.all(stores.map((store) => store.close()));
    await expect(openRedisStore({ url: server?.url ?? '', name: 'a b' })).rejects.toThrow(RangeError);
  });

  it('loses no step of many that count together', async () => {
    const open = (): Promise<Store> =>
      openRedisStore({ url: server?.url ?? '', name: 'count', timeoutMs: 10_000 });
    const stores = await Promise.all([open(), open(), open()]);
    const readCount = (json: unknown): number | null => (typeof json === 'number' ? json : null);
    const documents = stores.map((store) => createDocuments(store));
    const steps = documents.flatMap((each) =>
      Array.from({ length: 20 }, () => each.update('n', readCount, (count) => (count ?? 0) + 1)),
    );
    await Promise.all(steps);
    expect(await documents[0]?.read('n', readCount)).toBe(60);
    await Promise.all(stores.map((store) => store.close()));
  });
});
