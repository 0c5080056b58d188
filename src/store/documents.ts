import { StoreError, type OnStoreProblem, type PutOptions, type Store } from './store.ts';

/** Reads one kind of document out of JSON; null when it has not the right shape. */
export type ReadDocument<Value> = (json: unknown) => Value | null;

/** JSON documents in a store. */
export interface Documents {
  /** null when there is none, or none that can be read. */
  read<Value>(key: string, read: ReadDocument<Value>): Promise<Value | null>;
  /**
   * Replaces a document by what `change` makes of it, which may be called again where another process was quicker;
   * null leaves it alone. Gives the document as it is afterwards.
   *
   * @throws StoreError `STORE_CONFLICT` when others were quicker every time.
   */
  update<Value>(
    key: string,
    read: ReadDocument<Value>,
    change: (value: Value | null) => Value | null,
    options?: Pick<PutOptions, 'ttlMs'>,
  ): Promise<Value | null>;
  /** Puts a value aside that is not what it should be, and tells; a later read finds nothing. */
  setAside(key: string, bytes: Uint8Array, version: string, why: string): Promise<void>;
}

/** Updates of one process wait for each other, so only other processes can be in the way. */
const TRIES_MAX = 100;

/** How long a document that could not be read is kept. */
const ASIDE_TTL_MS = 30 * 24 * 3_600_000;

const ASIDE_PREFIX = 'corrupt/';

function parse<Value>(bytes: Uint8Array, read: ReadDocument<Value>): Value | null {
  try {
    return read(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return null;
  }
}

/**
 * JSON documents on any store, with atomic updates. What cannot be read is moved to a key of its own for 30 days and
 * told to `onProblem`; then it is as if it were not there.
 *
 * @example await createDocuments(store).update('visits', readCount, (count) => (count ?? 0) + 1);
 */
export function createDocuments(store: Store, onProblem?: OnStoreProblem): Documents {
  const running = new Map<string, Promise<unknown>>();

  const setAside: Documents['setAside'] = async (key, bytes, version, why) => {
    const movedTo = `${ASIDE_PREFIX}${key}`.slice(0, 250);
    // Whoever removes it is the one who tells.
    if (!(await store.remove(key, version))) return;
    const isKept = await store.put(movedTo, bytes, { ttlMs: ASIDE_TTL_MS }).then(
      () => true,
      () => false,
    );
    const place = isKept ? `it was moved to ${movedTo}` : 'it was removed';
    const message = `the value of ${key} ${why}: ${place}, and we begin anew`;
    onProblem?.({ kind: 'corrupt-value', what: key, movedTo: isKept ? movedTo : null, message });
  };

  const load = async <Value>(
    key: string,
    read: ReadDocument<Value>,
  ): Promise<{ readonly value: Value; readonly version: string } | null> => {
    const stored = await store.get(key);
    if (!stored) return null;
    const value = parse(stored.bytes, read);
    if (value !== null) return { value, version: stored.version };
    await setAside(key, stored.bytes, stored.version, 'cannot be read');
    return null;
  };

  const change: Documents['update'] = async (key, read, makeNext, options = {}) => {
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const known = await load(key, read);
      const next = makeNext(known?.value ?? null);
      if (next === null) return known?.value ?? null;
      const bytes = new TextEncoder().encode(JSON.stringify(next));
      if ((await store.put(key, bytes, { ...options, ifVersion: known?.version ?? null })) !== null)
        return next;
    }
    throw new StoreError('STORE_CONFLICT', `${key} was changed by others ${TRIES_MAX} times in a row`);
  };

  return {
    read: async (key, read) => (await load(key, read))?.value ?? null,
    setAside,
    update(key, read, makeNext, options) {
      const before = running.get(key) ?? Promise.resolve();
      const mine = before.then(
        () => change(key, read, makeNext, options),
        () => change(key, read, makeNext, options),
      );
      running.set(key, mine);
      const forget = (): void => {
        if (running.get(key) === mine) running.delete(key);
      };
      mine.then(forget, forget);
      return mine;
    },
  };
}
