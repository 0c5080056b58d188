import { randomBytes } from 'node:crypto';

import { afterEach, describe, expect, it } from 'vitest';

import {
  openMemcachedCache,
  openRedisCache,
  responseCache,
  type CacheStore,
} from '../../src/responses/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { hasMemcached, startMemcached } from '../support/memcached-server.ts';
import { messageJson } from '../support/messages.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { createUpstream, HEADERS, jsonAnswer, request, textOf } from '../responses/upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const SECRET = 'a secret that is long enough';
const DAY_MS = 24 * 3_600_000;

async function memcached(args: readonly string[] = []): Promise<CacheStore> {
  const server = await startMemcached(args);
  cleanUp.add({ close: () => server.kill() });
  return cleanUp.add(await openMemcachedCache({ server: server.server, timeoutMs: 5_000 }));
}

/** Text that cannot be compressed below its length in bytes by much. */
function longText(bytes: number): string {
  return randomBytes(bytes).toString('base64');
}

describe.runIf(hasMemcached)('on memcached', () => {
  it('an answer above 1 MiB is kept in memory, counted, and given whole', async () => {
    const cache = responseCache({ store: await memcached(), secret: SECRET, storeWaitMs: 5_000 });
    const answer = messageJson().replace('Fine.', longText(2_000_000));
    const { send, asked } = createUpstream(() => jsonAnswer(answer));
    const call = { body: request(), headers: HEADERS };
    for (const kind of ['miss', 'hit']) {
      const given = await cache.answer(call, send);
      expect(await textOf(given.body)).toBe(answer);
      expect(given.served.kind).toBe(kind);
    }
    await cache.settle();
    expect(asked).toHaveLength(1);
    expect(cache.summary().store).toMatchObject({ tooLarge: 1, failures: 0 });
  });

  it('says of a value that only the server finds too large that it is, and goes on', async () => {
    const store = await memcached(['-m', '64', '-I', '128k', '-o', 'slab_chunk_max=64']);
    const put = (bytes: number): Promise<void> => store.put('k', randomBytes(bytes), 60_000);
    await expect(put(500_000)).rejects.toMatchObject({ code: 'STORE_VALUE_TOO_LARGE' });
    await put(10_000);
    expect(await store.get('k')).toHaveLength(10_000);
  });

  it('keys of any length and letters are apart, and lifetimes may be longer than thirty days', async () => {
    const store = await memcached();
    const long = 'k'.repeat(251);
    const keys = [long, `${long}1`, `${long}2`, 'k'.repeat(200), 'ä b\r\nset x 0 0 1', 'k'.repeat(10_000)];
    for (const [index, key] of keys.entries())
      await store.put(key, Buffer.from([index]), (index + 29) * DAY_MS);
    for (const [index, key] of keys.entries()) expect([...((await store.get(key)) ?? [])]).toEqual([index]);
  });
});

describe.runIf(hasRedis)('on a redis with another password', () => {
  it('every request is answered by the upstream without waiting, and the credential is shown nowhere', async () => {
    const server = cleanUp.add(await startRedis({ password: 'right-secret' }));
    const store = cleanUp.add(
      await openRedisCache({ url: `redis://:wrong-secret@127.0.0.1:${server.port}` }),
    );
    const cache = responseCache({ store, secret: SECRET });
    const { send } = createUpstream();
    for (let number = 0; number < 20; number += 1) {
      const answer = await cache.answer({ body: request({ number }), headers: HEADERS }, send);
      expect(answer.status).toBe(200);
      await textOf(answer.body);
    }
    await cache.settle();
    const { timeouts, failures, calls } = cache.summary().store;
    expect({ timeouts, failures }).toEqual({ timeouts: 0, failures: calls });
    const error = await store.get('k').catch((failure: unknown) => String(failure));
    expect(error).toMatch(/credential|cannot be reached/);
    expect(error).not.toMatch(/secret/);
  });
});
