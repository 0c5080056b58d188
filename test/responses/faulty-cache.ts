import { StoreError, type CacheStore } from '../../src/store/index.ts';

/** What may go wrong in one call. */
export type Fault = 'none' | 'fails' | 'silent' | 'corrupts' | 'forgets' | 'other-value';

/** A cache in front of another, in which each call goes wrong as the test says. */
export function faultyCache(below: CacheStore, nextFault: () => Fault): CacheStore {
  let lastRead: Uint8Array | null = null;
  const run = async <Result>(work: () => Promise<Result>, forgotten: Result | Error): Promise<Result> => {
    const fault = nextFault();
    if (fault === 'fails' || (fault === 'forgets' && forgotten instanceof Error))
      throw new StoreError('STORE_UNUSABLE', 'it does not answer');
    if (fault === 'silent') return new Promise(() => undefined);
    return fault === 'forgets' && !(forgotten instanceof Error) ? forgotten : work();
  };
  return {
    kind: 'faulty',
    async get(key) {
      const fault = nextFault();
      const found = await run(() => below.get(key), null);
      const other = lastRead;
      if (found) lastRead = found;
      if (fault === 'other-value') return other;
      if (fault === 'corrupts' && found)
        return found.map((byte, at) => (at === found.length >> 1 ? byte ^ 1 : byte));
      return found;
    },
    put: (key, bytes, ttlMs) => run(() => below.put(key, bytes, ttlMs), undefined),
    remove: (key) => run(() => below.remove(key), undefined),
    readMarks: (names) =>
      run(
        () => below.readMarks(names),
        names.map(() => null),
      ),
    setMark: (name, value, isOnlyIfAbsent) =>
      // A mark that is lost is none; one that is as it was before would be a store that lies.
      run(() => below.setMark(name, value, isOnlyIfAbsent), new Error('it keeps what it has')),
    close: () => below.close(),
  };
}
