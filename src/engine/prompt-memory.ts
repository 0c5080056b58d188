import { LRUCache } from 'lru-cache';

import type { BareBlock, Block, BlockMemory, JsonObject } from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';

/**
 * What is known of blocks seen before: their content as it is hashed, and its digest. Objects are known as long as
 * someone holds them, which is the reader of bodies; texts are bounded here.
 */
export interface PromptMemory extends BlockMemory {
  /** A digest that stands for a block's content in the prefix hash. */
  digest(block: Block): string;
}

/** Characters of texts remembered. */
const TEXT_CHARACTERS_MAX = 16 * 1024 * 1024;

/** Contents shorter than this are hashed with the prefix: a digest would not be shorter. */
const SHORT_CONTENT = 128;

export function createPromptMemory(): PromptMemory {
  const texts = new LRUCache<string, JsonObject>({
    maxSize: TEXT_CHARACTERS_MAX,
    sizeCalculation: (_block, text) => Math.max(1, text.length),
  });
  const bares = new WeakMap<JsonObject, BareBlock>();
  const digests = new WeakMap<JsonObject, string>();
  return {
    textBlock(text) {
      const known = texts.get(text);
      if (known) return known;
      const block = { type: 'text', text };
      texts.set(text, block);
      return block;
    },
    bare(value, read) {
      const known = bares.get(value);
      if (known) return known;
      const bare = read(value);
      bares.set(value, bare);
      // Without markers it is the same block: one digest serves both.
      bares.set(bare.value, bare);
      return bare;
    },
    digest(block) {
      if (block.content.length < SHORT_CONTENT) return block.content;
      const known = digests.get(block.value);
      if (known !== undefined) return known;
      const digest = sha256Text(block.content);
      digests.set(block.value, digest);
      return digest;
    },
  };
}
