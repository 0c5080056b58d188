import { isObject, isThinkingType, stringMember, type JsonObject } from '../core/index.ts';

/** What a user says: text, or content blocks of the Messages API. */
export type Content = string | readonly object[];

/** One message of a history. Its content is always blocks, so that more can be appended to it. */
export interface HistoryMessage {
  readonly role: 'user' | 'assistant' | 'system';
  readonly content: readonly JsonObject[];
}

/** A block that is answered by a result: the next message of the user must bring it. */
export function isToolUse(block: JsonObject): boolean {
  return block['type'] === 'tool_use';
}

export function isToolResult(block: JsonObject): boolean {
  return block['type'] === 'tool_result';
}

/** A block that the API could not fill with a summary. */
export function isFailedCompaction(block: JsonObject): boolean {
  return block['type'] === 'compaction' && typeof block['content'] !== 'string';
}

/** A text of nothing: the API refuses it in a request, and answers may hold it. */
function isEmptyText(block: JsonObject): boolean {
  return block['type'] === 'text' && (stringMember(block, 'text') ?? '').trim() === '';
}

function withoutMarker(block: JsonObject): JsonObject {
  const { cache_control: marker, ...rest } = block;
  return marker === undefined ? block : rest;
}

/** A block without markers, also without those that a tool result's own blocks may carry (spec 1.5). */
function strip(block: JsonObject): JsonObject {
  const bare = withoutMarker(block);
  const inner = bare['content'];
  if (!isToolResult(bare) || !Array.isArray(inner)) return bare;
  return { ...bare, content: inner.map((item: unknown) => (isObject(item) ? withoutMarker(item) : item)) };
}

/** A copy that nobody else can change, as it will be sent. */
export function copyJson(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : JSON.parse(text);
}

/**
 * Blocks as they are kept: copied, without markers, since we place those; strings become the text block that they stand
 * for (spec 1.3). Empty texts are left out.
 *
 * @throws RangeError when it is neither text nor a list of blocks.
 */
export function readBlocks(content: unknown, what: string): readonly JsonObject[] {
  const list: unknown = typeof content === 'string' ? [{ type: 'text', text: content }] : copyJson(content);
  if (!Array.isArray(list) || !list.every((each) => isObject(each)))
    throw new RangeError(`${what} must be text or a list of blocks`);
  return list.filter((block) => !isEmptyText(block)).map(strip);
}

/** A message without the model's thinking. */
export function withoutThinking(message: HistoryMessage): HistoryMessage {
  if (!message.content.some(({ type }) => isThinkingType(type))) return message;
  return { ...message, content: message.content.filter(({ type }) => !isThinkingType(type)) };
}

/** Does a message of the user begin a turn, rather than bring what tools have found? */
export function beginsTurn({ role, content }: HistoryMessage): boolean {
  return role === 'user' && !content.some(isToolResult);
}
