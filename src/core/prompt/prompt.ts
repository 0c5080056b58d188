import type { Breakpoint, CacheRequest, PrefixChain } from '../cache/cache-step.ts';
import { defaultOpenQuestions, type OpenQuestions } from '../cache/rules.ts';
import type { PrefixId } from '../cache/state.ts';
import { PLATFORMS, type PlatformRules } from '../catalogue/platforms.ts';
import { defaultCatalogue, resolveModel, type Catalogue, type ResolvedModel } from '../catalogue/resolve.ts';
import { stringMember, type JsonObject } from '../json.ts';
import { hasKeyOrder } from './canonical.ts';
import { isDeferred, readMarkers, type BodyMarkers, type MarkerProblem } from './markers.ts';
import { readOverhead, type PromptOverhead } from './overhead.ts';
import { readRawBlocks, type Level, type RawBlock } from './raw-blocks.ts';
import { isHashed, Labels, toBlock, type Block } from './rendered-block.ts';
import { readSettingMixes, resolveThinking, type SettingMixes } from './settings.ts';
import { dropCleared, stripThinking } from './thinking.ts';

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
  /** The body's blocks as `readRawBlocks` gives them, where the caller has read them already. */
  readonly blocks: readonly RawBlock[] | null;
}

const defaultPromptOptions: PromptOptions = {
  catalogue: defaultCatalogue,
  open: defaultOpenQuestions,
  blocks: null,
};

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
  const { catalogue, open, blocks } = { ...defaultPromptOptions, ...options };
  const sourceOrder = hasKeyOrder(body);
  const model = resolveModel(stringMember(body, 'model') ?? '', catalogue);
  const all = blocks ?? readRawBlocks(body);
  const sent = all.filter((block) => !isDeferred(block));
  const thinking = resolveThinking(body, model.facts);
  const rendered = stripThinking(dropCleared(sent, body), body, model.facts, thinking);
  const markers = readMarkers(body, all);
  const isRefused = 'problem' in markers;
  const labels = new Labels();
  return {
    model,
    blocks: rendered.map((raw) => toBlock(raw, sourceOrder, labels)),
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
    if (isHashed(block)) prefix = extend(prefix, block);
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
