import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';

import { secretBytes } from '../runtime/index.ts';
import type { CacheStore } from '../store/index.ts';
import { inTime } from './bounded-store.ts';
import type { ResponseSettings } from './options.ts';

/** Values of marks by their names. */
export type MarkValues = Readonly<Record<string, string>>;

/** What can be purged together. */
export type MarkKind = 'all' | 'scope' | 'model' | 'tag' | 'content' | 'key';

/** What to drop: what one key, tag, model, content version or scope has, or everything. */
export type PurgeTarget =
  | { readonly key: string }
  | { readonly tag: string }
  | { readonly model: string }
  | { readonly content: string }
  | { readonly scope: string }
  | { readonly all: true };

interface KnownMark {
  readonly value: string;
  /** When the store said so; -Infinity: it never did. */
  readonly readMs: number;
  /** Which of all readings and changes it comes from, in the order in which they began. */
  readonly order: number;
}

/** When values were found to be the marks' own, and how long that may be so without another look. */
interface Judged {
  readonly changes: number;
  readonly atMs: number;
  readonly ageMsMax: number;
}

/** A mark that was read longer ago is read again: a purge has reached every process after this. */
const MARK_AGE_MS_MAX = 500;

const KNOWN_MAX = 20_000;
const NAME_LENGTH = 24;
/** Letters of a key by which its mark is named: keys share marks, of which there are then at most 65,536. */
const KEY_LETTERS = 4;

function newValue(): string {
  return secretBytes(9).toString('base64url');
}

/**
 * The marks on which kept answers depend. What is purged gets another value of its mark, so that whatever was asked for
 * before, answers still on their way included, no longer counts anywhere.
 */
export class Marks {
  readonly #settings: Pick<ResponseSettings, 'store' | 'secret' | 'clock' | 'timers' | 'storeWaitMs'>;
  readonly #secret: KeyObject;
  readonly #names = new LRUCache<string, string>({ max: KNOWN_MAX });
  readonly #known = new LRUCache<string, KnownMark>({ max: KNOWN_MAX });
  readonly #reading = new Map<string, Promise<void>>();
  /** Purges that the store has not heard of yet. */
  readonly #untold = new Map<string, number>();
  /** Values that were found to be the marks' own, and up to when that need not be looked into again. */
  readonly #judged = new WeakMap<MarkValues, Judged>();
  #order = 0;
  /** Changes of what is known. */
  #changes = 0;

  constructor(settings: Pick<ResponseSettings, 'store' | 'secret' | 'clock' | 'timers' | 'storeWaitMs'>) {
    this.#settings = settings;
    this.#secret = createSecretKey(settings.secret);
  }

