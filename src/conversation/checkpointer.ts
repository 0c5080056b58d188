import { createId, systemClock, systemRandom, type Clock } from '../runtime/index.ts';
import { listAll, type Store } from '../store/index.ts';
import { decodeCheckpoint, encodeCheckpoint, type CheckpointContent } from './checkpoint-format.ts';
import { CheckpointError } from './errors.ts';
import type { ConversationState } from './state.ts';

export interface CheckpointerOptions {
  /** In memory, in a SQLite file or on Redis; the caller closes it. */
  readonly store: Store;
  /** A checkpoint that was not saved again for so long goes away. @default never */
  readonly keepMs?: number;
  /** 32 bytes that checkpoints are encrypted with (AES-256-GCM). @default they are not */
  readonly encryptionKey?: Uint8Array;
  /** @default the machine's clock */
  readonly clock?: Clock;
}

/** A checkpoint that was opened. */
export interface OpenedCheckpoint {
  readonly state: ConversationState;
  readonly savedMs: number;
  /** Of the checkpoint in its store: who saves next names it. */
  readonly revision: string;
}

/** Saved conversations by id. */
export interface Checkpointer {
  /**
   * Saves a conversation in the place of the revision that it came from; null: there must be none yet. Gives the new one.
   *
   * @param writer the process that saves: its own unfinished saving is no conflict
   * @throws CheckpointError `CONFLICT` when somebody else has saved it meanwhile; StoreError.
   */
  save(id: string, state: ConversationState, revision: string | null, writer: string): Promise<string>;
  /** Is this still the newest revision, or one of the same writer's? */
  isCurrent(id: string, revision: string | null, writer: string): Promise<boolean>;
  /** null when there is none. @throws CheckpointError for one that cannot be opened; it stays where it is. */
  open(id: string): Promise<OpenedCheckpoint | null>;
  /** Ids, in order. */
  list(): Promise<readonly string[]>;
  /** Begins another conversation where this one stands. @throws CheckpointError `CONFLICT` when `newId` is taken. */
  fork(id: string, newId: string): Promise<boolean>;
  /** Was there one? */
  remove(id: string): Promise<boolean>;
}

const PREFIX = 'conversation/';
const ID_PATTERN = /^[\x21-\x7e]{1,200}$/;
const KEY_BYTES = 32;

function keyOf(id: string): string {
  if (!ID_PATTERN.test(id))
    throw new RangeError(
      `an id is 1 to 200 printable ASCII characters without spaces, got ${JSON.stringify(id)}`,
    );
  return `${PREFIX}${id}`;
}

class StoredCheckpoints implements Checkpointer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #key: Uint8Array | null;
  readonly #ttl: { readonly ttlMs?: number };

  constructor({ store, clock = systemClock, encryptionKey, keepMs }: CheckpointerOptions) {
    if (encryptionKey && encryptionKey.length !== KEY_BYTES)
      throw new RangeError(`encryptionKey must have ${KEY_BYTES} bytes, got ${encryptionKey.length}`);
    if (keepMs !== undefined && !(keepMs > 0)) throw new RangeError(`keepMs must be above 0, got ${keepMs}`);
    this.#store = store;
    this.#clock = clock;
    this.#key = encryptionKey ?? null;
    this.#ttl = keepMs === undefined ? {} : { ttlMs: keepMs };
  }

  async save(id: string, state: ConversationState, revision: string | null, writer: string): Promise<string> {
    const key = keyOf(id);
    const content = { state, savedMs: this.#clock.nowMs(), writer };
    const bytes = await encodeCheckpoint(id, content, this.#key);
    const saved = await this.#store.put(key, bytes, { ...this.#ttl, ifVersion: revision });
    if (saved !== null) return saved;
    // An earlier save of ours may have arrived although we were not told.
    const found = await this.#read(id);
    const again =
      found?.content.writer === writer
        ? await this.#store.put(key, bytes, { ...this.#ttl, ifVersion: found.revision })
        : null;
    if (again !== null) return again;
    throw new CheckpointError('CONFLICT', `the checkpoint of ${id} was saved by somebody else meanwhile`);
  }

  async isCurrent(id: string, revision: string | null, writer: string): Promise<boolean> {
    const stored = await this.#store.get(keyOf(id));
    if ((stored?.version ?? null) === revision) return true;
    return stored !== null && (await decodeCheckpoint(id, stored.bytes, this.#key)).writer === writer;
  }

  async open(id: string): Promise<OpenedCheckpoint | null> {
    const found = await this.#read(id);
    return found && { state: found.content.state, savedMs: found.content.savedMs, revision: found.revision };
  }

  async list(): Promise<readonly string[]> {
    return (await listAll(this.#store, PREFIX)).map((key) => key.slice(PREFIX.length));
  }

  async fork(id: string, newId: string): Promise<boolean> {
    const found = await this.#read(id);
    if (!found) return false;
    await this.save(newId, found.content.state, null, createId('fork', systemRandom));
    return true;
  }

  async remove(id: string): Promise<boolean> {
    return this.#store.remove(keyOf(id));
  }

  async #read(
    id: string,
  ): Promise<{ readonly content: CheckpointContent; readonly revision: string } | null> {
    const stored = await this.#store.get(keyOf(id));
    if (!stored) return null;
    return { content: await decodeCheckpoint(id, stored.bytes, this.#key), revision: stored.version };
  }
}

/**
 * Keeps conversations on any store: whole after each turn, compressed, with a sum, or encrypted. One that was removed or
 * has expired while a process goes on with it is not brought back in silence: that is a conflict too.
 *
 * @example
 * const saved = checkpointer({ store: await openSqliteStore({ file: 'chats.db' }), keepMs: 30 * 86_400_000 });
 * const chat = conversation({ ..., checkpointer: saved, id: 'ticket-4711' });
 */
export function checkpointer(options: CheckpointerOptions): Checkpointer {
  return new StoredCheckpoints(options);
}
