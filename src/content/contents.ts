import type { Clock } from '../runtime/index.ts';
import type { ByteChange } from './compare-bytes.ts';
import { encodeContent, type Content, type EncodedContent } from './content.ts';
import type { Loader, LoadContent } from './loader.ts';
import { changeInterval } from './rate.ts';
import { currentVersion, type ContentRecord } from './records.ts';
import { isAged, type ContentFacts, type Kept, type Versions } from './versions.ts';

/** A content is asked for by its name, and there is none, nor anything to load it with. */
export class UnknownContentError extends Error {
  override readonly name = 'UnknownContentError' as const;
  readonly contentName: string;

  constructor(contentName: string, detail: string) {
    super(`there is no content ${JSON.stringify(contentName)}: ${detail}`);
    this.contentName = contentName;
  }
}

/** What a name stands for. */
export interface Registration {
  /** Unique; it stays the same when the content changes. */
  readonly name: string;
  /** Where the content comes from, for people: a URL, a path, a table. @default unchanged, else unknown */
  readonly source?: string;
  /** After this time the content counts as aged and is validated again. @default unchanged, else never */
  readonly maxAgeMs?: number;
  /** Gets the content from its source, when it is missing or aged. Each process gives its own. */
  readonly load?: LoadContent;
  /** The content itself, where there is no loader or it is at hand. */
  readonly content?: Content;
}

/** What a use found. */
export interface ContentUse {
  readonly name: string;
  /**
   * `new`: never seen before. `unchanged`: the same bytes, and young enough. `changed`: other bytes, which
   * `change` tells. `aged`: the same bytes, past their maximal age; `reload` tells what came of validating them.
   */
  readonly status: 'new' | 'unchanged' | 'changed' | 'aged';
  /** Full SHA-256 of the bytes, in hexadecimal. */
  readonly version: string;
  readonly sizeBytes: number;
  /** The version before a change, else null. */
  readonly previousVersion: string | null;
  readonly content: Content;
  /** null unless changed; also where the old bytes are no longer there to compare with. */
  readonly change: ByteChange | null;
  /**
   * Whether the source had to be asked, and what came of it: the same bytes, others, a failure, a failure so recent
   * that it was not asked again, or there is no loader.
   */
  readonly reload: 'not-needed' | 'same' | 'changed' | 'failed' | 'postponed' | 'no-loader';
  /** Time since the content was last known to be what its source has, before this use. */
  readonly ageMs: number;
  /** Expected time between two changes, from those seen so far. */
  readonly changeIntervalMs: number;
}

/** A content that is no longer what it was. */
export interface ContentChange {
  readonly name: string;
  /** What it was. */
  readonly previousVersion: string;
  /** What it is; null: it was removed. */
  readonly version: string | null;
}

/** Told of changes; what it returns is waited for. */
export type OnContentChange = (change: ContentChange) => Promise<void> | void;

/** Tells sentences about what went wrong without failing the call. */
export type Report = (message: string) => void;

type Fetched = ContentUse | 'no-loader' | 'failed' | 'postponed';

function checkMaxAge({ name, maxAgeMs }: Registration): void {
  if (maxAgeMs !== undefined && !(maxAgeMs > 0 && Number.isFinite(maxAgeMs)))
    throw new RangeError(`maxAgeMs of ${name} must be a positive number, got ${maxAgeMs}`);
}

function isSame(record: ContentRecord, encoded: EncodedContent): boolean {
  const { version, form } = currentVersion(record);
  return version === encoded.version && form === encoded.form;
}

const WHY_MISSING: Readonly<Record<'no-loader' | 'failed' | 'postponed', string>> = {
  'no-loader': 'register it with its content, or with a loader',
  failed: 'its loader failed',
  postponed: 'its loader failed a short while ago',
};

/** Contents by name: given or loaded, compared with what was there, kept. */
export class Contents {
  readonly #versions: Versions;
  readonly #loader: Loader;
  readonly #clock: Clock;
  readonly #loaders = new Map<string, LoadContent>();
  readonly #facts = new Map<string, ContentFacts>();
  readonly #onChange: OnContentChange;

  constructor(versions: Versions, loader: Loader, clock: Clock, onChange: OnContentChange) {
    this.#versions = versions;
    this.#loader = loader;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  async register(registration: Registration, report: Report): Promise<ContentUse> {
    checkMaxAge(registration);
    const { name, source, maxAgeMs, load, content } = registration;
    const known = this.#facts.get(name) ?? (await this.#versions.find(name));
    const facts = {
      source: source ?? known?.source ?? null,
      maxAgeMs: maxAgeMs ?? known?.maxAgeMs ?? null,
    };
    this.#facts.set(name, facts);
    if (load) this.#loaders.set(name, load);
    await this.#versions.describe(name, facts);
    return this.use(name, content, report);
  }

