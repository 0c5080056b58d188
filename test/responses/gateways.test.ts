import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createResponseTier } from '../../src/engine/index.ts';
import {
  openMemcachedCache,
  openRedisCache,
  type CacheStore,
  type ResponseCacheOptions,
} from '../../src/responses/index.ts';
import { openRedisFlights } from '../../src/store/index.ts';
import { startCli } from '../cli/run-cli.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { getJson, sendJson } from '../support/http-client.ts';
import { hasMemcached, startMemcached } from '../support/memcached-server.ts';
import { messageEvents, messageJson } from '../support/messages.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { HEADERS, request } from './upstream.ts';

const SECRET = Buffer.alloc(32, 5);
const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-gateways-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

interface TestUpstream {
  readonly url: string;
  readonly calls: () => number;
}

function answerPlainly(isStream: boolean, response: ServerResponse): void {
  if (isStream)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(messageEvents().join(''));
  else response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
}

async function serveUpstream(
  answer: (isStream: boolean, response: ServerResponse, call: number) => void = answerPlainly,
): Promise<TestUpstream> {
  let calls = 0;
  const server = createServer((incoming, response) => {
    let body = '';
    incoming
      .on('data', (chunk: Buffer) => (body += chunk.toString()))
      .on('end', () => {
        calls += 1;
        answer((JSON.parse(body) as { stream?: boolean }).stream === true, response, calls);
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.add({ close: () => server.close().closeAllConnections() });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
}

async function startTier(upstream: TestUpstream, options: ResponseCacheOptions): Promise<TestGateway> {
  const responses = createResponseTier({ isOn: true, secret: SECRET, ...options });
  return cleanUp.add(
    await startTestGateway(upstream.url, { responses, engine: { secret: new Uint8Array(SECRET) } }),
  );
}

interface Asked {
  readonly http: number;
  readonly status: string;
  readonly text: string;
  readonly id: string | null;
}

async function ask(
  url: string,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Asked> {
  const sent = { method: 'POST', body: request(more), headers: { ...HEADERS, ...headers } };
  const answer = await fetch(`${url}/v1/messages`, sent);
  const status = answer.headers.get('cache-status') ?? '';
  return {
    http: answer.status,
    status,
    text: await answer.text(),
    id: answer.headers.get('x-cachewright-id'),
  };
}

const ORDER = { path: '/api/v1/responses/purge', headers: ['x-cachewright-admin', '1'] };

async function until(isSo: () => Promise<boolean> | boolean, limitMs: number): Promise<number> {
  const fromMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - fromMs > limitMs) throw new Error(`not so after ${limitMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return performance.now() - fromMs;
}

/** For what is not about time. */
const PATIENT = { timeoutMs: 2_000 };

type StoreKind = 'redis' | 'memcached';

/** Two gateways on one real store. */
async function pair(kind: StoreKind, upstream: TestUpstream): Promise<readonly TestGateway[]> {
  const open = await serverOf(kind);
  const stores = await Promise.all([open(), open()]);
  return Promise.all(stores.map((store) => startTier(upstream, { store: cleanUp.add(store) })));
}

async function serverOf(
  kind: StoreKind,
  more: { readonly timeoutMs?: number } = {},
): Promise<() => Promise<CacheStore>> {
  if (kind === 'redis') {
    const redis = cleanUp.add(await startRedis());
    return () => openRedisCache({ url: redis.url, ...more });
  }
  const memcached = await startMemcached();
  cleanUp.add({ close: () => memcached.kill() });
  return () => openMemcachedCache({ server: memcached.server, ...more });
}

describe.each(['redis', 'memcached'] as const)('the purge endpoint of two gateways on %s', (kind) => {
  it.skipIf(kind === 'redis' ? !hasRedis : !hasMemcached)(
    'drops answers in both of them within a second, by every name that they have',
    { timeout: 30_000 },
    async () => {
      const upstream = await serveUpstream();
      const [first, second] = await pair(kind, upstream);
      if (!first || !second) throw new Error('two are needed');
      const tags = { 'x-cachewright-tags': 'prices' };
      await ask(first.url, {}, tags);
      const { scope } = await first.ledger.next();
      const targets = [{ tag: 'prices' }, { model: 'claude-opus-5-5' }, { scope }, { all: true }];
      for (const target of targets) {
        await ask(first.url, {}, tags);
        await until(async () => (await ask(second.url, {}, tags)).status.includes('hit'), 1_000);
        expect((await ask(second.url, {}, tags)).status).toContain('detail=memory');
        const before = upstream.calls();
        expect((await sendJson(first.admin.url, target, ORDER)).status).toBe(200);
        expect((await ask(first.url, {}, tags)).status).toContain('fwd=miss');
        // In the other one it is either dropped, or the new answer comes from the store.
        await until(async () => !(await ask(second.url, {}, tags)).status.includes('detail=memory'), 1_000);
        expect(upstream.calls()).toBeGreaterThan(before);
      }
      expect((await sendJson(first.admin.url, { tag: 'others' }, ORDER)).status).toBe(200);
      expect((await ask(first.url, {}, tags)).status).toContain('hit');
    },
  );
});

describe('the routes for exact answers on the admin listener', () => {
  it('refuse what is no order, and orders of strangers', async () => {
    const { admin } = await startTier(await serveUpstream(), {});
    for (const order of [
      {},
      { tag: '' },
      { tag: 1 },
      { all: false },
      { tag: 'a', model: 'b' },
      { name: 'x' },
      [],
    ])
      expect((await sendJson(admin.url, order, ORDER)).status).toBe(400);
    expect((await sendJson(admin.url, { all: true }, { ...ORDER, headers: [] })).status).toBe(403);
  });

  it('show what the tier has done', async () => {
    const { admin, url } = await startTier(await serveUpstream(), {});
    await ask(url);
    await ask(url);
    await ask(url, { temperature: 1 });
    expect((await getJson(admin.url, '/api/v1/responses')).value).toMatchObject({
      isOn: true,
      requests: 3,
      hits: { memory: 1, store: 0 },
      misses: 1,
      bypassed: { temperature: 1 },
      stored: 1,
      unpriced: 0,
      savedUsd: expect.any(Number) as number,
      savedPicoUsd: expect.stringMatching(/^[1-9]\d*$/) as string,
      store: { kind: null, calls: 0, isFailing: false },
    });
  });

  it('say so when the store was not told', { timeout: 20_000 }, async () => {
    if (!hasRedis) return;
    const redis = cleanUp.add(await startRedis());
    const store = cleanUp.add(await openRedisCache({ url: redis.url }));
    const { admin } = await startTier(await serveUpstream(), { store });
    redis.freeze();
    const answer = await sendJson(admin.url, { tag: 'a' }, ORDER);
    redis.thaw();
    expect(answer.status).toBe(503);
  });
});

describe.skipIf(!hasRedis)('gateways that share a Redis server', () => {
  it.each([false, true])(
    'send 200 requests at one time once, JSON and streams mixed; answers kept on Memcached: %s',
    { timeout: 30_000 },
    async (isOnMemcached) => {
      if (isOnMemcached && !hasMemcached) return;
      const hold = Promise.withResolvers<void>();
      const upstream = await serveUpstream((isStream, response) => {
        void hold.promise.then(() => answerPlainly(isStream, response));
      });
      const redis = cleanUp.add(await startRedis());
      const { url } = redis;
      const open = isOnMemcached
        ? await serverOf('memcached', PATIENT)
        : () => openRedisCache({ url, ...PATIENT });
      const gateways = await Promise.all(
        [0, 1].map(async () => {
          const store = cleanUp.add(await open());
          const flights = isOnMemcached
            ? { flights: cleanUp.add(await openRedisFlights({ url, ...PATIENT })) }
            : {};
          // One call is what is asked for here, however busy the machine is.
          return startTier(upstream, { store, storeWaitMs: 2_000, ...flights });
        }),
      );
      const answers = Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          ask(gateways[index % 2]?.url ?? '', { stream: index % 3 === 0 }),
        ),
      );
      await until(() => upstream.calls() > 0, 5_000);
      hold.resolve();
      const given = await answers;
      expect(upstream.calls()).toBe(1);
      expect(given.every(({ http, text }) => http === 200 && text.includes('Fine.'))).toBe(true);
      expect(given.filter(({ status }) => status.includes('fwd=miss'))).toHaveLength(1);
      // Whoever arrives when it is over gets it from what is kept.
      expect(given.filter(({ status }) => /collapsed|; hit/.test(status))).toHaveLength(199);
      const recorded = (): number => gateways.reduce((sum, { ledger }) => sum + ledger.summary().requests, 0);
      await until(() => recorded() === 200, 5_000);
    },
  );

  it('take over from one that is killed in the middle of a stream', { timeout: 60_000 }, async () => {
    const upstream = await serveUpstream((isStream, response, call) => {
      if (call > 1) return answerPlainly(isStream, response);
      return void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(messageEvents().slice(0, 3).join(''));
    });
    const redis = cleanUp.add(await startRedis());
    const secretFile = join(folder, 'secret');
    writeFileSync(secretFile, SECRET.toString('hex'), { mode: 0o600 });
    const own = ['--data-dir', folder, '--secret-file', secretFile, '--redis', redis.url];
    const args = ['serve', '--upstream', upstream.url, '--port', '0', '--admin-port', '0', ...own];
    const leader = await startCli([...args, '--response-cache', '60'], ['gateway', 'admin']);
    cleanUp.add({ close: () => leader.signal('SIGKILL') });
    const { readSharedSecret } = await import('../../src/cli/data-dir.ts');
    const store = cleanUp.add(await openRedisCache({ url: redis.url, name: 'responses' }));
    const follower = await startTier(upstream, { store, secret: readSharedSecret(secretFile) });
    const cut = ask(leader.urls['gateway'] ?? '', { stream: true }).catch((error: unknown) => error);
    await until(() => upstream.calls() === 1, 10_000);
    const answers = Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(follower.url, { stream: index % 2 === 0 })),
    );
    await waitingAt(redis.url);
    leader.signal('SIGKILL');
    const given = await answers;
    expect(await cut).toBeInstanceOf(Error);
    expect(upstream.calls()).toBe(2);
    expect(given.every(({ http }) => http === 200)).toBe(true);
    for (const { text } of given)
      expect(
        text.includes('event: message_stop') ||
          (JSON.parse(text) as { stop_reason: string }).stop_reason === 'end_turn',
      ).toBe(true);
    expect((await ask(follower.url)).status).toContain('hit');
  });

  it('wait for a server that freezes once, and shortly', { timeout: 30_000 }, async () => {
    const upstream = await serveUpstream();
    const redis = cleanUp.add(await startRedis());
    const store = cleanUp.add(await openRedisCache({ url: redis.url }));
    const { url } = await startTier(upstream, { store });
    await ask(url, { metadata: { user_id: 'warm' } });
    redis.freeze();
    const waits: number[] = [];
    for (let number = 0; number < 12; number += 1) {
      const fromMs = performance.now();
      expect((await ask(url, { number })).http).toBe(200);
      waits.push(performance.now() - fromMs);
    }
    redis.thaw();
    // Three calls without an answer, each within its time, and then none waits; the rest is the request's own way.
    expect(waits.filter((ms) => ms > 45).length).toBeLessThanOrEqual(4);
    expect(Math.max(...waits)).toBeLessThan(150);
  });
});

/** Resolves when somebody waits for what another fetches. */
async function waitingAt(url: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(url);
  while ((await client.keys('*:wanted')).length === 0);
  client.disconnect();
}
