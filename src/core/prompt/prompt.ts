import type { Breakpoint, CacheRequest, PrefixChain } from '../cache/cache-step.ts';
import { defaultOpenQuestions, type OpenQuestions } from '../cache/rules.ts';
import type { PrefixId } from '../cache/state.ts';
import { PLATFORMS, type PlatformRules } from '../catalogue/platforms.ts';
import { defaultCatalogue, resolveModel, type Catalogue, type ResolvedModel } from '../catalogue/resolve.ts';
import { isObject, stringMember, type JsonObject } from '../json.ts';
import { canonicalJson, hasKeyOrder, withMember, withoutMember } from './canonical.ts';
import {
  canCarryMarker,
  isDeferred,
  isDocumentedCarrier,
  NESTING_MAX,
  readMarkers,
  type BodyMarkers,
  type MarkerProblem,
} from './markers.ts';
import { readOverhead, type PromptOverhead } from './overhead.ts';
import {
  innerBlocks,
  readRawBlocks,
  type BlockPath,
  type Level,
  type RawBlock,
  type RecallBlocks,
} from './raw-blocks.ts';
import { readSettingMixes, rendersInSystem, resolveThinking, type SettingMixes } from './settings.ts';
import { dropCleared, stripThinking } from './thinking.ts';

/** A block of the rendered prompt: a cache position, and what a breakpoint may stand on (spec 1.3). */
export interface Block {
  readonly level: Level;
  readonly path: BlockPath;
  readonly type: string;
  readonly role: string | null;
  /** The block without its markers; a string form is the text block that it stands for. */
  readonly value: JsonObject;
  readonly isString: boolean;
  /** No rule forbids a breakpoint here. */
  readonly canCarryMarker: boolean;
  /** A breakpoint here is documented to be accepted: where we may add one ourselves. */
  readonly isDocumentedCarrier: boolean;
  /** What goes into the prefix hash for it besides its content: level, role, settings of its message. */
  readonly label: string;
  /** What goes into the prefix hash of its content; empty for a block that is rendered elsewhere. */
  readonly content: string;
}

/** A block's content as it is hashed. */
export interface BareBlock {
  /** The block without its markers. */
  readonly value: JsonObject;
  readonly content: string;
}

/**
 * Spares reading the same block again: requests of a conversation repeat all but their tail. Only speed
 * depends on it; a caller who gives none gets the same prompt.
 */
export interface BlockMemory {
  /** One object for one text, whenever it is asked for. */
  textBlock(text: string): JsonObject;
  /** What `read` gives for the object, the first time or again. */
  bare(value: JsonObject, read: (value: JsonObject) => BareBlock): BareBlock;
  /** The raw blocks of a message or list that was read before at the same index, else those that `read` gives. */
  readonly recallBlocks: RecallBlocks;
}

const noMemory: BlockMemory = {
  textBlock: (text) => ({ type: 'text', text }),
  bare: (value, read) => read(value),
  recallBlocks: (_owner, _index, read) => read(),
};

/** A Messages body as the cache sees it, nothing hashed yet. */
export interface Prompt {
  readonly model: ResolvedModel;
  readonly blocks: readonly Block[];
  readonly mixes: SettingMixes;
  /** Tokens that are in no block; callers of `chainPrefixes` say whether they count. */
  readonly overhead: PromptOverhead;
  /** The client's own breakpoints, in block order; empty when its markers are refused. */
  readonly breakpoints: readonly Breakpoint[];
  /** Markers that count toward the limit of four, the top-level one always among them (spec 1.6). */
  readonly markerCount: number;
  /** Why the service would refuse the body's markers; null when it would not. */
  readonly markerProblem: MarkerProblem | null;
}

/** What reading a prompt depends on besides the body. */
export interface PromptOptions {
  readonly catalogue: Catalogue;
  readonly open: OpenQuestions;
  readonly memory: BlockMemory;
}

const defaultPromptOptions: PromptOptions = {
  catalogue: defaultCatalogue,
  open: defaultOpenQuestions,
  memory: noMemory,
};

