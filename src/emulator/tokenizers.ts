import { estimateBlock, isObject, type Block, type ModelFacts } from '../core/index.ts';

/** Counts the tokens of one block (or of one block of an answer). */
export type CountBlock = (value: unknown, model: ModelFacts) => number;

const SKIPPED_MEMBERS: ReadonlySet<string> = new Set(['type', 'id', 'tool_use_id', 'cache_control']);

/** What an image, or a document given as base64, counts whatever its size. */
const BINARY_WORDS = 100;

function isBinary(value: Record<string, unknown>): boolean {
  if (value['type'] === 'image') return true;
  return value['type'] === 'document' && isObject(value['source']) && value['source']['type'] === 'base64';
}

/** The whitespace-separated words of every string in a value: a size that a test can tell by looking. */
export function countWords(value: unknown): number {
  if (typeof value === 'string') return value.split(/\s+/).filter((word) => word !== '').length;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countWords(item), 0);
  if (!isObject(value)) return 0;
  if (isBinary(value)) return BINARY_WORDS;
  return Object.entries(value).reduce(
    (sum, [member, inner]) => (SKIPPED_MEMBERS.has(member) ? sum : sum + countWords(inner)),
    0,
  );
}

/** The tokenizers of `--tokenizer`. */
export const TOKENIZERS: { readonly words: CountBlock; readonly estimate: CountBlock } = {
  words: (value) => countWords(value),
  estimate: (value, model) => estimateBlock(value, model.tokenizer).tokens,
};

export type TokenizerName = keyof typeof TOKENIZERS;

/** The tokenizer bound to a model, for prompts. */
export function blockCounter(count: CountBlock, model: ModelFacts): (block: Block) => number {
  return (block) => count(block.value, model);
}
