import { LRUCache } from 'lru-cache';

import { listAll, type Documents, type Store } from '../store/index.ts';
import { compareBytes, type ByteChange } from './compare-bytes.ts';
import { decodeContent, nameKey, versionOf, type Content, type EncodedContent } from './content.ts';
import { currentVersion, readContentRecord, type ContentRecord, type VersionRecord } from './records.ts';

/** What a content is kept with. */
export interface ContentFacts {
  readonly source: string | null;
  readonly maxAgeMs: number | null;
}

/** What keeping content came to. */
export interface Kept {
  readonly record: ContentRecord;
  /** What the record said before; null where there was none. */
  readonly before: ContentRecord | null;
  readonly isNewVersion: boolean;
  readonly change: ByteChange | null;
}

/** Decoded contents kept at hand; what JSON takes in memory is taken for twice its bytes. */
const HELD_BYTES_MAX = 32 * 1024 * 1024;

const UNKNOWN_FACTS: ContentFacts = { source: null, maxAgeMs: null };

const PREFIX = 'content/';
const STATE = '/state';

interface HeldContent {
  readonly content: Content;
}

/** Is this what the current version already has? */
function isCurrent(record: ContentRecord, encoded: EncodedContent): boolean {
  const current = currentVersion(record);
  return current.version === encoded.version && current.form === encoded.form;
}

function addVersion(
  record: ContentRecord,
  added: VersionRecord,
  facts: ContentFacts,
  versionsMax: number,
): ContentRecord {
  const ended = record.history.with(-1, { ...currentVersion(record), untilMs: added.sinceMs });
  return {
    ...record,
    ...facts,
    validatedMs: added.sinceMs,
    changes: record.changes + 1,
    history: [...ended, added].slice(-versionsMax),
  };
}

/** Versions that one record has and the other has not. */
function dropped(before: ContentRecord, after: ContentRecord): readonly string[] {
  const kept = new Set(after.history.map(({ version }) => version));
  return [...new Set(before.history.map(({ version }) => version))].filter((version) => !kept.has(version));
}

/** Was it last validated longer ago than it may? */
export function isAged(record: ContentRecord, nowMs: number): boolean {
  return record.maxAgeMs !== null && nowMs - record.validatedMs >= record.maxAgeMs;
}

const stateKey = (name: string): string => `${PREFIX}${nameKey(name)}${STATE}`;
const bytesKey = (name: string, version: string): string => `${PREFIX}${nameKey(name)}/bytes/${version}`;

function firstRecord(added: VersionRecord, facts: ContentFacts): ContentRecord {
  const { sinceMs } = added;
  return { schema: 1, ...facts, firstSeenMs: sinceMs, validatedMs: sinceMs, changes: 0, history: [added] };
}

/** The versions of contents, in a store. */
export class Versions {
  readonly #store: Store;
  readonly #documents: Documents;
  readonly #versionsMax: number;
  readonly #held = new LRUCache<string, HeldContent>({ maxSize: HELD_BYTES_MAX });

  constructor(store: Store, documents: Documents, versionsMax: number) {
    this.#store = store;
    this.#documents = documents;
    this.#versionsMax = versionsMax;
  }

  async find(name: string): Promise<ContentRecord | null> {
    return this.#documents.read(stateKey(name), readContentRecord);
  }

  /** The content of a version; null where it is no longer there, or not what it should be. */
  async read(name: string, version: VersionRecord): Promise<Content | null> {
    const key = `${version.form}:${version.version}`;
    const known = this.#held.get(key);
    if (known) return known.content;
    const bytes = await this.#readBytes(name, version);
    const content = bytes && decodeContent(bytes, version.form, version.version);
    if (content !== null) this.#held.set(key, { content }, { size: 64 + 2 * version.sizeBytes });
    return content;
  }

  /** Puts the bytes of the current version back where they were lost or damaged, once this process knows them. */
  async mend(name: string, current: VersionRecord, encoded: EncodedContent): Promise<void> {
    if ((await this.read(name, current)) !== null) return;
    await this.#store.put(bytesKey(name, encoded.version), encoded.bytes, { ifVersion: null });
  }

  /**
   * Makes this the current version. The same bytes keep their version, and count as validated now.
   *
   * @param given null: what the record says, else nothing is known.
   */
  async keep(
    name: string,
    encoded: EncodedContent,
    given: ContentFacts | null,
    nowMs: number,
  ): Promise<Kept> {
    const known = await this.find(name);
    const change = await this.compare(name, known, encoded);
    // The bytes come first: whoever finds the version finds them.
    await this.#store.put(bytesKey(name, encoded.version), encoded.bytes, { ifVersion: null });
    const seen: { before: ContentRecord | null } = { before: null };
    const record = await this.#documents.update(stateKey(name), readContentRecord, (latest) => {
      seen.before = latest;
      const { source, maxAgeMs } = given ?? latest ?? UNKNOWN_FACTS;
      const { form, version, bytes } = encoded;
      const added = { version, form, sinceMs: nowMs, untilMs: null, sizeBytes: bytes.length, source };
      if (!latest) return firstRecord({ ...added, change: null }, { source, maxAgeMs });
      if (isCurrent(latest, encoded)) return isAged(latest, nowMs) ? { ...latest, validatedMs: nowMs } : null;
      // Another process may have changed it since we compared.
      const isCompared = known !== null && currentVersion(latest).version === currentVersion(known).version;
      const next = { ...added, change: isCompared ? change : null };
      return addVersion(latest, next, { source, maxAgeMs }, this.#versionsMax);
    });
    if (!record) throw new RangeError(`nothing was kept for ${name}`);
    const { before } = seen;
    if (before && isCurrent(before, encoded)) return { record, before, isNewVersion: false, change: null };
    for (const gone of before ? dropped(before, record) : []) await this.#store.remove(bytesKey(name, gone));
    return { record, before, isNewVersion: true, change: currentVersion(record).change };
  }

  /** What becomes of the current version when this one comes; null where that is the same, or gone. */
  async compare(
    name: string,
    record: ContentRecord | null,
    encoded: EncodedContent,
  ): Promise<ByteChange | null> {
    if (!record || isCurrent(record, encoded)) return null;
    const bytes = await this.#readBytes(name, currentVersion(record));
    return bytes && compareBytes(bytes, encoded.bytes);
  }

  /** Changes source and maximal age. */
  async describe(name: string, facts: ContentFacts): Promise<void> {
    await this.#documents.update(stateKey(name), readContentRecord, (latest) => {
      const isSame = latest?.source === facts.source && latest.maxAgeMs === facts.maxAgeMs;
      return latest && !isSame ? { ...latest, ...facts } : null;
    });
  }

  async names(): Promise<readonly string[]> {
    const keys = await listAll(this.#store, PREFIX);
    const states = keys.filter((key) => key.endsWith(STATE));
    return states.map((key) => decodeURIComponent(key.slice(PREFIX.length, -STATE.length)));
  }

  /** Forgets a content with all its versions; was there one? */
  async remove(name: string): Promise<boolean> {
    const isRemoved = await this.#store.remove(stateKey(name));
    for (const key of await listAll(this.#store, bytesKey(name, ''))) await this.#store.remove(key);
    return isRemoved;
  }

  async #readBytes(name: string, version: VersionRecord): Promise<Uint8Array | null> {
    const key = bytesKey(name, version.version);
    const stored = await this.#store.get(key);
    if (!stored) return null;
    if (versionOf(stored.bytes) === version.version) return stored.bytes;
    await this.#documents.setAside(key, stored.bytes, stored.version, 'is not what its hash says');
    return null;
  }
}
