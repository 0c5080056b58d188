import { expect, it } from 'vitest';

import { createUpstream, HEADERS, request } from '../../test/responses/upstream.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import { createMemoryCache, type CacheStore } from '../store/index.ts';
import { Patience } from './patience.ts';
import { responseCache } from './response-cache.ts';

const STORE_WAIT_MS = 40;
const SECRET = 'a secret that is long enough';

/** Lets time pass in steps until the work is done; the time that it took. */
async function timeOf(work: Promise<unknown>, time: ManualTime): Promise<number> {
  const fromMs = time.nowMs();
  let isDone = false;
  void work.then(() => (isDone = true));
  for (let steps = 0; !isDone && steps < 1_000; steps += 1) {
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
    if (!isDone) time.advance(1);
  }
  return time.nowMs() - fromMs;
}

/** A store that can stand still. */
function freezable(time: ManualTime): { readonly store: CacheStore; readonly freeze: () => void } {
  const below = createMemoryCache({ clock: time });
  let isFrozen = false;
  const within = <Result>(work: () => Promise<Result>): Promise<Result> =>
    isFrozen ? new Promise(() => undefined) : work();
  const store: CacheStore = {
    kind: 'freezable',
    get: (key) => within(() => below.get(key)),
    put: (key, bytes, ttlMs) => within(() => below.put(key, bytes, ttlMs)),
    remove: (key) => within(() => below.remove(key)),
    readMarks: (names) => within(() => below.readMarks(names)),
    setMark: (name, value, isOnlyIfAbsent) => within(() => below.setMark(name, value, isOnlyIfAbsent)),
    close: () => below.close(),
  };
  return { store, freeze: () => (isFrozen = true) };
}

it('of a request whose answer in memory was just purged lasts no longer than that of any other', async () => {
  const time = new ManualTime();
  const { store, freeze } = freezable(time);
  const cache = responseCache({
    store,
    secret: SECRET,
    clock: time,
    timers: time,
    storeWaitMs: STORE_WAIT_MS,
  });
  const { send, asked } = createUpstream();
  const call = { body: request(), headers: HEADERS, tags: ['prices'] };
  await cache.answer(call, send);
  await cache.settle();
  // What is known of marks is old by now.
  time.advance(1_000);
  freeze();
  cache.purge({ tag: 'prices' }).catch(() => undefined);
  const tookMs = await timeOf(cache.answer(call, send), time);
  expect(asked).toHaveLength(2);
  expect(tookMs).toBeGreaterThanOrEqual(STORE_WAIT_MS);
  expect(tookMs).toBeLessThan(STORE_WAIT_MS + 10);
});

it('is one for all that a request waits for', async () => {
  const time = new ManualTime();
  const patience = new Patience({ clock: time, timers: time, storeWaitMs: STORE_WAIT_MS });
  const never = new Promise<null>(() => undefined);
  const part = Promise.withResolvers<string>();
  const first = patience.wait(part.promise);
  time.advance(30);
  part.resolve('it');
  expect(await first).toBe('it');
  expect(patience.leftMs).toBe(10);
  expect(await timeOf(patience.wait(never), time)).toBeLessThan(15);
  expect(patience.leftMs).toBe(0);
  expect(await timeOf(patience.wait(never), time)).toBeLessThan(5);
});
