import { LRUCache } from 'lru-cache';

import { StoreError } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import { inTime } from './bounded-store.ts';
import { EntryFormat, type Entry } from './entry.ts';
import type { Marks, MarkValues } from './marks.ts';
import { toForm } from './message-forms.ts';
import type { ResponseSettings } from './options.ts';
import type { Patience } from './patience.ts';
import type { AnswerForm } from './request.ts';

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

/** A clock that was set back makes entries of the future, of which nobody knows how old they are. */
function isAlive({ facts }: Entry, nowMs: number): boolean {
  return nowMs < facts.errorUntilMs && facts.createdMs <= nowMs + 60_000;
}

/** The two levels: entries ready to be given in memory, and sealed ones in a store that may be slow, full or gone. */
export class Levels {
  readonly #settings: ResponseSettings;
  readonly #marks: Marks;
  readonly #accounts: Accounts;
  readonly #format: EntryFormat;
  readonly #memory: LRUCache<string, Entry>;
  readonly #writing = new Set<Promise<void>>();
  readonly #looking = new Map<string, Promise<Found | null>>();

  constructor(settings: ResponseSettings, marks: Marks, accounts: Accounts) {
    this.#settings = settings;
    this.#marks = marks;
    this.#accounts = accounts;
    const { encryptionKeys, entryBytesMax, compressFromBytes } = settings;
    this.#format = new EntryFormat(encryptionKeys, entryBytesMax, compressFromBytes);
    this.#memory = new LRUCache({
      maxSize: settings.memoryBytesMax,
      sizeCalculation: ({ bytes, otherForm }) =>
        bytes.length + (otherForm?.length ?? 0) + ENTRY_OVERHEAD_BYTES,
    });
  }

  get memoryUse(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#memory.size, bytes: this.#memory.calculatedSize };
  }

  /** What the first level holds and may still give; at once where its marks are known to be good. */
  findHeld(key: string, patience: Patience): Found | null | Promise<Found | null> {
    const entry = this.#memory.get(key);
    if (!entry) return null;
    const { marks } = entry.facts;
    const isCurrent = this.#marks.judge(marks);
    if (isCurrent !== null) return this.#checkHeld(key, entry, isCurrent);
    const names = Object.keys(marks);
    return patience
      .wait(this.#marks.current(names))
      .then((values) => this.#checkHeld(key, entry, hasMarks(entry, values ?? this.#marks.lastKnown(names))));
  }

  /** What the first level holds and may give without asking anybody; null where that is not known at once. */
  peekHeld(key: string, nowMs: number): Entry | null {
    const entry = this.#memory.get(key);
    return entry && this.#marks.judge(entry.facts.marks) === true && isAlive(entry, nowMs) ? entry : null;
  }

  /** The answer in a form, null where it cannot have that; the other form is made once while an entry is in memory. */
  inForm(key: string, { entry }: Found, wanted: AnswerForm): Uint8Array | null {
    if (entry.facts.form === wanted) return entry.bytes;
    const otherForm = entry.otherForm ?? toForm(entry.facts.form, entry.bytes, wanted);
    if (otherForm && otherForm !== entry.otherForm && this.#memory.peek(key) === entry)
      this.#memory.set(key, { ...entry, otherForm });
    return otherForm;
  }

  /** Is there anything in the first level, good or not? */
  hasHeld(key: string): boolean {
    return this.#memory.has(key);
  }

  /** As `findStored`, for as long as a request may wait; those who ask at one time share one answer. */
  async lookUp(key: string, patience: Patience): Promise<Found | null> {
    if (!this.#settings.store) return null;
    const looking = this.#looking.get(key) ?? this.#lookUp(key);
    this.#looking.set(key, looking);
    const found = await patience.spend(looking);
    if (!found && patience.leftMs === 0) this.#accounts.storeTimeout();
    return found;
  }

  async #lookUp(key: string): Promise<Found | null> {
    try {
      return await this.findStored(key);
    } finally {
      this.#looking.delete(key);
    }
  }

  /** What the second level holds; null too where it does not say so within `storeWaitMs`. */
  async findStored(key: string): Promise<Found | null> {
    const { store } = this.#settings;
    if (!store) return null;
    const fromMs = this.#settings.clock.nowMs();
    const stored = await this.#call(() => store.get(key));
    if (!stored) return null;
    this.#accounts.storeBytes('readBytes', stored.length);
    const entry = this.#format.open(key, stored);
    if (typeof entry === 'string') {
      this.#accounts.storeUnreadable(entry);
      return null;
    }
    if (!this.#isAlive(entry)) return null;
    const { marks } = entry.facts;
    const isCurrent = this.#marks.judge(marks) ?? (await this.#isCurrent(entry, fromMs));
    if (!isCurrent) return null;
    this.#adopt(key, entry);
    return { entry, tier: 'store' };
  }

  /** Takes an entry of the store into memory: its own bytes, for they may be part of a much longer buffer. */
  #adopt(key: string, entry: Entry): void {
    if (entry.bytes.length + ENTRY_OVERHEAD_BYTES > this.#settings.memoryBytesMax) return;
    this.#memory.set(key, { ...entry, bytes: Buffer.from(entry.bytes) });
  }

  /** Keeps an entry: at once in memory, and in the store when the result resolves. */
  keep(key: string, entry: Entry): Promise<void> {
    this.#memory.set(key, entry);
    const writing = this.#write(key, entry).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    return writing;
  }

  forget(key: string): void {
    this.#memory.delete(key);
  }

  /** Resolves when nothing is on its way to the store any more. */
  async settle(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  /** Reads the marks of an entry, within what is left of the time; false where they are not known by then. */
  async #isCurrent(entry: Entry, fromMs: number): Promise<boolean> {
    const { storeWaitMs, clock } = this.#settings;
    const leftMs = Math.max(1, storeWaitMs - (clock.nowMs() - fromMs));
    const values = await inTime(this.#marks.current(Object.keys(entry.facts.marks)), leftMs, this.#settings);
    return values !== null && hasMarks(entry, values);
  }

  #checkHeld(key: string, entry: Entry, isCurrent: boolean): Found | null {
    if (isCurrent && this.#isAlive(entry)) return { entry, tier: 'memory' };
    if (this.#memory.get(key) === entry) this.#memory.delete(key);
    return null;
  }

  #isAlive(entry: Entry): boolean {
    return isAlive(entry, this.#settings.clock.nowMs());
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
