import type { PrefixChain } from './cache/cache-step.ts';
import { canonicalJson } from './prompt/canonical.ts';
import type { Prompt } from './prompt/prompt.ts';
import { isHashed, type Block } from './prompt/rendered-block.ts';
import type { BlockPath, Level } from './prompt/raw-blocks.ts';

/** What made two prompts part, in the terms of spec 6. */
export type DivergenceReason =
  | 'model_changed'
  | 'tools_changed'
  | 'system_changed'
  | 'messages_changed'
  | 'parameters_changed';

/** The first place at which a prompt leaves the prefix of an earlier one. */
export interface Divergence {
  readonly reason: DivergenceReason;
  /** Blocks of the later prompt before the first that differs. */
  readonly sharedBlocks: number;
  readonly sharedTokens: number;
  /** The level that is lost, and with it all that follow; blocks of it that stand before the change are not. */
  readonly level: Level;
  /** Paths of the first block that differs, in each prompt; null where one has no block there. */
  readonly earlierPath: BlockPath | null;
  readonly laterPath: BlockPath | null;
}

/** Indices of the blocks that are part of the prefix: tools rendered into the system prompt are not (spec 14.7). */
function hashedBlocks(prompt: Prompt): readonly number[] {
  return prompt.blocks.flatMap((block, index) => (isHashed(block) ? [index] : []));
}

function describeUnhashed(prompt: Prompt): string {
  const values = prompt.blocks.filter((block) => !isHashed(block)).map((block) => block.value);
  return canonicalJson(values, true);
}

function reasonFor(earlier: Prompt, later: Prompt, before: Block, after: Block): DivergenceReason {
  if (earlier.model.facts.id !== later.model.facts.id) return 'model_changed';
  if (before.label === after.label && before.content === after.content) {
    return describeUnhashed(earlier) === describeUnhashed(later) ? 'parameters_changed' : 'tools_changed';
  }
  return `${outerLevel(before, after)}_changed`;
}

/** The earlier in rendering order: a tool or system block that went away is a change of its own level. */
function outerLevel(before: Block, after: Block): Level {
  const found = new Set([before.level, after.level]);
  if (found.has('tools')) return 'tools';
  return found.has('system') ? 'system' : 'messages';
}

/**
 * Where the later prompt stops sharing prefixes with the earlier one; null when it extends it or stops
 * inside it. Both chains must come from one partition and one hash.
 */
export function findDivergence(
  earlier: Prompt,
  earlierChain: PrefixChain,
  later: Prompt,
  laterChain: PrefixChain,
): Divergence | null {
  const laterHashed = hashedBlocks(later);
  for (const [order, earlierIndex] of hashedBlocks(earlier).entries()) {
    const laterIndex = laterHashed[order] ?? -1;
    const before = earlier.blocks[earlierIndex];
    const after = later.blocks[laterIndex];
    if (!before || !after) return null;
    if (earlierChain.prefixIds[earlierIndex] === laterChain.prefixIds[laterIndex]) continue;
    return {
      reason: reasonFor(earlier, later, before, after),
      sharedBlocks: laterIndex,
      sharedTokens: laterChain.cumulativeTokens[laterIndex - 1] ?? 0,
      level: outerLevel(before, after),
      earlierPath: before.path,
      laterPath: after.path,
    };
  }
  return null;
}
