import { LRUCache } from 'lru-cache';

import { resolveModel } from '../core/index.ts';
import { layers as createLayers, type Layer, type Layers, type RequestParts } from '../planner/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { Documents } from '../store/index.ts';
import { promptKey, promptOfKey, type Content } from './content.ts';
import { UnknownContentError, type Contents, type ContentUse, type Report } from './contents.ts';
import { coarse, requestsPerHour, settle } from './rate.ts';
import { readPromptRecord, type PromptRecord } from './records.ts';
import type { SmartLayer, SmartRequest, SmartRequestOptions } from './smart-request.ts';
import {
  prepareRequest,
  toForecast,
  trackRequest,
  untrackRequest,
  type PreparedRequest,
  type SentRequest,
} from './track-prompt.ts';

/** What smart requests are made with. */
export interface SmartContext {
  readonly contents: Contents;
  readonly documents: Documents;
  readonly clock: Clock;
  readonly report: Report;
}

/** Builds smart requests. */
export interface SmartRequests {
  build<Parts extends RequestParts>(options: SmartRequestOptions<Parts>): Promise<SmartRequest<Parts>>;
}

/** A prompt that nobody used for so long is forgotten. */
const PROMPT_TTL_MS = 90 * 24 * 3_600_000;

/** Prompts whose successive builds are compared; the ones used longest ago begin anew. */
const BUILDERS_MAX = 500;

/** Contents kept at hand for when the store does not answer. */
const LAST_KNOWN_BYTES_MAX = 32 * 1024 * 1024;

type LayerKind = 'tools' | 'system' | 'documents' | 'messages';

/** A layer with its content, whoever had it. */
interface ResolvedLayer {
  readonly layer: SmartLayer;
  readonly kind: LayerKind;
  readonly value: Content;
  readonly use: ContentUse | null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const KINDS: readonly LayerKind[] = ['tools', 'system', 'documents', 'messages'];

function kindOf(layer: SmartLayer): LayerKind {
  const kind = 'stored' in layer ? layer.stored : KINDS.find((name) => name in layer);
  if (kind) return kind;
  throw new RangeError(
    `layer ${JSON.stringify(layer.name)}: ${KINDS.join(', ')} or stored must hold its content`,
  );
}

function givenContent(layer: SmartLayer, kind: LayerKind): Content | undefined {
  return (layer as unknown as Readonly<Record<string, Content | undefined>>)[kind];
}

/** The name in the registry; null where the layer is not registered. */
function contentName(layer: SmartLayer, kind: LayerKind): string | null {
  if (kind === 'messages') return null;
  const content = 'content' in layer ? layer.content : undefined;
  return content === undefined ? layer.name : content;
}

/** The intervals that layers are planned with where they are measured, by the layer's name. */
function plannedIntervals(
  resolved: readonly ResolvedLayer[],
  record: PromptRecord | null,
): Readonly<Record<string, number>> {
  const measured = resolved.flatMap(({ layer, use }) =>
    layer.changes === undefined && use
      ? [{ name: layer.name, intervalMs: coarse(use.changeIntervalMs) }]
      : [],
  );
  const planned = measured.map(({ name, intervalMs }) => {
    return [name, settle(record?.plannedIntervalMs[name] ?? null, intervalMs) ?? intervalMs] as const;
  });
  return Object.fromEntries(planned);
}

function toLayer(
  { layer, kind, value }: ResolvedLayer,
  intervals: Readonly<Record<string, number>>,
  perHour: number | null,
): Layer {
  const { name, changes, tokens, requestsPerHour: own } = layer;
  const rate = own ?? perHour;
  const appendsTokens = 'appendsTokens' in layer ? layer.appendsTokens : undefined;
  const common = {
    name,
    changes: changes ?? intervals[name] ?? 'per-request',
    ...(tokens !== undefined && { tokens }),
    ...(rate !== null && { requestsPerHour: rate }),
    ...(appendsTokens !== undefined && { appendsTokens }),
  };
  return { ...common, [kind]: value } as unknown as Layer;
}

/** The article's "smart request" as it was meant; the class comment of `createSmartRequests` has the steps. */
class SmartRequestBuilder implements SmartRequests {
  readonly #context: SmartContext;
  readonly #builders = new LRUCache<string, Layers>({ max: BUILDERS_MAX });
  readonly #lastKnown = new LRUCache<string, ContentUse>({ maxSize: LAST_KNOWN_BYTES_MAX });

  constructor(context: SmartContext) {
    this.#context = context;
  }

