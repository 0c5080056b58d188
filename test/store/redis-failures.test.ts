import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openRedisStore, StoreError, type Store } from '../../src/store/index.ts';
import { hasRedis, startRedis, type RedisServer, type RedisServerOptions } from '../support/redis-server.ts';

/** Calls have this budget here; with it every one of them must end within `SLACK_MS` more on a busy machine. */
const TIMEOUT_MS = 50;
const SLACK_MS = 150;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const open: { close(): Promise<void> }[] = [];
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled.splice(0), []);
});

async function server(options?: RedisServerOptions): Promise<RedisServer> {
  const started = await startRedis(options);
  open.push(started);
  return started;
}

async function store(url: string, timeoutMs = TIMEOUT_MS): Promise<Store> {
  const opened = await openRedisStore({ url, timeoutMs });
  open.push(opened);
  return opened;
}

interface Judged {
  readonly error: StoreError;
  readonly tookMs: number;
}

/** A call that must fail, and how long it took to. */
async function failure(call: () => Promise<unknown>): Promise<Judged> {
  const from = performance.now();
  try {
    await call();
  } catch (error) {
    if (error instanceof StoreError) return { error, tookMs: performance.now() - from };
    throw error;
  }
  throw new Error('the call did not fail');
}

/** Calls until one is answered: reconnecting takes its own time. */
async function answered<Result>(call: () => Promise<Result>): Promise<Result> {
  for (const untilMs = performance.now() + 15_000; ;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const everyCall = (on: Store): readonly (() => Promise<unknown>)[] => [
  () => on.get('other'),
  () => on.put('other', bytes('x')),
  () => on.remove('other'),
  () => on.list(''),
];

async function expectRefusals(on: Store, message: RegExp): Promise<void> {
  for (const call of [...everyCall(on), ...everyCall(on)]) {
    const { error, tookMs } = await failure(call);
    expect(error).toMatchObject({
      code: 'STORE_UNUSABLE',
      message: expect.stringMatching(message) as string,
    });
    expect(tookMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
  }
}

/** A server that takes connections and says nothing, as a frozen one does, or one behind a wrong port. */
async function startSilent(): Promise<{ readonly port: number }> {
  const sockets = new Set<Socket>();
  const silent: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).resume());
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  open.push({
    async close() {
      for (const socket of sockets) socket.destroy();
      silent.close();
      await once(silent, 'close');
    },
  });
  const address = silent.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

describe.runIf(hasRedis)('redis (needs redis-server): when it', () => {
  it('is down at the start, calls fail at once; when it comes up, they work', async () => {
    const redis = await server();
    await redis.kill();
    const on = await store(redis.url);
    await expectRefusals(on, /^redis:\/\/127\.0\.0\.1:\d+\/0 cannot be reached$/);
    await redis.start();
    expect(await answered(() => on.put('k', bytes('x')))).not.toBeNull();
  });

  it('says nothing from the start, opening and calls end in time all the same', async () => {
    const { port } = await startSilent();
    const from = performance.now();
    const on = await store(`redis://127.0.0.1:${port}`);
    expect(performance.now() - from).toBeLessThan(2_000);
    await expectRefusals(on, /cannot be reached/);
  });

  it('freezes, calls fail within their budget and soon without waiting; thawed, it is used again', async () => {
    const redis = await server();
    const on = await store(redis.url);
    await on.put('k', bytes('before'));
    redis.freeze();
    const first = await failure(() => on.get('k'));
    expect(first.error.message).toMatch(/did not answer within 50 ms$/);
    await expectRefusals(on, /did not answer within 50 ms|cannot be reached/);
    const { tookMs } = await failure(() => on.get('k'));
    expect(tookMs).toBeLessThan(20);
    redis.thaw();
    expect(new TextDecoder().decode((await answered(() => on.get('k')))?.bytes)).toBe('before');
  });

  it('is killed in the middle of calls, all of them end; restarted empty, no version comes twice', async () => {
    const redis = await server();
    const on = await store(redis.url);
    const version = await on.put('k', bytes('before'));
    const calls = Array.from({ length: 50 }, () =>
      on.get('k').then(
        () => 'fine',
        () => 'failed',
      ),
    );
    await redis.kill();
    expect(await Promise.all(calls)).toHaveLength(50);
    await expectRefusals(on, /cannot be reached/);
    await redis.start();
    expect(await answered(() => on.get('k'))).toBeNull();
    expect(Number(await on.put('k', bytes('after')))).toBeGreaterThan(Number(version));
  });

  it('wants another password, that is what calls say, and neither it nor the user is shown', async () => {
    const redis = await server({ password: 'right-secret' });
    for (const credential of [':wrong-secret', 'someone:wrong-secret', '']) {
      const on = await store(`redis://${credential}@127.0.0.1:${redis.port}`);
      const { error } = await failure(() => on.get('k'));
      expect(error.message).toMatch(/does not accept the credential \((WRONGPASS|NOAUTH)\)$/);
      const shown = `${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
      expect(shown).not.toMatch(/secret|someone/);
    }
    const on = await store(redis.url);
    expect(await on.put('k', bytes('x'))).not.toBeNull();
  });

  it('is full, values are refused whole, reading and removing go on, and so does everything when there is room', async () => {
    const redis = await server({ args: ['--maxmemory', '6mb', '--maxmemory-policy', 'noeviction'] });
    const on = await store(redis.url, 5_000);
    const large = new Uint8Array(200_000).fill(7);
    let count = 0;
    const fill = async (): Promise<void> => {
      for (; count < 100; count += 1) await on.put(`k${count}`, large);
    };
    expect((await failure(fill)).error.code).toBe('STORE_FULL');
    expect(count).toBeGreaterThan(3);
    for (let round = 0; round < 5; round += 1) {
      expect((await failure(() => on.put(`k${count}`, large))).error.code).toBe('STORE_FULL');
    }
    expect(await on.get(`k${count}`)).toBeNull();
    expect((await on.get('k0'))?.bytes).toHaveLength(large.length);
    expect(await on.list('')).toHaveLength(count);
    for (const key of ['k0', 'k1', 'k2']) expect(await on.remove(key)).toBe(true);
    expect(await on.put('again', large)).not.toBeNull();
  });

  it('forgets its scripts, calls go on', async () => {
    const redis = await server();
    const on = await store(redis.url, 5_000);
    await on.put('k', bytes('x'));
    const other = new (await import('ioredis')).Redis(redis.port, '127.0.0.1');
    await other.script('FLUSH');
    other.disconnect();
    expect(new TextDecoder().decode((await on.get('k'))?.bytes)).toBe('x');
  });
});

describe('a URL', () => {
  it.each(['', 'redis', 'http://u:secret@h', 'redis://', 'redis://:secret@h:99999', 'redis://:secret@h/x'])(
    '%j is refused without being shown',
    async (url) => {
      const opening = openRedisStore({ url });
      await expect(opening).rejects.toThrow(
        new RangeError('it must be redis://host:port or rediss://host:port'),
      );
    },
  );
});