  /** @param given the content as the caller has it; without it, what is kept or what the loader gives. */
  async use(name: string, given: Content | undefined, report: Report): Promise<ContentUse> {
    return given === undefined ? this.#useStored(name, report) : this.#useGiven(name, given, report);
  }

  /** Forgets how to load and describe a content. */
  forget(name: string): void {
    this.#loaders.delete(name);
    this.#facts.delete(name);
  }

  async #useStored(name: string, report: Report): Promise<ContentUse> {
    const record = await this.#versions.find(name);
    const content = record && (await this.#versions.read(name, currentVersion(record)));
    if (record && content !== null && !isAged(record, this.#clock.nowMs()))
      return this.#asFound(name, 'unchanged', record, content, 'not-needed');
    const fetched = await this.#fetch(name, record, report);
    if (typeof fetched === 'object') return fetched;
    if (!record || content === null) throw new UnknownContentError(name, WHY_MISSING[fetched]);
    // An old content is better than none: the prompt it is part of still works.
    return this.#asFound(name, 'aged', record, content, fetched);
  }

  async #useGiven(name: string, given: Content, report: Report): Promise<ContentUse> {
    const encoded = encodeContent(given);
    const record = await this.#versions.find(name);
    if (!record || !isSame(record, encoded)) return this.#keep(name, given, encoded, 'not-needed', false);
    await this.#versions.mend(name, currentVersion(record), encoded);
    if (!isAged(record, this.#clock.nowMs()))
      return this.#asFound(name, 'unchanged', record, given, 'not-needed');
    // What is given may be as old as what is kept: the source knows better.
    const fetched = await this.#fetch(name, record, report);
    if (typeof fetched === 'object') return fetched;
    // A source that does not answer has validated nothing; where there is none, the caller's word is all there is.
    if (fetched !== 'no-loader') return this.#asFound(name, 'aged', record, given, fetched);
    return this.#keep(name, given, encoded, 'no-loader', true);
  }

  /** Validates aged content, or gets what is missing. */
  async #fetch(name: string, record: ContentRecord | null, report: Report): Promise<Fetched> {
    const load = this.#loaders.get(name);
    if (!load) return 'no-loader';
    const loaded = await this.#loader.load(name, load);
    if (loaded.kind === 'postponed') return 'postponed';
    if (loaded.kind === 'failed') {
      report(`${name} could not be loaded: ${loaded.message}`);
      return 'failed';
    }
    const encoded = encodeContent(loaded.content);
    const reload = record && isSame(record, encoded) ? 'same' : 'changed';
    const wasAged = record !== null && isAged(record, this.#clock.nowMs());
    return this.#keep(name, loaded.content, encoded, reload, wasAged);
  }

  async #keep(
    name: string,
    content: Content,
    encoded: EncodedContent,
    reload: ContentUse['reload'],
    wasAged: boolean,
  ): Promise<ContentUse> {
    const facts = this.#facts.get(name) ?? null;
    const kept = await this.#versions.keep(name, encoded, facts, this.#clock.nowMs());
    const whenSame = wasAged ? 'aged' : 'unchanged';
    const whenOther = kept.before ? 'changed' : 'new';
    const status = kept.isNewVersion ? whenOther : whenSame;
    const use = this.#describe({ name, status, content, reload }, kept);
    const { previousVersion, version } = use;
    if (previousVersion !== null) await this.#onChange({ name, previousVersion, version });
    return use;
  }

  #asFound(
    name: string,
    status: ContentUse['status'],
    record: ContentRecord,
    content: Content,
    reload: ContentUse['reload'],
  ): ContentUse {
    const found = { record, before: record, isNewVersion: false, change: null };
    return this.#describe({ name, status, content, reload }, found);
  }

  #describe(
    use: Pick<ContentUse, 'name' | 'status' | 'content' | 'reload'>,
    { record, before, change }: Kept,
  ): ContentUse {
    const nowMs = this.#clock.nowMs();
    const { version, sizeBytes } = currentVersion(record);
    return {
      ...use,
      version,
      sizeBytes,
      previousVersion: use.status === 'changed' && before ? currentVersion(before).version : null,
      change,
      ageMs: before ? Math.max(0, nowMs - before.validatedMs) : 0,
      changeIntervalMs: changeInterval(nowMs - record.firstSeenMs, record.changes),
    };
  }
}
