import type { SharedFlights } from '../redis/redis-flights.ts';
import { StoreError } from '../store.ts';

/**
 * A store for what can be made again: it may lose anything at any time, and every call ends soon.
 *
 * Marks are short texts beside the values. Whoever keeps a value notes the marks that it depends on; once one of them
 * is changed or lost, the value no longer counts. That is how many values are dropped at once, where a database can
 * not even list them.
 */
export interface CacheStore {
  /** What kind of store, for people. */
  readonly kind: string;
  /** Where those who share the store can agree on who fetches what it does not hold; missing where that cannot be. */
  readonly flights?: SharedFlights;
  /** null when there is no such value. */
  get(key: string): Promise<Uint8Array | null>;
  /** @throws StoreError `STORE_VALUE_TOO_LARGE`, `STORE_FULL`, `STORE_UNUSABLE` */
  put(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>;
  remove(key: string): Promise<void>;
  /** The marks' values, in the order of their names; null for one that is not there. */
  readMarks(names: readonly string[]): Promise<readonly (string | null)[]>;
  /** Sets a mark, or only one that is not there. Kept for about thirty days. */
  setMark(name: string, value: string, isOnlyIfAbsent: boolean): Promise<void>;
  close(): Promise<void>;
}

/** How long marks are kept. A mark that is lost costs what depends on it and nothing else. */
export const MARK_TTL_MS: number = 30 * 24 * 3_600_000;

/** @throws RangeError for a lifetime that is none. */
export function checkTtl(ttlMs: number): number {
  if (Number.isFinite(ttlMs) && ttlMs > 0) return Math.ceil(ttlMs);
  throw new RangeError(`ttlMs must be a positive number, got ${ttlMs}`);
}

/** @throws StoreError `STORE_VALUE_TOO_LARGE` */
export function checkSize(key: string, bytes: Uint8Array, bytesMax: number): void {
  if (bytes.length <= bytesMax) return;
  const message = `the value of ${key.slice(0, 80)} has ${bytes.length} bytes, the most is ${bytesMax}`;
  throw new StoreError('STORE_VALUE_TOO_LARGE', message);
}
