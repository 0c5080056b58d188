import { afterEach, describe, expect, it } from 'vitest';

import { createResponseTier } from '../../src/engine/index.ts';
import { openMemcachedCache, openRedisCache, StoreError, type CacheStore } from '../../src/store/index.ts';
import { CleanUp, startTestGateway } from '../support/gateway.ts';
import { hasMemcached, startMemcached } from '../support/memcached-server.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { startSlowProxy } from '../support/slow-proxy.ts';
import { startRecordingUpstream } from '../support/upstream.ts';
import { SteadyLoad, type Load } from './responses-load.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
/** How long a fault lasts under load; ten seconds at twenty times the effort. */
const FAULT_S = 1 + Math.max(0, EFFORT - 1) / 2;
/** The most that a request may wait for a store. */
const WAIT_MS = 60;
/** Where this process, in which the gateway runs too, did nothing for longer, waits are not the store's alone. */
const STALL_MS_MAX = 20;
/** Longer than any machine needs for a call. */
const PATIENT_MS = 10_000;
const TRIES = 5;
const TIMEOUT_MS = TRIES * (20_000 + 2_000 * FAULT_S);

/** Servers with little memory that refuse what they have no room for. */
const REDIS_FULL = ['--maxmemory', '4mb', '--maxmemory-policy', 'noeviction'];
const MEMCACHED_FULL = ['-m', '4', '-M'];

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

/** A store, a way to it that can be slow, and what may happen to it. */
interface Target {
  readonly store: CacheStore;
  /** The same, for the test itself, which has time. */
  openPatiently(): Promise<CacheStore>;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  start(): Promise<void>;
  slow(delayMs: number): void;
}

async function redisTarget(args: readonly string[] = []): Promise<Target> {
  const server = cleanUp.add(await startRedis({ args }));
  const proxy = cleanUp.add(await startSlowProxy(server.port));
  const store = cleanUp.add(await openRedisCache({ url: `redis://127.0.0.1:${proxy.port}` }));
  return {
    ...server,
    store,
    openPatiently: () => openRedisCache({ url: server.url, timeoutMs: PATIENT_MS }),
    slow: (delayMs) => proxy.setDelay(delayMs),
  };
}

async function memcachedTarget(args: readonly string[] = []): Promise<Target> {
  const server = await startMemcached(args);
  cleanUp.add({ close: () => server.kill() });
  const proxy = cleanUp.add(await startSlowProxy(Number(server.server.split(':')[1])));
  const store = cleanUp.add(await openMemcachedCache({ server: `127.0.0.1:${proxy.port}` }));
  return {
    ...server,
    store,
    openPatiently: () => openMemcachedCache({ server: server.server, timeoutMs: PATIENT_MS }),
    slow: (delayMs) => proxy.setDelay(delayMs),
  };
}

/** A gateway whose memory holds no answers, so that every request needs the store. */
async function startLoad(store: CacheStore): Promise<SteadyLoad> {
  const upstream = cleanUp.add(await startRecordingUpstream());
  const secret = 'a secret that is long enough';
  const responses = createResponseTier({ isOn: true, secret, store, memoryBytesMax: 1 });
  const gateway = cleanUp.add(await startTestGateway(upstream.url, { responses }));
  return cleanUp.add(new SteadyLoad(gateway.url));
}

/**
 * `kept`: none waits long, and most of them do not wait at all. `busy`: none waits longer than the machine stood still
 * beyond that. Fails where a request failed.
 */
function judge(name: string, { addedMs, failed, stallMs }: Load): 'kept' | 'busy' | 'missed' {
  const sorted = addedMs.toSorted((a, b) => a - b);
  const worstMs = sorted.at(-1) ?? Number.NaN;
  const medianMs = sorted[sorted.length >> 1] ?? Number.NaN;
  const share = sorted.filter((waitMs) => waitMs > WAIT_MS / 2).length / sorted.length;
  process.stdout.write(
    `  ${name}: ${sorted.length} requests, worst added wait ${worstMs.toFixed(0)} ms, median ${medianMs.toFixed(1)} ms, ` +
      `${(100 * share).toFixed(0)} % waited; the machine stood still for up to ${stallMs.toFixed(0)} ms\n`,
  );
  expect(failed).toEqual([]);
  if (medianMs >= WAIT_MS / 4 || share >= 0.3) return 'missed';
  if (worstMs < WAIT_MS) return 'kept';
  return stallMs > STALL_MS_MAX && worstMs < WAIT_MS + stallMs ? 'busy' : 'missed';
}