/** The block without markers, its own and those inside it that move to it (spec 1.2, 1.5). */
function stripMarkers(value: JsonObject, path: BlockPath, depth: number = NESTING_MAX): JsonObject {
  let bare = 'cache_control' in value ? withoutMember(value, 'cache_control') : value;
  const inner = depth > 0 ? innerBlocks(value, path) : null;
  if (!inner?.items.some((item) => isObject(item) && hasMarkerInside(item, path, depth - 1))) return bare;
  const items = inner.items.map((item) => (isObject(item) ? stripMarkers(item, path, depth - 1) : item));
  if (inner.path.at(-2) === 'source') {
    const source = isObject(bare['source']) ? bare['source'] : {};
    bare = withMember(bare, 'source', withMember(source, 'content', items));
  } else {
    bare = withMember(bare, 'content', items);
  }
  return bare;
}

function hasMarkerInside(value: JsonObject, path: BlockPath, depth: number): boolean {
  if ('cache_control' in value) return true;
  const items = depth > 0 ? (innerBlocks(value, path)?.items ?? []) : [];
  return items.some((item) => isObject(item) && hasMarkerInside(item, path, depth - 1));
}

/** String and array forms of one text are one prefix (spec 1.3): both are written as the array form. Key order stays. */
function readBare(raw: JsonObject, sourceOrder: boolean): BareBlock {
  const value = stripMarkers(raw, []);
  const own =
    value['type'] === 'tool_result' && typeof value['content'] === 'string'
      ? withMember(value, 'content', [{ type: 'text', text: value['content'] }])
      : value;
  return { value, content: bareTextOf(own) ?? canonicalJson(own, sourceOrder) };
}

/**
 * The text of a block that is nothing but text, marked so that no JSON can be taken for it; null for any other.
 * Most of a prompt is such text, and writing it as JSON only to hash it would be the dearest step of reading it.
 */
function bareTextOf(value: JsonObject): string | null {
  const keys = Object.keys(value);
  const isBare = keys.length === 2 && keys[0] === 'type' && keys[1] === 'text' && value['type'] === 'text';
  return isBare && typeof value['text'] === 'string' ? `text:${value['text']}` : null;
}

/** Members of a message that are rendered with it, such as its own effort (spec 2.5, 7.5). */
function messageExtras(block: RawBlock, sourceOrder: boolean): string {
  const { message } = block;
  const isFirst = block.isString || block.path.at(-1) === 0;
  if (!message || !isFirst || message['output_config'] === undefined) return '';
  return canonicalJson(message['output_config'], sourceOrder);
}

function toBlock(raw: RawBlock, sourceOrder: boolean, memory: BlockMemory): Block {
  return (raw.worked.block ??= makeBlock(raw, sourceOrder, memory));
}

function makeBlock(raw: RawBlock, sourceOrder: boolean, memory: BlockMemory): Block {
  const { value, content } = memory.bare(raw.value, (block) => readBare(block, sourceOrder));
  return {
    level: raw.level,
    path: raw.path,
    type: raw.type,
    role: raw.role,
    value,
    isString: raw.isString,
    canCarryMarker: canCarryMarker(raw),
    isDocumentedCarrier: isDocumentedCarrier(raw),
    label: `${raw.level}|${raw.role ?? ''}|${messageExtras(raw, sourceOrder)}`,
    // A tool that is rendered into the system prompt adds nothing to the tools level (spec 14.7).
    content: rendersInSystem(raw) ? '' : content,
  };
}

/** The client's breakpoints on the blocks that are left after the service's own rewriting. */
function placeMarkers(markers: BodyMarkers, blocks: readonly RawBlock[]): readonly Breakpoint[] {
  if (markers.explicit.length === 0 && markers.automatic === null) return [];
  const placed: Breakpoint[] = [];
  for (const { block, ttl } of markers.explicit) {
    const blockIndex = blocks.lastIndexOf(block);
    if (blockIndex >= 0) placed.push({ blockIndex, ttl, origin: 'explicit' });
  }
  const target = markers.automaticTarget ? blocks.lastIndexOf(markers.automaticTarget) : -1;
  const isTaken = placed.some((breakpoint) => breakpoint.blockIndex === target);
  if (markers.automatic && target >= 0 && !isTaken) {
    placed.push({ blockIndex: target, ttl: markers.automatic, origin: 'automatic' });
  }
  return placed.toSorted((a, b) => a.blockIndex - b.blockIndex);
}

/**
 * Reads any Messages body into blocks (spec 1, 6, 7, 13): string and array forms equal, markers left out
 * of the content, deferred tools, cleared system messages and stripped thinking gone. Never throws on JSON
 * nested at most 512 levels deep, which is what `wire` lets through.
 *
 * @example readPrompt({ model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hi' }] }).blocks.length // 1
 */
