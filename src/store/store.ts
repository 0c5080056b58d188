/** Names one state of one key. Compare for equality only; never used twice, not even after a removal. */
export type StoreVersion = string;

/** A value with what is needed to replace it safely. */
export interface StoredValue {
  /** A copy: changing it changes nothing in the store. */
  readonly bytes: Uint8Array;
  readonly version: StoreVersion;
  /** When it goes away by itself, ms since 1970 UTC; null: never. */
  readonly expiresMs: number | null;
}

/** What `list` tells of a key. */
export interface StoredKey {
  readonly key: string;
  readonly version: StoreVersion;
  readonly sizeBytes: number;
  readonly expiresMs: number | null;
}

export interface PutOptions {
  /** Keep it no longer than this. @default for ever */
  readonly ttlMs?: number;
  /** Write only if the key is in this state; null: only if there is no such key. @default write in any case */
  readonly ifVersion?: StoreVersion | null;
}

export interface ListOptions {
  /** Only keys that come after this one. */
  readonly after?: string;
  /** Keys in one answer. @default 1000, which is also the most */
  readonly limit?: number;
}

/**
 * A small key-value store: bytes under keys, with compare-and-set, lifetimes and lists. It is what registries, learned
 * state and checkpoints are kept in, whatever database lies below.
 *
 * Keys are 1 to 250 printable ASCII characters without spaces, which every database takes. A key that has expired is
 * as if it were not there. Every call is atomic: it happens as a whole or not at all, for other processes too.
 */
export interface Store {
  /** null when there is no such key. */
  get(key: string): Promise<StoredValue | null>;
  /**
   * The new version; null when `ifVersion` says otherwise, and then nothing was changed.
   *
   * @throws StoreError `STORE_VALUE_TOO_LARGE`, or `STORE_FULL` where the store does not drop the oldest.
   */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<StoreVersion | null>;
  /** Was there such a key, in the given version if one is given, so that it was removed? */
  remove(key: string, ifVersion?: StoreVersion): Promise<boolean>;
  /** Keys that begin with a prefix, in the order of their bytes. */
  list(prefix: string, options?: ListOptions): Promise<readonly StoredKey[]>;
  /** Any call after this one is refused with `STORE_CLOSED`. */
  close(): Promise<void>;
}

/** How much a store may hold. */
export interface StoreLimits {
  readonly keysMax: number;
  /** Keys and values together. */
  readonly bytesMax: number;
  readonly valueBytesMax: number;
  /**
   * What happens to a value that no longer fits: `refuse` it, for state that nobody may lose, or `drop-oldest`, those
   * written longest ago, for what can be made again.
   */
  readonly whenFull: 'refuse' | 'drop-oldest';
}

export const defaultStoreLimits: StoreLimits = {
  keysMax: 100_000,
  bytesMax: 256 * 1024 * 1024,
  valueBytesMax: 16 * 1024 * 1024,
  whenFull: 'refuse',
};

export type StoreErrorCode =
  | 'STORE_BAD_KEY'
  | 'STORE_VALUE_TOO_LARGE'
  | 'STORE_FULL'
  | 'STORE_CLOSED'
  | 'STORE_CONFLICT'
  | 'STORE_FOREIGN'
  | 'STORE_UNUSABLE';

/** A store cannot do what was asked; `message` is a sentence for people. */
export class StoreError extends Error {
  override readonly name = 'StoreError' as const;
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Something was wrong with stored state and has been dealt with: it lies aside, and we began anew. */
export interface StoreProblem {
  readonly kind: 'corrupt-file' | 'corrupt-value';
  /** The file, or the key. */
  readonly what: string;
  /** Where it lies now; null when it could not be kept. */
  readonly movedTo: string | null;
  /** A sentence for people. */
  readonly message: string;
}

/** Called once for each problem; must not throw. */
export type OnStoreProblem = (problem: StoreProblem) => void;

const KEY_PATTERN = /^[\x21-\x7e]{1,250}$/;

/** @throws StoreError `STORE_BAD_KEY` */
export function checkKey(key: string): void {
  if (KEY_PATTERN.test(key)) return;
  const shown = JSON.stringify(key.slice(0, 80));
  throw new StoreError(
    'STORE_BAD_KEY',
    `a key is 1 to 250 printable ASCII characters without spaces, got ${shown}`,
  );
}

/** Refuses what can never be stored, and says when the value will expire: null for never. */
export function checkPut(
  key: string,
  bytes: Uint8Array,
  { ttlMs }: PutOptions,
  limits: StoreLimits,
  nowMs: number,
): number | null {
  checkKey(key);
  const most = Math.min(limits.valueBytesMax, limits.bytesMax - key.length);
  if (bytes.length > most) {
    const message = `the value of ${key} has ${bytes.length} bytes, the most is ${most}`;
    throw new StoreError('STORE_VALUE_TOO_LARGE', message);
  }
  if (ttlMs === undefined) return null;
  if (!Number.isFinite(ttlMs) || ttlMs <= 0)
    throw new RangeError(`ttlMs must be a positive number, got ${ttlMs}`);
  return nowMs + Math.ceil(ttlMs);
}

/** Keys in one answer of `list`. */
const LIST_LIMIT_MAX = 1000;

/** How many keys a list may give. */
export function listLimit({ limit = LIST_LIMIT_MAX }: ListOptions): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_LIMIT_MAX)
    throw new RangeError(`limit must be a whole number from 1 to ${LIST_LIMIT_MAX}, got ${limit}`);
  return limit;
}

/** The store holds as much as it may and drops nothing by itself. */
export function fullError(limits: StoreLimits): StoreError {
  const message = `the store holds as much as it may: ${limits.keysMax} keys, ${limits.bytesMax} bytes`;
  return new StoreError('STORE_FULL', message);
}

/** Every key with a prefix, page by page; those that come and go meanwhile may be missed. */
export async function listAll(store: Store, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let after = ''; ;) {
    const page = await store.list(prefix, { after });
    keys.push(...page.map(({ key }) => key));
    const last = page.at(-1);
    if (!last || page.length < LIST_LIMIT_MAX) return keys;
    after = last.key;
  }
}
