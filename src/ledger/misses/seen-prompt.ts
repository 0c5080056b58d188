import type { Level, PrefixChain, PrefixId, Prompt, Ttl } from '../../core/index.ts';
import type { Settings } from './settings.ts';

/**
 * A prompt as misses are looked for in it: hashes and sizes of its parts, no text. A part is a block with content of its own
 * where it stands; a tool that is rendered into the system prompt is none (spec 14.7). Arrays count by part.
 */
export interface PromptOutline {
  readonly model: string;
  readonly partition: string;
  readonly settings: Settings;
  readonly prefixIds: readonly PrefixId[];
  /** What each part says, whatever stands before it. */
  readonly contentIds: readonly number[];
  /** Cumulative tokens, estimated. */
  readonly tokens: readonly number[];
  /** Index of the first part behind the tools, and behind the system prompt. */
  readonly systemStart: number;
  readonly messagesStart: number;
  /** The same for the same tools, and for the same system prompt; null where there are none. */
  readonly toolsHash: string | null;
  readonly systemHash: string | null;
  /** Index of each part's block; null where they are the same. */
  readonly blockIndices: readonly number[] | null;
}

/** What of a prompt was in the cache after its request. */
export interface CachedPart {
  /** Number of parts. */
  readonly parts: number;
  readonly ttl: Ttl;
  /** When it was last written or read. */
  readonly usedMs: number;
}

/** A request that later ones are compared with. */
export interface SeenRequest {
  /** Of its record. */
  readonly id: string;
  readonly scope: string;
  readonly atMs: number;
  readonly prompt: PromptOutline;
  /** The longest prefix that it read or wrote; null when it did neither, or its response has not begun. */
  readonly cached: CachedPart | null;
  /** Did a plan decline to write more of it? */
  readonly isDeclined: boolean;
  /** Of its answer; null while there is none. */
  readonly messageId: string | null;
}

/** Cumulative tokens of the first so many parts. */
export function tokensBefore({ tokens }: PromptOutline, parts: number): number {
  return tokens[parts - 1] ?? 0;
}

/** Number of parts. */
export function lengthOf({ prefixIds }: PromptOutline): number {
  return prefixIds.length;
}

/** The level that a part is of. */
export function levelOfPart({ systemStart, messagesStart }: PromptOutline, part: number): Level {
  if (part < systemStart) return 'tools';
  return part < messagesStart ? 'system' : 'messages';
}

/** Index of a part's block. */
export function blockOfPart({ blockIndices }: PromptOutline, part: number): number {
  return blockIndices ? (blockIndices[part] ?? -1) : part;
}

/** Number of parts up to and including a block. */
export function partsUpToBlock(outline: PromptOutline, blockIndex: number): number {
  const { blockIndices } = outline;
  if (!blockIndices) return Math.min(blockIndex + 1, lengthOf(outline));
  const next = blockIndices.findIndex((index) => index > blockIndex);
  return next < 0 ? blockIndices.length : next;
}

/** How many parts two prompts have the same prefixes for, settings and all: whatever is the same further on is so before. */
export function samePrefixes(some: readonly PrefixId[], others: readonly PrefixId[]): number {
  let same = 0;
  let most = Math.min(some.length, others.length);
  while (same < most) {
    const middle = (same + most + 1) >>> 1;
    if (some[middle - 1] === others[middle - 1]) same = middle;
    else most = middle - 1;
  }
  return same;
}

/** Blocks with content where they stand; null where that is all of them. Only tools may be rendered elsewhere. */
function hashedBlocks(
  { blocks }: Prompt,
  isHashed: (blockIndex: number) => boolean,
): readonly number[] | null {
  for (let index = 0; blocks[index]?.level === 'tools'; index += 1) {
    if (!isHashed(index)) return blocks.flatMap((_, at) => (isHashed(at) ? [at] : []));
  }
  return null;
}

/** What an outline is made of. */
export interface OutlineParts {
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  readonly settings: Settings;
  /** A number for what a block says: the same for the same content, level and role. */
  readonly contentId: (blockIndex: number) => number;
  /** A prompt that begins in the same way: its numbers are used again. */
  readonly known: PromptOutline | null;
  /** Has the block content of its own where it stands? */
  readonly isHashed: (blockIndex: number) => boolean;
}

/**
 * Outlines a prompt.
 *
 * @example outlinePrompt({ prompt, chain, settings, contentId, known: null, isHashed }).contentIds.length // its parts
 */
export function outlinePrompt({
  prompt,
  chain,
  settings,
  contentId,
  known,
  isHashed,
}: OutlineParts): PromptOutline {
  const { blocks } = prompt;
  const blockIndices = hashedBlocks(prompt, isHashed);
  const pick = <Value>(values: readonly Value[]): readonly Value[] =>
    blockIndices ? blockIndices.map((index) => values[index] as Value) : values;
  const prefixIds = pick(chain.prefixIds);
  const shared = known ? samePrefixes(known.prefixIds, prefixIds) : 0;
  const contentIds = known?.contentIds.slice(0, shared) ?? [];
  for (let part = shared; part < prefixIds.length; part += 1) {
    contentIds.push(contentId(blockIndices?.[part] ?? part));
  }
  let systemStart = 0;
  const levelAt = (part: number): Level | undefined => blocks[blockIndices?.[part] ?? part]?.level;
  while (levelAt(systemStart) === 'tools') systemStart += 1;
  let messagesStart = systemStart;
  while (levelAt(messagesStart) === 'system') messagesStart += 1;
  const hasHead = known !== null && shared >= messagesStart && known.messagesStart === messagesStart;
  return {
    model: prompt.model.facts.id,
    partition: chain.partition,
    settings,
    prefixIds,
    contentIds,
    tokens: pick(chain.cumulativeTokens),
    systemStart,
    messagesStart,
    toolsHash: hasHead ? known.toolsHash : shortHash(contentIds.slice(0, systemStart)),
    systemHash: hasHead ? known.systemHash : shortHash(contentIds.slice(systemStart, messagesStart)),
    blockIndices,
  };
}

/** Numbers as one short text: the same for the same numbers in the same order; null without any. */
export function shortHash(ids: readonly number[]): string | null {
  if (ids.length === 0) return null;
  let high = 0x811c9dc5;
  let low = ids.length;
  for (const id of ids) {
    high = Math.imul(high ^ (id % 2 ** 32), 0x01000193);
    low = Math.imul(low ^ Math.floor(id / 2 ** 20), 0x85ebca6b) ^ (high >>> 7);
  }
  return (high >>> 0).toString(36) + (low >>> 0).toString(36);
}
