import { systemClock, type Clock } from '../runtime/index.ts';
import {
  checkKey,
  checkPut,
  defaultStoreLimits,
  fullError,
  listLimit,
  StoreError,
  type ListOptions,
  type PutOptions,
  type Store,
  type StoredKey,
  type StoreLimits,
  type StoredValue,
  type StoreVersion,
} from './store.ts';

export interface MemoryStoreOptions {
  /** @default the machine's clock */
  readonly clock: Clock;
  readonly limits: Partial<StoreLimits>;
}

/** What the store holds, in the order of writing: a key that is written again goes to the end. */
class HeldValues {
  readonly #values = new Map<string, StoredValue>();
  readonly #limits: StoreLimits;
  #usedBytes = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  find(key: string, nowMs: number): StoredValue | null {
    const value = this.#values.get(key);
    if (!value || value.expiresMs === null || nowMs < value.expiresMs) return value ?? null;
    this.forget(key);
    return null;
  }

  forget(key: string): void {
    const value = this.#values.get(key);
    if (!value) return;
    this.#usedBytes -= key.length + value.bytes.length;
    this.#values.delete(key);
  }

  hold(key: string, value: StoredValue, nowMs: number): void {
    this.#makeRoom(key, value.bytes, nowMs);
    this.forget(key);
    this.#values.set(key, value);
    this.#usedBytes += key.length + value.bytes.length;
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** What has expired goes first, then, where that is allowed, the oldest. The key's own old value does not count. */
  #makeRoom(key: string, bytes: Uint8Array, nowMs: number): void {
    const own = this.#values.get(key);
    const addedKeys = own ? 0 : 1;
    const addedBytes = bytes.length - (own ? own.bytes.length : -key.length);
    const isOver = (): boolean =>
      this.#values.size + addedKeys > this.#limits.keysMax ||
      this.#usedBytes + addedBytes > this.#limits.bytesMax;
    if (!isOver()) return;
    for (const other of this.#values.keys()) this.find(other, nowMs);
    if (isOver() && this.#limits.whenFull === 'refuse') throw fullError(this.#limits);
    for (const other of this.#values.keys()) {
      if (!isOver()) return;
      if (other !== key) this.forget(other);
    }
  }
}

class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #limits: StoreLimits;
  #held: HeldValues | null;
  #lastVersion = 0;

  constructor(clock: Clock, limits: StoreLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#held = new HeldValues(limits);
  }

  async get(key: string): Promise<StoredValue | null> {
    checkKey(key);
    const value = this.#open().find(key, this.#clock.nowMs());
    return value && { ...value, bytes: value.bytes.slice() };
  }

  // Nothing is awaited inside a call, which makes each of them atomic.
  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<StoreVersion | null> {
    const nowMs = this.#clock.nowMs();
    const expiresMs = checkPut(key, bytes, options, this.#limits, nowMs);
    const known = this.#open().find(key, nowMs);
    if (options.ifVersion !== undefined && options.ifVersion !== (known?.version ?? null)) return null;
    const version = String(this.#lastVersion + 1);
    this.#open().hold(key, { bytes: new Uint8Array(bytes), version, expiresMs }, nowMs);
    this.#lastVersion += 1;
    return version;
  }

  async remove(key: string, ifVersion?: StoreVersion): Promise<boolean> {
    checkKey(key);
    const known = this.#open().find(key, this.#clock.nowMs());
    if (!known || (ifVersion !== undefined && ifVersion !== known.version)) return false;
    this.#open().forget(key);
    return true;
  }

  async list(prefix: string, options: ListOptions = {}): Promise<readonly StoredKey[]> {
    const held = this.#open();
    const limit = listLimit(options);
    const after = options.after ?? '';
    const nowMs = this.#clock.nowMs();
    const keys = held.keys().filter((key) => key.startsWith(prefix) && key > after);
    const found = keys.toSorted().flatMap((key) => {
      const value = held.find(key, nowMs);
      return value
        ? [{ key, version: value.version, sizeBytes: value.bytes.length, expiresMs: value.expiresMs }]
        : [];
    });
    return found.slice(0, limit);
  }

  async close(): Promise<void> {
    this.#held = null;
  }

  #open(): HeldValues {
    if (!this.#held) throw new StoreError('STORE_CLOSED', 'the store is closed');
    return this.#held;
  }
}

/**
 * A store that lives as long as the process.
 *
 * @example const store = createMemoryStore({ limits: { keysMax: 1000, whenFull: 'drop-oldest' } });
 */
export function createMemoryStore(options: Partial<MemoryStoreOptions> = {}): Store {
  return new MemoryStore(options.clock ?? systemClock, { ...defaultStoreLimits, ...options.limits });
}
