import type { Timers } from '../runtime/index.ts';
import { StoreError, type CacheStore } from '../store/index.ts';

/** Nobody waits for a write: it may take that many times as long as a read. */
const WRITE_SHARE = 20;

/** The result, or null when it does not come in time; what comes later is dropped. */
export function inTime<Result>(
  work: Promise<Result>,
  waitMs: number,
  timers: Timers,
): Promise<Result | null> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(waitMs, () => resolve(null));
    work.then(resolve, reject).finally(cancel);
  });
}

/** The same store, of which no call lasts for ever, whoever wrote it. */
export function boundedStore(store: CacheStore, waitMs: number, timers: Timers): CacheStore {
  const bound = async <Result>(work: Promise<Result>, limitMs: number): Promise<Result> => {
    const done = await inTime(
      work.then((value) => ({ value })),
      limitMs,
      timers,
    );
    if (done) return done.value;
    throw new StoreError('STORE_UNUSABLE', `the ${store.kind} store did not answer within ${limitMs} ms`);
  };
  return {
    kind: store.kind,
    get: (key) => bound(store.get(key), waitMs),
    put: (key, bytes, ttlMs) => bound(store.put(key, bytes, ttlMs), waitMs * WRITE_SHARE),
    remove: (key) => bound(store.remove(key), waitMs * WRITE_SHARE),
    readMarks: (names) => bound(store.readMarks(names), waitMs),
    setMark: (name, value, isOnlyIfAbsent) => bound(store.setMark(name, value, isOnlyIfAbsent), waitMs),
    close: () => store.close(),
  };
}
