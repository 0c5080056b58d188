import {
  billTokens,
  cacheStep,
  chainPrefixes,
  defaultCacheRules,
  defaultOpenQuestions,
  emptyCacheState,
  estimateBlock,
  noTokens,
  partitionOf,
  PLATFORMS,
  readPrompt,
  standardPricing,
  sweepExpired,
  toCacheRequest,
  toUsd,
  withdraw,
  type CacheEntry,
  type CacheOutcome,
  type CacheRequest,
  type CacheState,
  type ModelFacts,
} from '../core/index.ts';
import type { LayeredPrompt } from '../planner/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { countRequest, noRequests } from './rate.ts';
import type { Dependence, EntryRecord, LayerRecord, PromptRecord } from './records.ts';

/** A request that was built, for the record of its prompt. */
export interface BuiltRequest {
  readonly facts: ModelFacts;
  /** Whose cache it uses (spec 8). */
  readonly workspace: string;
  readonly built: LayeredPrompt;
  /** Content and version of each registered layer, by the layer's name. */
  readonly contents: ReadonlyMap<string, { readonly name: string; readonly version: string }>;
  readonly plannedPerHour: number | null;
  readonly plannedIntervalMs: Readonly<Record<string, number>>;
  readonly nowMs: number;
}

/** A request as the cache sees it. */
export interface PreparedRequest {
  readonly request: BuiltRequest;
  readonly cacheRequest: CacheRequest;
  readonly layers: readonly LayerRecord[];
}

/** What the model of the cache expects a request to be billed for, output left out. */
export interface RequestForecast {
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
  readonly costUsd: number;
}

/** A request that was tracked, for taking it back. */
export interface SentRequest {
  /** The record that it was tracked from. */
  readonly before: PromptRecord | null;
  readonly outcome: CacheOutcome;
  readonly nowMs: number;
}

/** The record after a request, and what the request does. */
interface Tracked {
  readonly record: PromptRecord;
  readonly outcome: CacheOutcome;
}

/** Entries of one prompt that are followed; those used longest ago are dropped first. */
const ENTRIES_MAX = 64;

/** Contents that one prompt is known to be made of. */
const DEPENDENCES_MAX = 500;

export function toState(entries: readonly EntryRecord[]): CacheState {
  const byId = Map.groupBy(entries, (entry) => entry.prefixId);
  return {
    entries: [...byId].reduce((map, [id, same]) => map.put(id, same.map(toEntry)), emptyCacheState.entries),
  };
}

function toEntry({ layer: _layer, stack: _stack, ...entry }: EntryRecord): CacheEntry {
  return entry;
}

/** The bill of the input. */
export function billOutcome(facts: ModelFacts, outcome: CacheOutcome, nowMs: number): bigint {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const tokens = { ...noTokens, readTokens, write5mTokens, write1hTokens, uncachedTokens };
  return billTokens(facts, tokens, standardPricing(nowMs)).totalPicoUsd;
}

export function toForecast(facts: ModelFacts, outcome: CacheOutcome, nowMs: number): RequestForecast {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const costUsd = toUsd(billOutcome(facts, outcome, nowMs));
  return { readTokens, write5mTokens, write1hTokens, uncachedTokens, costUsd };
}

/**
 * Cumulative tokens that agree with the plan at every breakpoint and at the end, where layers may have been measured;
 * between those points the estimates are stretched.
 */
function stretch(
  cumulative: readonly number[],
  fixed: readonly { readonly index: number; readonly tokens: number }[],
): readonly number[] {
  const stretched: number[] = [];
  let fromTokens = 0;
  let fromEstimate = 0;
  for (const { index, tokens } of fixed) {
    const estimated = (cumulative[index] ?? 0) - fromEstimate;
    while (stretched.length < index) {
      const share = estimated === 0 ? 0 : ((cumulative[stretched.length] ?? 0) - fromEstimate) / estimated;
      stretched.push(fromTokens + Math.round(share * (tokens - fromTokens)));
    }
    stretched.push(tokens);
    fromTokens = tokens;
    fromEstimate = cumulative[index] ?? 0;
  }
  return stretched;
}

function toRequest({ facts, workspace, built }: BuiltRequest): CacheRequest {
  const prompt = readPrompt({ model: facts.id, ...built.request });
  const partition = partitionOf(
    { organization: '', workspace, modelId: facts.id, isBatch: false, inferenceGeo: null, betas: [] },
    PLATFORMS['claude-api'],
    defaultOpenQuestions,
  );
  const chain = chainPrefixes(prompt, {
    partition,
    hash: sha256Text,
    countTokens: (block) => estimateBlock(block.value, facts.tokenizer).tokens,
  });
  const { breakpoints, layers } = built.plan;
  const marked = prompt.breakpoints.map(({ blockIndex }, order) => ({
    index: blockIndex,
    tokens: breakpoints[order]?.prefixTokens ?? 0,
  }));
  const last = { index: prompt.blocks.length - 1, tokens: layers.at(-1)?.prefixTokens ?? 0 };
  const fixed = marked.at(-1)?.index === last.index ? marked : [...marked, last];
  const cumulativeTokens = stretch(chain.cumulativeTokens, fixed).map(Math.round);
  return {
    ...toCacheRequest(prompt, { ...chain, cumulativeTokens }),
    minCacheableTokens: facts.minCacheableTokens,
  };
}

/** Versions of the contents that a layer and all before it are made of. */
function stackAt(layers: readonly LayerRecord[], last: number): Readonly<Record<string, string>> {
  const contents = layers.slice(0, last + 1).flatMap(({ content }) => (content ? [content] : []));
  return Object.fromEntries(contents.map(({ name, version }) => [name, version]));
}

