import type { Store } from './store.ts';
import type { StatePlace } from './state-place.ts';

/** How long a value that could not be used is kept. */
const ASIDE_TTL_MS = 30 * 24 * 3_600_000;

/**
 * One key of a store as a place for state; a value that cannot be used is kept under `corrupt/KEY` for 30 days.
 *
 * @example const place = placeInStore(await openRedisStore({ url }), 'learned-state');
 */
export function placeInStore(store: Store, key: string): StatePlace {
  return {
    shown: `the store under ${key}`,
    async read() {
      return (await store.get(key))?.bytes ?? null;
    },
    async write(bytes) {
      await store.put(key, bytes);
    },
    async setAside() {
      const known = await store.get(key);
      const movedTo = `corrupt/${key}`;
      if (known) {
        await store.put(movedTo, known.bytes, { ttlMs: ASIDE_TTL_MS });
        await store.remove(key, known.version);
      }
      return movedTo;
    },
  };
}
