/** Where state is kept: one small port, in memory or in a file. */
import type { SqliteStoreOptions } from './sqlite/sqlite-store.ts';
import type { Store } from './store.ts';

export { createDocuments, type Documents, type ReadDocument } from './documents.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export type { SqliteStoreOptions } from './sqlite/sqlite-store.ts';
export {
  defaultStoreLimits,
  listAll,
  StoreError,
  type ListOptions,
  type OnStoreProblem,
  type PutOptions,
  type Store,
  type StoreErrorCode,
  type StoreLimits,
  type StoreProblem,
  type StoreVersion,
  type StoredKey,
  type StoredValue,
} from './store.ts';

/**
 * A store in a file, shared by the processes of one machine; the database is loaded by this call, not by importing.
 *
 * @example const store = await openSqliteStore({ file: '/var/lib/my-app/content.db', onProblem: console.warn });
 * @throws StoreError `STORE_UNUSABLE` when the file cannot be had, `STORE_FOREIGN` when it is another program's.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { SqliteStore } = await import('./sqlite/sqlite-store.ts');
  return new SqliteStore(options);
}
