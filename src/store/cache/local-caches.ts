import type { Clock } from '../../runtime/index.ts';
import { createMemoryStore, type MemoryStoreOptions } from '../memory-store.ts';
import type { OnStoreProblem, StoreLimits } from '../store.ts';
import { CacheOnStore } from './cache-on-store.ts';
import type { CacheStore } from './cache-store.ts';

export interface SqliteCacheOptions {
  /** Path of the database file; marks are kept in `FILE.marks`. */
  readonly file: string;
  /** @default 256 MiB */
  readonly bytesMax?: number;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** Told when a file was found damaged, moved aside and replaced by an empty one. */
  readonly onProblem?: OnStoreProblem;
}

const BYTES_MAX = 256 * 1024 * 1024;
const MARKS_BYTES_MAX = 32 * 1024 * 1024;

function dropOldest(bytesMax: number): Partial<StoreLimits> {
  return { bytesMax, keysMax: 1_000_000, whenFull: 'drop-oldest' };
}

/** A cache that lives as long as the process: the first level of another process, or for tests. */
export function createMemoryCache(options: Partial<MemoryStoreOptions> = {}): CacheStore {
  const limits = { ...dropOldest(BYTES_MAX), ...options.limits };
  const marks = createMemoryStore({ ...options, limits: dropOldest(MARKS_BYTES_MAX) });
  return new CacheOnStore('memory', createMemoryStore({ ...options, limits }), marks);
}

/**
 * A cache in a file, shared by the processes of one machine; the database is loaded by this call. What was written longest
 * ago makes room for what is new.
 *
 * @throws StoreError `STORE_UNUSABLE` when the file cannot be had, `STORE_FOREIGN` when it is another program's.
 */
export async function openSqliteCache(options: SqliteCacheOptions): Promise<CacheStore> {
  const { SqliteStore } = await import('../sqlite/sqlite-store.ts');
  const { file, bytesMax = BYTES_MAX, clock, onProblem } = options;
  const shared = { ...(clock ? { clock } : {}), ...(onProblem ? { onProblem } : {}) };
  const values = new SqliteStore({ ...shared, file, limits: dropOldest(bytesMax) });
  try {
    const marks = new SqliteStore({ ...shared, file: `${file}.marks`, limits: dropOldest(MARKS_BYTES_MAX) });
    return new CacheOnStore('sqlite', values, marks);
  } catch (error) {
    await values.close();
    throw error;
  }
}