  /** The mark's name, which does not tell what it stands for. */
  nameOf(kind: MarkKind, value: string): string {
    const part = kind === 'key' ? value.slice(0, KEY_LETTERS) : value;
    const known = this.#names.get(`${kind} ${part}`);
    if (known !== undefined) return known;
    const mac = createHmac('sha256', this.#secret)
      .update(JSON.stringify(['mark', kind, part]))
      .digest('base64url');
    const name = `${kind}.${mac.slice(0, NAME_LENGTH)}`;
    this.#names.set(`${kind} ${part}`, name);
    return name;
  }

  /** The values as last known; null unless all of them were read lately enough. */
  peek(names: readonly string[]): MarkValues | null {
    if (names.some((name) => this.#isOld(name))) return null;
    return this.lastKnown(names);
  }

  /** Whether marks have these values yet; null unless all of them were read lately enough to tell. */
  judge(values: MarkValues): boolean | null {
    if (this.#isJudged(values)) return true;
    const names = Object.keys(values);
    if (names.some((name) => this.#isOld(name))) return null;
    if (names.some((name) => this.#known.get(name)?.value !== values[name])) return false;
    this.#judged.set(values, this.#judgement(names));
    return true;
  }

  /** Whether they are known to have these values, without looking any further. */
  #isJudged(values: MarkValues): boolean {
    const judged = this.#judged.get(values);
    if (judged?.changes !== this.#changes) return false;
    return Math.abs(this.#settings.clock.nowMs() - judged.atMs) <= judged.ageMsMax;
  }

  #judgement(names: readonly string[]): Judged {
    const { clock, store } = this.#settings;
    const atMs = clock.nowMs();
    const ages = names.map((name) => Math.abs(atMs - (this.#known.get(name)?.readMs ?? 0)));
    const ageMsMax = store ? Math.max(0, MARK_AGE_MS_MAX - Math.max(0, ...ages)) : Infinity;
    return { changes: this.#changes, atMs, ageMsMax };
  }

  /** The values as they are known here, whenever that was. */
  lastKnown(names: readonly string[]): MarkValues {
    return Object.fromEntries(names.map((name) => [name, this.#valueOf(name)]));
  }

  /** The values as they are, made where they are missing; where the store does not answer, as they are known here. */
  async current(names: readonly string[]): Promise<MarkValues> {
    const { store, storeWaitMs } = this.#settings;
    const old = store ? names.filter((name) => this.#isOld(name)) : [];
    if (store && old.length > 0)
      await inTime(this.#readOnce(store, old), storeWaitMs, this.#settings).catch(() => undefined);
    return this.lastKnown(names);
  }

  /**
   * Gives marks other values: at once in this process, and in the store.
   *
   * @throws StoreError when the store has not heard of it; it will be told when it answers again.
   */
  async change(names: readonly string[]): Promise<void> {
    const { store } = this.#settings;
    for (const name of names) {
      const value = newValue();
      this.#set(name, { value, readMs: this.#settings.clock.nowMs(), order: (this.#order += 1) });
      if (store) this.#untold.set(name, this.#order);
    }
    if (store) await this.#tell(store, names);
  }

  #set(name: string, mark: KnownMark): void {
    this.#changes += 1;
    this.#known.set(name, mark);
  }

  #isOld(name: string): boolean {
    const known = this.#known.get(name);
    if (!known) return true;
    if (!this.#settings.store) return false;
    // A clock that is set back must not make a mark good for ever.
    return Math.abs(this.#settings.clock.nowMs() - known.readMs) > MARK_AGE_MS_MAX;
  }

  #valueOf(name: string): string {
    const known = this.#known.get(name);
    if (known) return known.value;
    const value = newValue();
    this.#set(name, { value, readMs: -Infinity, order: 0 });
    return value;
  }

  /** Those who ask for the same marks at one time share one answer. */
  #readOnce(store: CacheStore, names: readonly string[]): Promise<void> {
    const id = names.join(' ');
    const running = this.#reading.get(id) ?? this.#read(store, names).finally(() => this.#reading.delete(id));
    this.#reading.set(id, running);
    return running;
  }

  async #read(store: CacheStore, names: readonly string[]): Promise<void> {
    await this.#tell(store, names);
    const nowMs = this.#settings.clock.nowMs();
    const order = (this.#order += 1);
    const values = await store.readMarks(names);
    const missing = names.filter((_, index) => (values[index] ?? null) === null);
    this.#note(names, values, nowMs, order);
    if (missing.length === 0) return;
    await Promise.all(missing.map((name) => store.setMark(name, newValue(), true)));
    this.#note(missing, await store.readMarks(missing), nowMs, order);
  }

  #note(names: readonly string[], values: readonly (string | null)[], readMs: number, order: number): void {
    for (const [index, name] of names.entries()) {
      const value = values[index] ?? null;
      // A purge of ours meanwhile is newer than what was read.
      if (value === null || (this.#known.get(name)?.order ?? 0) > order) continue;
      this.#set(name, { value, readMs, order });
    }
  }

  /**
   * Tells the store of purges, each by a value under which nothing was kept yet: what was kept here meanwhile may be older
   * than a purge by another process, which this one must not undo.
   */
  async #tell(store: CacheStore, names: readonly string[]): Promise<void> {
    const untold = names.filter((name) => this.#untold.has(name));
    await Promise.all(
      untold.map(async (name) => {
        const order = this.#untold.get(name);
        const value = newValue();
        await store.setMark(name, value, false);
        // Purged again meanwhile: that is still to be told.
        if (this.#untold.get(name) !== order) return;
        this.#untold.delete(name);
        this.#set(name, { value, readMs: this.#settings.clock.nowMs(), order: (this.#order += 1) });
      }),
    );
  }
}
