import type { Level } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { systemClock, systemTimers, type Clock, type Timers } from '../runtime/index.ts';
import {
  createDocuments,
  createMemoryStore,
  listAll,
  type Documents,
  type Store,
  type StoreProblem,
} from '../store/index.ts';
import type { ByteChange } from './compare-bytes.ts';
import { encodeContent, PROMPT_PREFIX, promptOfKey, type Content } from './content.ts';
import {
  Contents,
  UnknownContentError,
  type ContentUse,
  type OnContentChange,
  type Registration,
} from './contents.ts';
import { createLoader } from './loader.ts';
import { previewPrompt, type PromptPreview } from './preview-edit.ts';
import { currentVersion, readPromptRecord, type PromptRecord, type VersionRecord } from './records.ts';
import { createSmartRequests, type SmartRequests } from './smart-builder.ts';
import type { SmartRequest, SmartRequestOptions } from './smart-request.ts';
import { Versions } from './versions.ts';

/** Something went wrong on our side and was got over; `message` is a sentence for people. */
export interface ContentProblem {
  readonly kind: StoreProblem['kind'] | 'other';
  readonly message: string;
}

export interface ContentRegistryOptions {
  /** Where versions are kept; the caller closes it. @default in memory, for as long as the process lives */
  readonly store: Store;
  /** @default the machine's clock */
  readonly clock: Clock;
  /** @default the machine's timers */
  readonly timers: Timers;
  /** Versions of one content that are kept with their bytes; the oldest go first. @default 20 */
  readonly versionsMax: number;
  /** A loader that has not answered by then has failed. @default 30,000 */
  readonly loadTimeoutMs: number;
  /** How long a loader that failed is left alone. @default 10,000 */
  readonly reloadRetryMs: number;
  /** Told what was found corrupt and moved aside, which loader failed, what could not be stored. @default nobody */
  readonly onProblem: (problem: ContentProblem) => void;
  /**
   * Told when a content has another version, or is removed, before whoever brought that about goes on: the place to drop
   * what was made of the old one. What it throws is told to `onProblem`. @default nobody
   */
  readonly onChange: OnContentChange;
}

/** A layer of a prompt that is made of a content. */
export interface Dependant {
  readonly prompt: string;
  readonly model: string;
  readonly layer: string;
  readonly level: Level;
  /** When a request last used it as that, ms since 1970 UTC. */
  readonly usedMs: number;
}

/** What an edit would change, cost and lose. */
export interface EditPreview {
  readonly name: string;
  readonly status: 'unchanged' | 'changed';
  readonly version: string;
  /** The version that the edit would have. */
  readonly newVersion: string;
  /** Which bytes; null when unchanged, and where the old ones are no longer there. */
  readonly change: ByteChange | null;
  /** Live prefixes that nobody will ask for again. */
  readonly lostPrefixes: number;
  /** What it costs to write them again, beyond reading them. */
  readonly rewriteUsd: number;
  /** Prompts whose last request was made of the content, or an earlier one of which prefixes are alive. */
  readonly prompts: readonly PromptPreview[];
}

/** Prompt content by name: versions, maximal ages, who depends on it, what an edit costs. */
export interface ContentRegistry {
  /**
   * Says what a name stands for: where it comes from, how old it may be, how it is loaded. Gives it at once, as `use`.
   *
   * @throws UnknownContentError when there is no content yet, none is given, and it cannot be loaded.
   */
  register(registration: Registration): Promise<ContentUse>;
  /**
   * Tells whether content is new, unchanged, changed or aged, and keeps what is new. Without `content` it is what is
   * kept, validated by its loader where it is aged; a loader that fails leaves the old content in use.
   *
   * @throws UnknownContentError as above; StoreError where the store fails.
   */
  use(name: string, content?: Content): Promise<ContentUse>;
  /** The content of a version, the current one by default; null where there is none. */
  read(name: string, version?: string): Promise<Content | null>;
  /** Versions, newest first. */
  history(name: string): Promise<readonly VersionRecord[]>;
  /** The layers and prompts that were made of a content, those used last first. */
  dependants(name: string): Promise<readonly Dependant[]>;
  /**
   * What would happen if the content became this; nothing is changed.
   *
   * @throws UnknownContentError
   */
  previewEdit(name: string, edited: Content): Promise<EditPreview>;
  /**
   * One call from contents to a request: compares or loads every content, keeps what changed, and places markers where
   * they pay. A store that fails is told in `problems` and does not fail the request.
   *
   * @throws RangeError for layers that make no sense; UnknownContentError.
   */
  smartRequest<Parts extends RequestParts = RequestParts>(
    options: SmartRequestOptions<Parts>,
  ): Promise<SmartRequest<Parts>>;
  names(): Promise<readonly string[]>;
  /** Forgets a content with its versions; was there one? */
  remove(name: string): Promise<boolean>;
}

const VERSIONS_MAX = 20;
const LOAD_TIMEOUT_MS = 30_000;
const RELOAD_RETRY_MS = 10_000;

