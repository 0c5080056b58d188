import { LRUCache } from 'lru-cache';

import type { BareBlock, Block, BlockMemory, JsonObject, RawBlock } from '../core/index.ts';
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

/** The prefix that was last made of another: a conversation makes the same ones again, of the same objects. */
interface Extension {
  readonly label: string;
  /** The number of the block's object, which itself is not to be kept for this. */
  readonly number: number;
  readonly extended: string;
}

/** A block's content, and a number that no other object's has. */
interface NumberedBlock {
  readonly bare: BareBlock;
  readonly number: number;
}

/** Of a block that was read without this memory. */
const NO_NUMBER = 0;

/** The raw blocks of a message or list, and where in the body it stood. */
interface KnownBlocks {
  readonly index: number;
  readonly blocks: readonly RawBlock[];
}

/** Characters of texts remembered. */
const TEXT_CHARACTERS_MAX = 16 * 1024 * 1024;

/** Settings remembered; forgotten all at once, since that they are many is rare. */
const SETTINGS_MAX = 1000;

/** Prefixes remembered, about 300 bytes each; the oldest go first. */
const EXTENSIONS_MAX = 100_000;

export function createPromptMemory(): PromptMemory {
  const texts = new LRUCache<string, JsonObject>({
    maxSize: TEXT_CHARACTERS_MAX,
    sizeCalculation: (_block, text) => Math.max(1, text.length),
  });
  const bares = new WeakMap<JsonObject, NumberedBlock>();
  const lists = new WeakMap<object, KnownBlocks>();
  const extensions = new Map<string, Extension>();
  const settings = new Map<string, string>();
  let numbered = 0;

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
      if (known) return known.bare;
      const bare = read(value);
      numbered += 1;
      const made = { bare, number: numbered };
      bares.set(value, made);
      // Without markers it is the same block: one number serves both.
      if (bare.value !== value) bares.set(bare.value, made);
      return bare;
    },
    recallBlocks(owner, index, read) {
      const known = lists.get(owner);
      if (known?.index === index) return known.blocks;
      const blocks = read();
      lists.set(owner, { index, blocks });
      return blocks;
    },
    extend(prefix, block) {
      const { label, content } = block;
      // The same object has the same content, for nothing that was read is ever written to.
      const number = bares.get(block.value)?.number ?? NO_NUMBER;
      const known = extensions.get(prefix);
      if (known?.number === number && number !== NO_NUMBER && known.label === label) return known.extended;
      const extended = sha256Text(`${prefix}\n${label}|${content}`);
      extensions.set(prefix, { label, number, extended });
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