function describeLayers(
  { built, contents }: BuiltRequest,
  { prefixIds, breakpoints }: CacheRequest,
): readonly LayerRecord[] {
  const { plan } = built;
  let before = '';
  return plan.layers.map((layer): LayerRecord => {
    const order = plan.breakpoints.findIndex((breakpoint) => breakpoint.layer === layer.name);
    const content = contents.get(layer.name) ?? null;
    // Between breakpoints nothing is ever written: any unique name will do.
    const between = sha256Text(`${before}\n${layer.name}\n${content?.version ?? ''}`);
    const prefixId = prefixIds[breakpoints[order]?.blockIndex ?? -1] ?? between;
    before = prefixId;
    return {
      name: layer.name,
      level: layer.level,
      content,
      prefixTokens: Math.round(layer.prefixTokens),
      prefixId,
      ttl: plan.breakpoints[order]?.ttl ?? null,
    };
  });
}

/** Numbers for stacks that are equal where the stacks are. */
class StackNumbers {
  readonly #numbers = new Map<string, number>();
  readonly stacks: Readonly<Record<string, string>>[] = [];

  numberOf(stack: Readonly<Record<string, string>>): number {
    const key = JSON.stringify(stack);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.stacks.length);
    return this.stacks.push(stack) - 1;
  }
}

type Following = Pick<PromptRecord, 'entries' | 'stacks' | 'droppedUntilMs'>;

/** The entries that live on, each with its layer and its stack. */
function followEntries(
  before: PromptRecord | null,
  state: CacheState,
  layers: readonly LayerRecord[],
  nowMs: number,
): Following {
  const known = new Map(before?.entries.map((entry) => [entry.prefixId, entry]));
  const own = new Map(layers.map((layer, index) => [layer.prefixId, index]));
  const numbers = new StackNumbers();
  const live = [...sweepExpired(state, nowMs, defaultCacheRules).entries.entries()].flatMap(
    ([, same]) => same,
  );
  const ordered = live.toSorted((a, b) => b.usedMs - a.usedMs);
  const entries = ordered.slice(0, ENTRIES_MAX).flatMap((entry): EntryRecord[] => {
    const index = own.get(entry.prefixId);
    const layer = index === undefined ? known.get(entry.prefixId)?.layer : layers[index]?.name;
    const stack =
      index === undefined ? before?.stacks[known.get(entry.prefixId)?.stack ?? -1] : stackAt(layers, index);
    return layer === undefined || !stack ? [] : [{ ...entry, layer, stack: numbers.numberOf(stack) }];
  });
  const dropped = ordered.slice(ENTRIES_MAX).map(({ expiresMs }) => expiresMs);
  return {
    entries,
    stacks: numbers.stacks,
    droppedUntilMs: Math.max(before?.droppedUntilMs ?? 0, ...dropped),
  };
}

function followDependences(
  before: PromptRecord | null,
  layers: readonly LayerRecord[],
  nowMs: number,
): readonly Dependence[] {
  const own = layers.flatMap(({ name, level, content }): Dependence[] =>
    content ? [{ content: content.name, layer: name, level, usedMs: nowMs }] : [],
  );
  const others = (before?.dependsOn ?? []).filter(
    (old) => !own.some(({ content, layer }) => content === old.content && layer === old.layer),
  );
  return [...own, ...others].slice(0, DEPENDENCES_MAX);
}

/** A request as the cache sees it: made once, and followed from whatever record turns out to be the latest. */
export function prepareRequest(request: BuiltRequest): PreparedRequest {
  const cacheRequest = toRequest(request);
  return { request, cacheRequest, layers: describeLayers(request, cacheRequest) };
}

/** The record of a prompt after one more request, sent now and taken to be readable at once. */
export function trackRequest(
  before: PromptRecord | null,
  { request, cacheRequest, layers }: PreparedRequest,
): Tracked {
  const { nowMs } = request;
  const at = { startMs: nowMs, readyMs: nowMs };
  const [outcome, state] = cacheStep(toState(before?.entries ?? []), cacheRequest, at);
  const record: PromptRecord = {
    schema: 1,
    model: request.facts.id,
    usedMs: nowMs,
    rate: countRequest(before?.rate ?? noRequests(nowMs), nowMs),
    plannedPerHour: request.plannedPerHour,
    plannedIntervalMs: request.plannedIntervalMs,
    layers,
    dependsOn: followDependences(before, layers, nowMs),
    ...followEntries(before, state, layers, nowMs),
  };
  return { record, outcome };
}

/**
 * The record as if a request had not been: without what it was going to write, and with what it renewed as old as it
 * was before, unless it has been renewed again since.
 */
export function untrackRequest(record: PromptRecord, { before, outcome, nowMs }: SentRequest): PromptRecord {
  const left = withdraw(toState(record.entries), outcome.written);
  const keyOf = ({ prefixId, ttl, readyMs }: EntryRecord): string => `${prefixId} ${ttl} ${readyMs}`;
  const older = new Map(before?.entries.map((entry) => [keyOf(entry), entry]));
  const entries = record.entries.flatMap((entry): EntryRecord[] => {
    const isLeft = left.entries
      .get(entry.prefixId)
      ?.some(({ readyMs, ttl }) => readyMs === entry.readyMs && ttl === entry.ttl);
    if (isLeft !== true) return [];
    const { usedMs, expiresMs } = older.get(keyOf(entry)) ?? entry;
    return entry.usedMs === nowMs ? [{ ...entry, usedMs, expiresMs }] : [entry];
  });
  return { ...record, entries };
}
