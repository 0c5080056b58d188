import {
  cacheStep,
  estimateBlock,
  resolveModel,
  type Breakpoint,
  type CacheRequest,
  type CacheState,
  type JsonObject,
  type ModelFacts,
  type Ttl,
} from '../core/index.ts';
import type { Content } from './content.ts';
import type { LayerRecord, PromptRecord } from './records.ts';
import { billOutcome } from './track-prompt.ts';

/** One step of a prompt at which a prefix may end. */
export interface Step {
  readonly prefixId: string;
  readonly tokens: number;
  readonly ttl: Ttl | null;
}

/** An edit, as one prompt sees it. */
export interface Edit {
  readonly record: PromptRecord;
  readonly facts: ModelFacts;
  readonly nowMs: number;
  /** Index of the edited layer. */
  readonly at: number;
  readonly partition: string;
  readonly unedited: readonly Step[];
  readonly edited: readonly Step[];
  readonly deltaTokens: number;
}

/** Begins the names of prefixes that only exist after the edit. */
export const EDITED = 'edited:';

/** The content as blocks of a prompt. */
function blocksOf(content: Content): readonly JsonObject[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const list: readonly unknown[] = Array.isArray(content) ? content : [content];
  return list.filter((block): block is JsonObject => typeof block === 'object' && block !== null);
}

function estimateContent(content: Content, facts: ModelFacts): number {
  return blocksOf(content).reduce((sum, block) => sum + estimateBlock(block, facts.tokenizer).tokens, 0);
}

export function tokensBefore(layers: readonly LayerRecord[], at: number): number {
  return layers[at - 1]?.prefixTokens ?? 0;
}

/** Going back to a version of which entries are still alive finds them. */
function findEdited(record: PromptRecord, at: number, layer: number, version: string): string | null {
  const name = record.layers[at]?.content?.name ?? '';
  const stack = record.layers.slice(0, layer + 1).flatMap(({ content }) => (content ? [content] : []));
  const wanted = new Map(stack.map((content) => [content.name, content.version])).set(name, version);
  const found = record.entries.find((entry) => {
    const own = Object.entries(record.stacks[entry.stack] ?? {});
    const isSame = own.length === wanted.size && own.every(([key, value]) => wanted.get(key) === value);
    return entry.layer === record.layers[layer]?.name && isSame;
  });
  return found?.prefixId ?? null;
}

/** How often a layer's content stands from there up to another layer: it may be used twice. */
function usesUpTo({ layers }: PromptRecord, at: number, last: number): number {
  const name = layers[at]?.content?.name;
  return layers.slice(at, last + 1).filter(({ content }) => content?.name === name).length;
}

export function makeEdit(
  record: PromptRecord,
  at: number,
  before: Content | null,
  after: Content,
  version: string,
  nowMs: number,
): Edit {
  const { facts } = resolveModel(record.model);
  const own = (record.layers[at]?.prefixTokens ?? 0) - tokensBefore(record.layers, at);
  const estimated = before === null ? own : estimateContent(before, facts);
  const scale = estimated === 0 ? 1 : own / estimated;
  const deltaTokens = Math.round(estimateContent(after, facts) * scale) - own;
  const unedited = record.layers.map(({ prefixId, prefixTokens, ttl }) => ({
    prefixId,
    tokens: prefixTokens,
    ttl,
  }));
  const edited = unedited.map((step, index) =>
    index < at
      ? step
      : {
          ...step,
          prefixId: findEdited(record, at, index, version) ?? `${EDITED}${step.prefixId}`,
          tokens: Math.max(0, step.tokens + deltaTokens * usesUpTo(record, at, index)),
        },
  );
  const partition = record.entries[0]?.partition ?? '';
  return { record, facts, nowMs, at, partition, unedited, edited, deltaTokens };
}

function toRequest({ facts, partition }: Edit, steps: readonly Step[]): CacheRequest {
  return {
    partition,
    prefixIds: steps.map(({ prefixId }) => prefixId),
    cumulativeTokens: steps.map(({ tokens }) => tokens),
    positions: steps.map((_step, index) => index),
    breakpoints: steps.flatMap(({ ttl }, blockIndex): Breakpoint[] =>
      ttl === null ? [] : [{ blockIndex, ttl, origin: 'explicit' }],
    ),
    minCacheableTokens: facts.minCacheableTokens,
  };
}

/** What one request comes to: its input's bill, what it reads, and the cache afterwards. */
interface Sent {
  readonly costPicoUsd: bigint;
  readonly readTokens: number;
  readonly next: CacheState;
}

/** Sends one request in the model of the cache, now. */
export function send(edit: Edit, state: CacheState, steps: readonly Step[]): Sent {
  const at = { startMs: edit.nowMs, readyMs: edit.nowMs };
  const [outcome, next] = cacheStep(state, toRequest(edit, steps), at);
  return { costPicoUsd: billOutcome(edit.facts, outcome, edit.nowMs), readTokens: outcome.readTokens, next };
}