class Registry implements ContentRegistry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #documents: Documents;
  readonly #versions: Versions;
  readonly #contents: Contents;
  readonly #smart: SmartRequests;
  readonly #report: (message: string) => void;
  readonly #onChange: OnContentChange;

  constructor(options: Partial<ContentRegistryOptions>) {
    const { versionsMax = VERSIONS_MAX, onProblem } = options;
    if (!Number.isInteger(versionsMax) || versionsMax < 1)
      throw new RangeError(`versionsMax must be a whole number from 1 on, got ${versionsMax}`);
    this.#clock = options.clock ?? systemClock;
    this.#store = options.store ?? createMemoryStore({ clock: this.#clock });
    this.#report = (message) => onProblem?.({ kind: 'other', message });
    this.#onChange = async (change) => {
      try {
        await options.onChange?.(change);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#report(`${change.name} has changed, and not all could be told: ${reason}`);
      }
    };
    this.#documents = createDocuments(this.#store, ({ kind, message }) => onProblem?.({ kind, message }));
    this.#versions = new Versions(this.#store, this.#documents, versionsMax);
    const loader = createLoader({
      clock: this.#clock,
      timers: options.timers ?? systemTimers,
      loadTimeoutMs: options.loadTimeoutMs ?? LOAD_TIMEOUT_MS,
      reloadRetryMs: options.reloadRetryMs ?? RELOAD_RETRY_MS,
    });
    this.#contents = new Contents(this.#versions, loader, this.#clock, this.#onChange);
    this.#smart = createSmartRequests({
      contents: this.#contents,
      documents: this.#documents,
      clock: this.#clock,
      report: this.#report,
    });
  }

  async register(registration: Registration): Promise<ContentUse> {
    return this.#contents.register(registration, this.#report);
  }

  async use(name: string, content?: Content): Promise<ContentUse> {
    return this.#contents.use(name, content, this.#report);
  }

  async read(name: string, version?: string): Promise<Content | null> {
    const record = await this.#versions.find(name);
    const found = record?.history.findLast((each) => version === undefined || each.version === version);
    return found ? this.#versions.read(name, found) : null;
  }

  async history(name: string): Promise<readonly VersionRecord[]> {
    return (await this.#versions.find(name))?.history.toReversed() ?? [];
  }

  async dependants(name: string): Promise<readonly Dependant[]> {
    const prompts = await this.#prompts();
    const found = prompts.flatMap(({ prompt, record }) =>
      record.dependsOn
        .filter(({ content }) => content === name)
        .map(({ layer, level, usedMs }) => ({ prompt, model: record.model, layer, level, usedMs })),
    );
    return found.toSorted((a, b) => b.usedMs - a.usedMs);
  }

  async previewEdit(name: string, edited: Content): Promise<EditPreview> {
    const record = await this.#versions.find(name);
    if (!record) throw new UnknownContentError(name, 'nothing can be edited that is not registered');
    const encoded = encodeContent(edited);
    const current = currentVersion(record);
    const { version: newVersion } = encoded;
    const same = { name, version: current.version, newVersion };
    if (current.version === newVersion && current.form === encoded.form)
      return { ...same, status: 'unchanged', change: null, lostPrefixes: 0, rewriteUsd: 0, prompts: [] };
    const edit = {
      name,
      currentVersion: current.version,
      before: await this.#versions.read(name, current),
      after: edited,
      version: newVersion,
      change: await this.#versions.compare(name, record, encoded),
      sizeBytes: current.sizeBytes,
    };
    const nowMs = this.#clock.nowMs();
    const prompts = (await this.#prompts()).flatMap(
      ({ prompt, record: promptRecord }) => previewPrompt(prompt, promptRecord, edit, nowMs) ?? [],
    );
    return {
      ...same,
      status: 'changed',
      change: edit.change,
      lostPrefixes: prompts.reduce((sum, { lost }) => sum + lost.length, 0),
      rewriteUsd: prompts.reduce((sum, { rewriteUsd }) => sum + rewriteUsd, 0),
      prompts,
    };
  }

  async smartRequest<Parts extends RequestParts = RequestParts>(
    options: SmartRequestOptions<Parts>,
  ): Promise<SmartRequest<Parts>> {
    return this.#smart.build(options);
  }

  async names(): Promise<readonly string[]> {
    return this.#versions.names();
  }

  async remove(name: string): Promise<boolean> {
    const history = await this.history(name);
    this.#contents.forget(name);
    const wasThere = await this.#versions.remove(name);
    for (const { version } of history)
      await this.#onChange({ name, previousVersion: version, version: null });
    return wasThere;
  }

  async #prompts(): Promise<readonly { readonly prompt: string; readonly record: PromptRecord }[]> {
    const keys = await listAll(this.#store, PROMPT_PREFIX);
    const records = await Promise.all(
      keys.map(async (key) => {
        const record = await this.#documents.read(key, readPromptRecord);
        return record ? [{ prompt: promptOfKey(key), record }] : [];
      }),
    );
    return records.flat();
  }
}

/**
 * A registry of prompt content on any store. Content has a version, the SHA-256 of its bytes, and changes only when
 * its bytes do; age alone has it validated and never un-marked, so that its cache goes on.
 *
 * @example
 * const registry = contentRegistry({ store: await openSqliteStore({ file: 'content.db' }) });
 * await registry.register({ name: 'handbook', source: url, maxAgeMs: 3_600_000, load: () => download(url) });
 * const { request } = await registry.smartRequest({
 *   prompt: 'support',
 *   model: 'claude-sonnet-5-5',
 *   layers: [
 *     { name: 'tools', tools },
 *     { name: 'handbook', stored: 'system' },
 *     { name: 'question', messages: question },
 *   ],
 * });
 * await client.messages.create({ model: 'claude-sonnet-5-5', max_tokens: 1024, ...request });
 */
export function contentRegistry(options: Partial<ContentRegistryOptions> = {}): ContentRegistry {
  return new Registry(options);
}
