import { hash } from 'node:crypto';

import type { Store } from '../store.ts';
import { checkTtl, MARK_TTL_MS, type CacheStore } from './cache-store.ts';

const KEY_PATTERN = /^[\x21-\x7e]{1,250}$/;

/** A key that every store takes: one that is not is replaced by its hash. */
function storeKey(key: string): string {
  return KEY_PATTERN.test(key) ? key : `sha256.${hash('sha256', key, 'hex')}`;
}

/** A cache on two stores of the small port: one for values, and one for marks, which are not to be driven out by them. */
export class CacheOnStore implements CacheStore {
  readonly kind: string;
  readonly #values: Store;
  readonly #marks: Store;

  constructor(kind: string, values: Store, marks: Store) {
    this.kind = kind;
    this.#values = values;
    this.#marks = marks;
  }

  async get(key: string): Promise<Uint8Array | null> {
    return (await this.#values.get(storeKey(key)))?.bytes ?? null;
  }

  async put(key: string, bytes: Uint8Array, ttlMs: number): Promise<void> {
    await this.#values.put(storeKey(key), bytes, { ttlMs: checkTtl(ttlMs) });
  }

  async remove(key: string): Promise<void> {
    await this.#values.remove(storeKey(key));
  }

  async readMarks(names: readonly string[]): Promise<readonly (string | null)[]> {
    const found = await Promise.all(names.map((name) => this.#marks.get(storeKey(name))));
    return found.map((value) => (value ? Buffer.from(value.bytes).toString('utf8') : null));
  }

  async setMark(name: string, value: string, isOnlyIfAbsent: boolean): Promise<void> {
    const condition = isOnlyIfAbsent ? { ifVersion: null } : {};
    await this.#marks.put(storeKey(name), Buffer.from(value), { ttlMs: MARK_TTL_MS, ...condition });
  }

  async close(): Promise<void> {
    await Promise.all([this.#values.close(), this.#marks.close()]);
  }
}
