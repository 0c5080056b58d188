import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';

import { shareLearnedState, type SharedState } from '../../src/engine/index.ts';
import { systemClock, systemTimers } from '../../src/runtime/index.ts';
import { openRedisFeed } from '../../src/store/index.ts';
import { Learner } from '../support/learner.ts';
import { hasRedis, startRedis, type RedisServer, type RedisServerOptions } from '../support/redis-server.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function server(options?: RedisServerOptions): Promise<RedisServer> {
  const started = await startRedis(options);
  open.push(started);
  return started;
}

interface Machine {
  readonly learner: Learner;
  readonly shared: SharedState;
  readonly told: string[];
}

async function join(url: string, skewMs = 0): Promise<Machine> {
  const learner = new Learner();
  const told: string[] = [];
  const clock = { nowMs: () => systemClock.nowMs() + skewMs };
  const shared = await shareLearnedState({
    state: learner,
    secret: Buffer.alloc(32, 3),
    openFeed: (name) => openRedisFeed({ url, name, clock, batchesMax: 100 }),
    knownUntilMs: null,
    clock,
    timers: systemTimers,
    everyMs: 10,
    tell: (sentence) => void told.push(sentence),
  });
  open.push(shared);
  return { learner, shared, told };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + 15_000; !isSo();) {
    if (performance.now() > untilMs) throw new Error('it did not come to be');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.runIf(hasRedis)('a fleet on one redis-server', () => {
  it('knows what each of it learns, at its time, though clocks differ', async () => {
    const { url } = await server();
    const [a, b] = [await join(url, 3_600_000), await join(url, -20_000)];
    const atMs = systemClock.nowMs();
    a.learner.learn('of a', atMs + 3_600_000);
    b.learner.learn('of b', atMs - 20_000);
    await until(() => a.learner.known.size === 2 && b.learner.known.size === 2);
    expect(Math.abs((b.learner.known.get('of a') ?? 0) + 20_000 - atMs)).toBeLessThan(1_000);
    expect(Math.abs((a.learner.known.get('of b') ?? 0) - 3_600_000 - atMs)).toBeLessThan(1_000);
    const late = await join(url);
    await until(() => late.learner.known.size === 2);
    expect([...a.told, ...b.told, ...late.told]).toEqual([]);
  });

  it('goes on after the server froze, was killed, and came back', async () => {
    const redis = await server();
    const [a, b] = [await join(redis.url), await join(redis.url)];
    redis.freeze();
    a.learner.learn('frozen', systemClock.nowMs());
    await until(() => a.told.length === 1);
    redis.thaw();
    await until(() => b.learner.known.has('frozen') && a.told.length === 2);
    await redis.kill();
    a.learner.learn('killed', systemClock.nowMs());
    await until(() => a.told.length === 3);
    await redis.start();
    await until(() => b.learner.known.has('killed'));
    b.learner.learn('back', systemClock.nowMs());
    await until(() => a.learner.known.has('back'));
    expect(a.told[0]).toMatch(/^what is learned is not shared for now \(redis:.*\): we go on alone$/);
    expect(a.told[1]).toMatch(/^what is learned is shared again through redis:/);
  });

  it('comes together when the server comes up after it', async () => {
    const redis = await server();
    await redis.kill();
    const [a, b] = [await join(redis.url), await join(redis.url)];
    a.learner.learn('early', systemClock.nowMs());
    await redis.start();
    await until(() => b.learner.known.has('early'));
  });

  it('leaves nothing readable on the server', async () => {
    const { url, port } = await server();
    const [a, b] = [await join(url), await join(url)];
    a.learner.learn('some-word', systemClock.nowMs());
    await until(() => b.learner.known.has('some-word'));
    const redis = new Redis(port, '127.0.0.1');
    const [key = '', ...others] = await redis.keys('*');
    expect(others).toEqual([]);
    expect((await redis.dumpBuffer(key))?.includes('some-word')).toBe(false);
    redis.disconnect();
  });

  it('gives each batch once, in the order for all, from the time that is asked for', async () => {
    const { url } = await server();
    const feed = await openRedisFeed({ url, name: 'order', timeoutMs: 10_000 });
    const lateFeed = await openRedisFeed({ url, name: 'order', timeoutMs: 10_000 });
    open.push(feed, lateFeed);
    const early: number[] = [];
    const late: number[] = [];
    for (let count = 0; count < 120; count += 1) await feed.publish(Uint8Array.of(count));
    const times: number[] = [];
    const fail = (): void => undefined;
    feed.follow(
      0,
      ({ bytes, publishedMs }) => {
        early.push(bytes[0] ?? -1);
        times.push(publishedMs);
      },
      fail,
    );
    await until(() => early.length >= 120);
    const sinceMs = (times.at(-1) ?? 0) + 1;
    lateFeed.follow(sinceMs, ({ bytes }) => void late.push(bytes[0] ?? -1), fail);
    await until(() => feed.nowMs() > sinceMs + 50);
    await feed.publish(Uint8Array.of(120));
    await until(() => early.length >= 121 && late.length >= 1);
    expect(early).toEqual(Array.from({ length: 121 }, (_, at) => at));
    expect(late).toEqual([120]);
    expect(Math.abs(feed.nowMs() - (times.at(-1) ?? 0))).toBeLessThan(10_000);
  });

  it('keeps a bounded number of batches there, for an hour', async () => {
    const { url, port } = await server();
    const feed = await openRedisFeed({ url, name: 'bounded', batchesMax: 100, timeoutMs: 10_000 });
    open.push(feed);
    await Promise.all(Array.from({ length: 500 }, (_, count) => feed.publish(Uint8Array.of(count))));
    const redis = new Redis(port, '127.0.0.1');
    const [key = ''] = await redis.keys('*');
    expect(await redis.xlen(key)).toBeLessThanOrEqual(200);
    const leftMs = await redis.pttl(key);
    expect(leftMs).toBeGreaterThan(60 * 60_000);
    expect(leftMs).toBeLessThanOrEqual(70 * 60_000);
    redis.disconnect();
  });

  it('tells that the server is full, and goes on when it is not', async () => {
    const { url, port } = await server({ args: ['--maxmemory-policy', 'noeviction'] });
    const [a, b] = [await join(url), await join(url)];
    const redis = new Redis(port, '127.0.0.1');
    await redis.config('SET', 'maxmemory', '1');
    a.learner.learn('x', systemClock.nowMs());
    await until(() => a.told.length > 0);
    expect(a.told[0]).toContain('has no memory left');
    await redis.config('SET', 'maxmemory', '0');
    await until(() => b.learner.known.has('x'));
    redis.disconnect();
  });
});
