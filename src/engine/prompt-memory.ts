import { LRUCache } from 'lru-cache';

import type { BareBlock, Block, BlockMemory, JsonObject } from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';

/**
 * What is known of blocks seen before: their content as it is hashed, and the prefixes that ended with them. Objects are
 * known as long as someone holds them, which is the reader of bodies; texts are bounded here.
 */
export interface PromptMemory extends BlockMemory {
  /** The prefix that a block makes of the one before it. */
  extend(prefix: string, block: Block): string;
  /** A hash of settings, of which requests have few different ones. */
  hashSettings(text: string): string;
}

/** The prefix that was last made of another: a conversation makes the same ones again. */
interface Extension {
  readonly label: string;
  readonly digest: string;
  readonly extended: string;
}

/** Characters of texts remembered. */
const TEXT_CHARACTERS_MAX = 16 * 1024 * 1024;

/** Settings remembered; forgotten all at once, since that they are many is rare. */
const SETTINGS_MAX = 1000;

/** Prefixes remembered, about 300 bytes each; the oldest go first. */
const EXTENSIONS_MAX = 100_000;

/** Contents shorter than this are hashed with the prefix: a digest would not be shorter. */
const SHORT_CONTENT = 128;

export function createPromptMemory(): PromptMemory {
  const texts = new LRUCache<string, JsonObject>({
    maxSize: TEXT_CHARACTERS_MAX,
    sizeCalculation: (_block, text) => Math.max(1, text.length),
  });
  const bares = new WeakMap<JsonObject, BareBlock>();
  const digests = new WeakMap<JsonObject, string>();
  const extensions = new Map<string, Extension>();
  const settings = new Map<string, string>();

  const digest = (block: Block): string => {
    if (block.content.length < SHORT_CONTENT) return block.content;
    const known = digests.get(block.value);
    if (known !== undefined) return known;
    const made = sha256Text(block.content);
    digests.set(block.value, made);
    return made;
  };

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
    extend(prefix, block) {
      const { label } = block;
      const own = digest(block);
      const known = extensions.get(prefix);
      if (known?.digest === own && known.label === label) return known.extended;
      const extended = sha256Text(`${prefix}\n${label}|${own}`);
      extensions.set(prefix, { label, digest: own, extended });
      if (extensions.size > EXTENSIONS_MAX) extensions.delete(extensions.keys().next().value ?? '');
      return extended;
    },
    hashSettings(text) {
      const known = settings.get(text);
      if (known !== undefined) return known;
      if (settings.size >= SETTINGS_MAX) settings.clear();
      const made = sha256Text(text);
      settings.set(text, made);
      return made;
    },
  };
}
