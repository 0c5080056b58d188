import { isThinkingType, type JsonObject } from '../core/index.ts';
import { ConversationError } from './errors.ts';
import {
  isFailedCompaction,
  isToolResult,
  isToolUse,
  readBlocks,
  type Content,
  type HistoryMessage,
} from './message.ts';

/** Ids of the tool calls that wait for their results. */
export function pendingCalls(messages: readonly HistoryMessage[]): readonly string[] {
  const last = messages.findLast(({ role }) => role !== 'system');
  if (last?.role !== 'assistant') return [];
  return last.content.filter(isToolUse).map((block) => String(block['id']));
}

function refuse(message: string): ConversationError {
  return new ConversationError('BAD_CONTENT', message);
}

/** Has the service paused in the middle of its own tools (`pause_turn`)? Then it goes on without anything being said. */
function isPaused(messages: readonly HistoryMessage[]): boolean {
  const last = messages.at(-1);
  if (last?.role !== 'assistant' || last.content.some(isToolUse)) return false;
  const type = String(last.content.at(-1)?.['type']);
  return type.endsWith('_tool_use') || type.endsWith('_tool_result');
}

/** Every call has one result, and results come first: the API refuses anything else. */
function checkResults(content: readonly JsonObject[], pending: readonly string[]): void {
  const results = content.filter(isToolResult);
  const answered = results.map((block) => String(block['tool_use_id']));
  const missing = pending.filter((id) => !answered.includes(id));
  if (missing.length > 0)
    throw refuse(`the model waits for the results of ${missing.join(', ')}: say them as tool_result blocks`);
  const unasked = answered.filter((id) => !pending.includes(id));
  if (unasked.length > 0) throw refuse(`there is no call that waits for the result of ${unasked.join(', ')}`);
  if (new Set(answered).size < answered.length) throw refuse('a call has more than one result');
  if (content.slice(0, results.length).some((block) => !isToolResult(block)))
    throw refuse('tool_result blocks must come before everything else');
}

/**
 * What the user says as a message that the API accepts after this history; without content where the service has paused and
 * is to go on.
 *
 * @throws ConversationError `BAD_CONTENT`, in words.
 */
export function readSaid(messages: readonly HistoryMessage[], content: Content): HistoryMessage {
  let blocks: readonly JsonObject[];
  try {
    blocks = readBlocks(content, 'what is said');
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
  if (blocks.length === 0 && !isPaused(messages))
    throw refuse('nothing is said: there is no block that is not empty');
  checkResults(blocks, pendingCalls(messages));
  return { role: 'user', content: blocks };
}

/** The answer as it is kept; null when it holds nothing that could be sent back as a message. */
export function readAnswer(content: unknown): HistoryMessage | null {
  // A compaction that failed stands for nothing, and need not be sent back.
  const blocks = readBlocks(content, 'the content of the answer').filter(
    (block) => !isFailedCompaction(block),
  );
  return blocks.some(({ type }) => !isThinkingType(type)) ? { role: 'assistant', content: blocks } : null;
}

/** The history with instructions at its end, in one message with those that stand there already. */
export function appendSystem(
  messages: readonly HistoryMessage[],
  content: readonly JsonObject[],
): readonly HistoryMessage[] {
  if (content.length === 0) return messages;
  const last = messages.at(-1);
  if (last?.role !== 'system') return [...messages, { role: 'system', content }];
  return messages.with(-1, { ...last, content: [...last.content, ...content] });
}

/**
 * The history with one more message. Where the last one has the same role, because it never got an answer that could be
 * kept, the blocks are appended to it: there are never two messages of the user in a row.
 */
export function append(
  messages: readonly HistoryMessage[],
  message: HistoryMessage,
): readonly HistoryMessage[] {
  if (message.content.length === 0) return messages;
  const at = messages.findLastIndex(({ role }) => role !== 'system');
  const last = messages[at];
  if (last?.role !== message.role) return [...messages, message];
  return messages.with(at, { ...last, content: [...last.content, ...message.content] });
}
