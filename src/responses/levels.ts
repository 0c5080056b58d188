import { LRUCache } from 'lru-cache';

import { StoreError } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import { EntryFormat, type Entry } from './entry.ts';
import type { Marks, MarkValues } from './marks.ts';
import type { ResponseSettings } from './options.ts';

/** Memory that an entry takes beside its bytes, about. */
const ENTRY_OVERHEAD_BYTES = 1024;

/** An entry that was found, and where. */
export interface Found {
  readonly entry: Entry;
  readonly tier: 'memory' | 'store';
}

function hasMarks(entry: Entry, values: MarkValues): boolean {
  return Object.entries(entry.facts.marks).every(([name, value]) => values[name] === value);
}

/** The two levels: entries ready to be given in memory, and sealed ones in a store that may be slow, full or gone. */
export class Levels {
  readonly #settings: ResponseSettings;
  readonly #marks: Marks;
  readonly #accounts: Accounts;
  readonly #format: EntryFormat;
  readonly #memory: LRUCache<string, Entry>;
  readonly #writing = new Set<Promise<void>>();

  constructor(settings: ResponseSettings, marks: Marks, accounts: Accounts) {
    this.#settings = settings;
    this.#marks = marks;
    this.#accounts = accounts;
    this.#format = new EntryFormat(settings.encryptionKeys, settings.entryBytesMax);
    this.#memory = new LRUCache({
      maxSize: settings.memoryBytesMax,
      sizeCalculation: ({ bytes }) => bytes.length + ENTRY_OVERHEAD_BYTES,
    });
  }

  get memoryUse(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#memory.size, bytes: this.#memory.calculatedSize };
  }

  /** What the first level holds and may still give; at once where its marks are known to be good. */
  findHeld(key: string): Found | null | Promise<Found | null> {
    const entry = this.#memory.get(key);
    if (!entry) return null;
    const names = Object.keys(entry.facts.marks);
    const values = this.#marks.peek(names);
    if (values) return this.#checkHeld(key, entry, values);
    return this.#marks.current(names).then((current) => this.#checkHeld(key, entry, current));
  }

  /** What the second level holds; null too where it does not say so in time. */
  async findStored(key: string): Promise<Found | null> {
    const { store } = this.#settings;
    if (!store) return null;
    const stored = await this.#call(() => store.get(key));
    if (!stored) return null;
    this.#accounts.storeBytes('readBytes', stored.length);
    const entry = this.#format.open(key, stored);
    if (typeof entry === 'string') {
      this.#accounts.storeUnreadable(entry);
      return null;
    }
    if (!this.#isAlive(entry)) return null;
    if (!hasMarks(entry, await this.#marks.current(Object.keys(entry.facts.marks)))) return null;
    this.#memory.set(key, entry);
    return { entry, tier: 'store' };
  }

  /** Keeps an entry: at once in memory, and in the store when it gets there. */
  keep(key: string, entry: Entry): void {
    this.#memory.set(key, entry);
    const writing = this.#write(key, entry).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  forget(key: string): void {
    this.#memory.delete(key);
  }

  /** Resolves when nothing is on its way to the store any more. */
  async settle(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  #checkHeld(key: string, entry: Entry, values: MarkValues): Found | null {
    if (hasMarks(entry, values) && this.#isAlive(entry)) return { entry, tier: 'memory' };
    if (this.#memory.get(key) === entry) this.#memory.delete(key);
    return null;
  }

  #isAlive({ facts }: Entry): boolean {
    const nowMs = this.#settings.clock.nowMs();
    // A clock that was set back makes entries of the future, of which nobody knows how old they are.
    return nowMs < facts.errorUntilMs && facts.createdMs <= nowMs + 60_000;
  }

  async #write(key: string, entry: Entry): Promise<void> {
    const { store, clock } = this.#settings;
    if (!store) return;
    const ttlMs = entry.facts.errorUntilMs - clock.nowMs();
    if (ttlMs <= 0) return;
    await this.#call(async () => {
      const sealed = this.#format.seal(key, entry);
      await store.put(key, sealed, ttlMs);
      this.#accounts.storeBytes('writtenBytes', sealed.length);
    });
  }

  /** One call to the store, whose failure is counted and told to nobody. */
  async #call<Result>(work: () => Promise<Result>): Promise<Result | null> {
    const { clock } = this.#settings;
    const fromMs = clock.nowMs();
    try {
      const result = await work();
      this.#accounts.storeCall(clock.nowMs() - fromMs, false);
      return result;
    } catch (error) {
      const isTooLarge = error instanceof StoreError && error.code === 'STORE_VALUE_TOO_LARGE';
      if (isTooLarge) this.#accounts.storeTooLarge();
      this.#accounts.storeCall(clock.nowMs() - fromMs, !isTooLarge);
      return null;
    }
  }
}