/** The store gives answers, after a fault again by itself. */
async function expectUse(load: SteadyLoad): Promise<void> {
  const failed: string[] = [];
  const isUsed = async (): Promise<boolean> => {
    const round = await load.run(0.25);
    failed.push(...round.failed);
    return round.fromStore > 10;
  };
  await expect.poll(isUsed, { timeout: 10_000, interval: 1 }).toBe(true);
  expect(failed).toEqual([]);
}

/**
 * A fault under load, and its end. What a busy machine adds to waits is no store's: one try of several that keeps within
 * the limit shows that it can be kept, and where the store is to blame none does. Only where the machine stood still in
 * every try, as long as that lasted is allowed for.
 */
async function suffer(name: string, fault: () => Promise<Load>, end: () => unknown): Promise<void> {
  const verdicts: string[] = [];
  while (verdicts.length < TRIES && !verdicts.includes('kept')) {
    verdicts.push(judge(name, await fault()));
    await end();
  }
  expect(verdicts.includes('kept') || verdicts.every((verdict) => verdict === 'busy')).toBe(true);
}

/** What happens in the middle of load to a store that is in use: what is on its way then is the worst of it. */
async function during(load: SteadyLoad, fault: () => unknown): Promise<Load> {
  await expectUse(load);
  const running = load.run(FAULT_S);
  await load.run(0.1);
  await fault();
  return running;
}

/** From what is large to what is smaller than any answer or mark: Memcached keeps each size in a place of its own. */
const FILLER_BYTES = [60_000, 2_000, 1_500, 1_200, 1_000, 800, 600, 400, 200, 100, 50, 10];

/** Until it refuses whatever it is given; the names of what it took. */
async function fillUp(store: CacheStore): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const bytes of FILLER_BYTES) {
    let code: unknown = null;
    while (code === null && kept.length < 50_000) {
      const name = `filler-${kept.length}`;
      await store.put(name, new Uint8Array(bytes), 600_000).then(
        () => kept.push(name),
        (error: unknown) => (code = error instanceof StoreError ? error.code : error),
      );
    }
    expect(code).toBe('STORE_FULL');
  }
  return kept;
}

describe.each([
  ['redis', hasRedis, redisTarget],
  ['memcached', hasMemcached, memcachedTarget],
] as const)('a gateway on %s under 200 requests a second', (name, hasServer, open) => {
  it.runIf(hasServer)('that freezes and is thawed', { timeout: TIMEOUT_MS }, async () => {
    const target = await open();
    const load = await startLoad(target.store);
    await suffer(
      `${name} frozen`,
      () => during(load, () => target.freeze()),
      () => target.thaw(),
    );
    await expectUse(load);
  });

  it.runIf(hasServer)('that is killed and started again', { timeout: TIMEOUT_MS }, async () => {
    const target = await open();
    const load = await startLoad(target.store);
    await suffer(
      `${name} killed`,
      () => during(load, () => target.kill()),
      () => target.start(),
    );
    await expectUse(load);
  });

  it.runIf(hasServer)('that becomes slow and quick again', { timeout: TIMEOUT_MS }, async () => {
    const target = await open();
    const load = await startLoad(target.store);
    await suffer(
      `${name} 200 ms slower`,
      () => during(load, () => target.slow(200)),
      () => target.slow(0),
    );
    await expectUse(load);
  });

  it.runIf(hasServer)('without memory left, and with some again', { timeout: TIMEOUT_MS }, async () => {
    const target = await open(name === 'redis' ? REDIS_FULL : MEMCACHED_FULL);
    const patient = cleanUp.add(await target.openPatiently());
    const fillers = await fillUp(patient);
    const load = await startLoad(target.store);
    await suffer(
      `${name} full`,
      async () => {
        const round = await load.run(FAULT_S);
        expect(round.fromStore).toBe(0);
        return round;
      },
      () => undefined,
    );
    // What was kept before it was full is still given.
    expect(await patient.get('filler-0')).not.toBeNull();
    for (const name of fillers) await patient.remove(name);
    await expectUse(load);
  });
});