export function readPrompt(body: JsonObject, options: Partial<PromptOptions> = {}): Prompt {
  const { catalogue, open, ...given } = { ...defaultPromptOptions, ...options };
  const sourceOrder = hasKeyOrder(body);
  // What is remembered was written in JavaScript's own key order.
  const memory = sourceOrder ? noMemory : given.memory;
  const model = resolveModel(stringMember(body, 'model') ?? '', catalogue);
  const all = readRawBlocks(body, (text) => memory.textBlock(text), memory.recallBlocks);
  const sent = all.filter((block) => !isDeferred(block));
  const thinking = resolveThinking(body, model.facts);
  const rendered = stripThinking(dropCleared(sent, body), body, model.facts, thinking);
  const markers = readMarkers(body, all);
  const isRefused = 'problem' in markers;
  return {
    model,
    blocks: rendered.map((raw) => toBlock(raw, sourceOrder, memory)),
    mixes: readSettingMixes(body, model.facts, rendered, open),
    overhead: readOverhead(body, model.facts, rendered, open),
    breakpoints: isRefused ? [] : placeMarkers(markers, rendered),
    markerCount: isRefused ? 0 : markers.explicit.length + (markers.automatic ? 1 : 0),
    markerProblem: isRefused ? markers.problem : null,
  };
}

/** SHA-256 or another collision-resistant hash of a text, as text; given by the caller so that core stays pure. */
export type HashText = (text: string) => string;

/** What turns a prompt into prefixes: whose cache, how to hash, how long each block is. */
export interface ChainOptions {
  /** Workspace or organisation, model and whatever else separates caches (spec 8). */
  readonly partition: string;
  readonly hash: HashText;
  /** Tokens of one block, asked once for each in order; whole, not negative. The prefix ends with the block. */
  readonly countTokens: (block: Block, prefixId: PrefixId) => number;
  readonly platform?: PlatformRules;
  /** The prefix that a block's content makes of the one before it. @default the hash of both */
  readonly extend?: (prefix: PrefixId, block: Block) => PrefixId;
  /** Counts what the service adds for tools at the levels where it is rendered. @default false */
  readonly countsOverhead?: boolean;
}

const LEVELS: readonly Level[] = ['tools', 'system', 'messages'];

/** Chained prefix hashes, cumulative tokens and lookback positions of a prompt (spec 1.2, 2.2, 13). */
export function chainPrefixes(prompt: Prompt, options: ChainOptions): PrefixChain {
  const { hash, platform = PLATFORMS['claude-api'], countsOverhead = false } = options;
  const extend = options.extend ?? ((before, block) => hash(`${before}\n${block.label}|${block.content}`));
  const prefixIds: string[] = [];
  const cumulativeTokens: number[] = [];
  const positions: number[] = [];
  let prefix = hash(`${options.partition}\n${prompt.mixes.root}`);
  let tokens = 0;
  let level = 0;
  let position = -1;
  for (const [index, block] of prompt.blocks.entries()) {
    for (; LEVELS[level] !== block.level; level += 1) {
      const entered = LEVELS[level + 1] === 'system' ? 'system' : 'messages';
      prefix = hash(`${prefix}\n${prompt.mixes[entered]}`);
      if (countsOverhead) tokens += prompt.overhead[`${entered}Tokens`];
    }
    if (block.content !== '') prefix = extend(prefix, block);
    tokens += options.countTokens(block, prefix);
    prefixIds.push(prefix);
    cumulativeTokens.push(tokens);
    position = nextPosition(position, prompt.blocks[index - 1], block, platform);
    positions.push(position);
  }
  return { partition: options.partition, prefixIds, cumulativeTokens, positions };
}

function nextPosition(
  last: number,
  previous: Block | undefined,
  block: Block,
  platform: PlatformRules,
): number {
  const isRun = block.type === 'tool_use' || block.type === 'tool_result';
  const joinsRun = platform.collapsesToolRuns && isRun && previous?.type === block.type;
  return joinsRun ? last : last + 1;
}

/** A request for `cacheStep` from a prompt's prefixes and any choice of breakpoints. */
export function toCacheRequest(
  prompt: Prompt,
  chain: PrefixChain,
  breakpoints: readonly Breakpoint[] = prompt.breakpoints,
): CacheRequest {
  return { ...chain, breakpoints, minCacheableTokens: prompt.model.facts.minCacheableTokens };
}
