import { afterPatience, type Time } from '../runtime/index.ts';
import { StoreError, type CacheStore } from '../store/index.ts';

/** Nobody waits for a write: it may take that many times as long as a read. */
const WRITE_SHARE = 20;

/** The result, or what `late` makes of it when it does not come in time; what comes later is dropped. */
function untilTime<Result>(
  work: Promise<Result>,
  waitMs: number,
  time: Time,
  late: (resolve: (result: Result) => void, reject: (error: Error) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = afterPatience(time, waitMs, () => late(resolve, reject));
    work.then(
      (result) => {
        cancel();
        resolve(result);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** The result, or null when it does not come in time; what comes later is dropped. */
export function inTime<Result>(
  work: Promise<Result | null>,
  waitMs: number,
  time: Time,
): Promise<Result | null> {
  return untilTime(work, waitMs, time, (resolve) => resolve(null));
}

/** The same store, of which no call lasts for ever, whoever wrote it. */
export function boundedStore(store: CacheStore, waitMs: number, time: Time): CacheStore {
  const bound = <Result>(work: Promise<Result>, limitMs: number): Promise<Result> =>
    untilTime(work, limitMs, time, (_resolve, reject) => {
      const message = `the ${store.kind} store did not answer within ${limitMs} ms`;
      reject(new StoreError('STORE_UNUSABLE', message));
    });
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