  async build<Parts extends RequestParts>(options: SmartRequestOptions<Parts>): Promise<SmartRequest<Parts>> {
    const problems: string[] = [];
    const report: Report = (message) => {
      problems.push(message);
      this.#context.report(message);
    };
    const declared = options.layers as readonly SmartLayer[];
    const resolved = await Promise.all(declared.map((layer) => this.#resolve(layer, report)));
    const key = promptKey(options.prompt, options.model);
    const record = await this.#readPrompt(key, report);
    const perHour =
      options.requestsPerHour ??
      settle(record?.plannedPerHour ?? null, record && requestsPerHour(record.rate));
    const intervals = plannedIntervals(resolved, record);
    const built = this.#builderFor(options, resolved, perHour).build(
      resolved.map((layer) => toLayer(layer, intervals, perHour)),
    );
    const { facts } = resolveModel(options.model);
    const registered = resolved.flatMap(({ layer, use }) => (use ? [[layer.name, use] as const] : []));
    const nowMs = this.#context.clock.nowMs();
    const prepared = prepareRequest({
      facts,
      workspace: options.workspace ?? '',
      built,
      contents: new Map(registered.map(([layer, { name, version }]) => [layer, { name, version }])),
      plannedPerHour: perHour,
      plannedIntervalMs: intervals,
      nowMs,
    });
    const sent = await this.#track(key, record, prepared, report);
    return {
      request: built.request,
      plan: built.plan,
      findings: built.findings,
      contents: Object.fromEntries(registered),
      forecast: toForecast(facts, sent.outcome, nowMs),
      problems,
      withdraw: () => this.#untrack(key, sent),
    };
  }

  async #resolve(layer: SmartLayer, report: Report): Promise<ResolvedLayer> {
    const kind = kindOf(layer);
    const name = contentName(layer, kind);
    const given = givenContent(layer, kind);
    const use = name === null ? null : await this.#use(name, given, report);
    const value = use?.content ?? given;
    if (value !== undefined) return { layer, kind, value, use };
    throw new UnknownContentError(
      name ?? layer.name,
      'the store does not answer, and it was never read before',
    );
  }

  /** The store is ours, the request is the user's: the one must not fail with the other. */
  async #use(name: string, given: Content | undefined, report: Report): Promise<ContentUse | null> {
    try {
      const use = await this.#context.contents.use(name, given, report);
      this.#lastKnown.set(name, use, { size: 64 + 2 * use.sizeBytes });
      return use;
    } catch (error) {
      if (error instanceof UnknownContentError || error instanceof RangeError) throw error;
      report(`${name} could not be compared: ${messageOf(error)}`);
      return given === undefined ? (this.#lastKnown.get(name) ?? null) : null;
    }
  }

  async #readPrompt(key: string, report: Report): Promise<PromptRecord | null> {
    try {
      return await this.#context.documents.read(key, readPromptRecord);
    } catch (error) {
      report(`what is known of ${promptOfKey(key)} could not be read: ${messageOf(error)}`);
      return null;
    }
  }

  /**
   * Successive builds of one builder are compared, so what is a prompt of its own has its own: the contents of another
   * user are no change. And a builder that knows a rate does not say that it had to assume one.
   */
  #builderFor(
    { prompt, model }: Pick<SmartRequestOptions, 'prompt' | 'model'>,
    resolved: readonly ResolvedLayer[],
    perHour: number | null,
  ): Layers {
    const contents = resolved.map(({ use }) => use?.name ?? null);
    const key = JSON.stringify([prompt, model, perHour === null, contents]);
    const known = this.#builders.get(key);
    if (known) return known;
    const rate = perHour === null ? {} : { requestsPerHour: perHour };
    const builder = createLayers({ model, ...rate });
    this.#builders.set(key, builder);
    return builder;
  }

  async #track(
    key: string,
    record: PromptRecord | null,
    prepared: PreparedRequest,
    report: Report,
  ): Promise<SentRequest> {
    const { nowMs } = prepared.request;
    let sent: SentRequest = { before: record, outcome: trackRequest(record, prepared).outcome, nowMs };
    try {
      const follow = (latest: PromptRecord | null): PromptRecord => {
        const tracked = trackRequest(latest, prepared);
        sent = { before: latest, outcome: tracked.outcome, nowMs };
        return tracked.record;
      };
      await this.#context.documents.update(key, readPromptRecord, follow, { ttlMs: PROMPT_TTL_MS });
    } catch (error) {
      report(`what was sent for ${promptOfKey(key)} could not be noted: ${messageOf(error)}`);
    }
    return sent;
  }

  async #untrack(key: string, sent: SentRequest): Promise<void> {
    const remove = (latest: PromptRecord | null): PromptRecord | null =>
      latest && untrackRequest(latest, sent);
    try {
      await this.#context.documents.update(key, readPromptRecord, remove, { ttlMs: PROMPT_TTL_MS });
    } catch (error) {
      this.#context.report(`a request of ${promptOfKey(key)} could not be withdrawn: ${messageOf(error)}`);
    }
  }
}

/**
 * Smart requests:
 *
 * 1. Content that is given is compared with what is registered; content that is stored is read, and loaded anew where
 *    it is missing or aged.
 * 2. How often each content changes and how many requests there are is measured, where it is not declared.
 * 3. `layers()` places markers where they are expected to pay: new, changed and aged content is marked as well, for
 *    its first use writes what the second reads.
 * 4. The request is noted, with the entries that it writes, so that an edit can be previewed.
 */
export function createSmartRequests(context: SmartContext): SmartRequests {
  return new SmartRequestBuilder(context);
}
