import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createDocuments, openPostgresStore, type Store } from '../../src/store/index.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { describeStoreContract } from '../support/store-contract.ts';

/** The machine of the tests may be busy: how long calls take is judged elsewhere. */
const PATIENT = { timeoutMs: 20_000 };

describe.runIf(hasPostgres)('with a Postgres server', () => {
  let server: PostgresServer;
  let url = '';
  let stores = 0;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.database('stores');
  }, 120_000);
  afterAll(() => server.close());

  const openNamed = (name: string): Promise<Store> => openPostgresStore({ url, name, ...PATIENT });

  describeStoreContract('postgres', async (limits) => {
    let nowMs = 1_000_000;
    const clock = { nowMs: () => nowMs };
    const store = await openPostgresStore({
      url,
      name: `contract-${(stores += 1)}`,
      limits,
      clock,
      ...PATIENT,
    });
    return { store, advance: (ms) => (nowMs += ms), dispose: () => store.close() };
  });

  it('counts lifetimes by the clock of the server where it is given none', async () => {
    const store = await openNamed('clock');
    const nowMs = Date.now();
    await store.put('long', Uint8Array.of(1), { ttlMs: 60_000 });
    const left = ((await store.get('long'))?.expiresMs ?? 0) - nowMs;
    expect(left).toBeGreaterThanOrEqual(59_900);
    expect(left).toBeLessThan(80_000);
    await store.put('short', Uint8Array.of(1), { ttlMs: 1 });
    while ((await store.get('short')) !== null);
    expect((await store.list('')).map(({ key }) => key)).toEqual(['long']);
    await store.close();
  });

  it('is shared by stores of one name, and not by those of another', async () => {
    const [a, b, other] = [await openNamed('same'), await openNamed('same'), await openNamed('other')];
    const version = await a.put('k', Uint8Array.of(1));
    expect(await b.put('k', Uint8Array.of(2), { ifVersion: version })).not.toBeNull();
    expect(await a.put('k', Uint8Array.of(3), { ifVersion: version })).toBeNull();
    expect(await other.get('k')).toBeNull();
    await Promise.all([a, b, other].map((store) => store.close()));
    await expect(openNamed('a b')).rejects.toThrow(RangeError);
    await expect(openPostgresStore({ url: 'redis://x' })).rejects.toThrow(RangeError);
  });

  it('makes its tables once where many begin together, and loses no step of those that count', async () => {
    const fresh = await server.database('fresh');
    const open = (): Promise<Store> => openPostgresStore({ url: fresh, name: 'count', ...PATIENT });
    const all = await Promise.all([open(), open(), open()]);
    const readCount = (json: unknown): number | null => (typeof json === 'number' ? json : null);
    const steps = all
      .map((store) => createDocuments(store))
      .flatMap((each) =>
        Array.from({ length: 15 }, () => each.update('n', readCount, (count) => (count ?? 0) + 1)),
      );
    await Promise.all(steps);
    const [first] = all;
    expect(first && (await createDocuments(first).read('n', readCount))).toBe(45);
    await Promise.all(all.map((store) => store.close()));
  });

  it('fails calls in words without the password while the server is away, and goes on when it is back', async () => {
    const store = await openNamed('outage');
    await store.put('k', Uint8Array.of(7));
    await server.kill();
    const failed = await store.get('k').catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'STORE_UNUSABLE' });
    expect(String(failed)).not.toContain(server.password);
    expect(String(failed)).not.toContain(encodeURIComponent(server.password));
    await server.start();
    expect([...((await store.get('k'))?.bytes ?? [])]).toEqual([7]);
    await store.close();
  }, 60_000);

  it('refuses the tables of a newer version', async () => {
    const newer = await server.database('newer');
    const first = await openPostgresStore({ url: newer, ...PATIENT });
    await first.put('k', Uint8Array.of(1));
    await first.close();
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: newer });
    await client.connect();
    await client.query('UPDATE cachewright_store_version SET version = 99');
    await client.end();
    const second = await openPostgresStore({ url: newer, ...PATIENT });
    await expect(second.get('k')).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
    await second.close();
  });
});
