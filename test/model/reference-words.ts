import { isObject, memberOf } from './reference-json.ts';

const SKIPPED_MEMBERS: ReadonlySet<string> = new Set(['type', 'id', 'tool_use_id', 'cache_control']);
const FLAT_TOKENS = 100;

/**
 * Size of one block in tokens under the tokenizer `words` (design 4.3): the whitespace-separated words of every
 * string value at any depth, except below the four skipped members; an image or a base64 document is 100 flat,
 * whatever else it holds, also when it stands inside another block.
 *
 * @example countWords({ type: 'text', text: 'two words' }) // 2
 */
export function countWords(value: unknown): number {
  if (typeof value === 'string') return value.split(/\s+/u).filter((word) => word !== '').length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countWords(item), 0);
  if (!isObject(value)) return 0;
  if (value['type'] === 'image') return FLAT_TOKENS;
  if (value['type'] === 'document' && memberOf(value['source'], 'type') === 'base64') return FLAT_TOKENS;
  let sum = 0;
  for (const [name, member] of Object.entries(value)) {
    if (!SKIPPED_MEMBERS.has(name)) sum += countWords(member);
  }
  return sum;
}
