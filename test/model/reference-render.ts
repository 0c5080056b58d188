import { innerBlocks, canCarryMarker, markerOfBlock, markerOfTool, type Ttl } from './reference-markers.ts';
import { demand, isObject, memberOf, objectsIn, type JsonObject } from './reference-json.ts';
import { factsOf } from './reference-models.ts';
import { countWords } from './reference-words.ts';

/** One cache position unit of the rendered prompt (spec 1.3). */
export interface RenderedBlock {
  level: 'tools' | 'system' | 'messages';
  type: string;
  /** What the block adds to the prefix; null when it adds nothing (web search and fetch tools, spec 14.7). */
  content: string | null;
  tokens: number;
  marker: Ttl | null;
  /** Whether automatic caching may land here (spec 2.4). */
  canBeTarget: boolean;
}

interface Message {
  role: string;
  blocks: JsonObject[];
  outputConfig: unknown;
  isTurnScoped: boolean;
}

/** True for the tools that are announced in the system prompt instead of among the tools (spec 6, 14.7). */
export function isWebTool(tool: JsonObject): boolean {
  return /^web_(?:search|fetch)_/u.test(String(tool['type']));
}

/** A string is short for one text block: message content, `system`, and (our reading) a tool result's content (spec 1.3). */
export function blocksOf(content: unknown): JsonObject[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : objectsIn(content);
}

/** A block without its own marker and those of its inner blocks, strings spelled out, key order kept (spec 1.2). */
export function withoutMarkers(block: JsonObject): JsonObject {
  const { cache_control: _marker, ...rest } = block;
  if (rest['type'] === 'tool_result' && rest['content'] !== undefined) {
    rest['content'] = blocksOf(rest['content']).map(withoutMarkers);
  }
  const source = rest['source'];
  if (rest['type'] === 'document' && isObject(source) && Array.isArray(source['content'])) {
    rest['source'] = { ...source, content: innerBlocks(block).map(withoutMarkers) };
  }
  return rest;
}

function isThinking(block: JsonObject): boolean {
  return block['type'] === 'thinking' || block['type'] === 'redacted_thinking';
}

function hasMoreThanToolResults(message: Message): boolean {
  return message.role === 'user' && message.blocks.some((block) => block['type'] !== 'tool_result');
}

/**
 * Thinking the server takes out before it renders. Last-turn-only models lose all thinking before the newest user
 * message that is not only tool results (spec 7.2); with thinking disabled what follows that message, the current
 * tool turn, loses its thinking on every model (spec 7.3).
 */
function stripThinking(messages: Message[], keepsAll: boolean, isDisabled: boolean): void {
  const lastUser = messages.findLastIndex(hasMoreThanToolResults);
  for (const [index, message] of messages.entries()) {
    const isStripped = index < lastUser ? !keepsAll : isDisabled;
    if (isStripped) message.blocks = message.blocks.filter((block) => !isThinking(block));
  }
}

/** Context editing may force keeping all thinking (spec 7.6); any other `keep` leaves the model's own rule. */
function keepsAllThinking(body: JsonObject): boolean {
  const edits = objectsIn(memberOf(body['context_management'], 'edits'));
  const isForced = edits.some(({ type, keep }) => type === 'clear_thinking_20251015' && keep === 'all');
  return isForced || factsOf(String(body['model'])).keepsAllThinking;
}

function readMessages(body: JsonObject): Message[] {
  return objectsIn(body['messages']).map((message) => ({
    role: String(message['role']),
    blocks: blocksOf(message['content']),
    outputConfig: message['role'] === 'system' ? message['output_config'] : undefined,
    isTurnScoped: message['role'] === 'system' && message['clear_at'] === 'next_user_message',
  }));
}

/** A turn-scoped system message goes once a later user message exists, whatever that one holds (spec 2.5, 1.5). */
function isCleared(message: Message, index: number, messages: readonly Message[]): boolean {
  return message.isTurnScoped && messages.slice(index + 1).some((later) => later.role === 'user');
}

function renderMessage(message: Message): RenderedBlock[] {
  return message.blocks.map((block, index) => ({
    level: 'messages',
    type: String(block['type']),
    // Message boundaries leave no trace, since same-role neighbours are one turn (spec 1.3); the role does.
    content: JSON.stringify([
      message.role,
      index === 0 ? (message.outputConfig ?? null) : null,
      withoutMarkers(block),
    ]),
    tokens: countWords(block),
    marker: markerOfBlock(block),
    canBeTarget: canCarryMarker(block) && !message.isTurnScoped,
  }));
}

function renderMessages(body: JsonObject): RenderedBlock[] {
  const messages = readMessages(body);
  for (const message of messages) {
    const markers = message.blocks.map(markerOfBlock);
    demand(
      !message.isTurnScoped || markers.every((marker) => marker === null),
      'marker on a turn-scoped system message',
    );
  }
  stripThinking(messages, keepsAllThinking(body), thinkingOf(body)['type'] === 'disabled');
  return messages.filter((message, index) => !isCleared(message, index, messages)).flatMap(renderMessage);
}

function renderTool(tool: JsonObject): RenderedBlock {
  return {
    level: 'tools',
    type: 'tool',
    content: isWebTool(tool) ? null : JSON.stringify(withoutMarkers(tool)),
    tokens: countWords(tool),
    marker: markerOfTool(tool),
    canBeTarget: true,
  };
}

function renderSystemBlock(block: JsonObject): RenderedBlock {
  return {
    level: 'system',
    type: String(block['type']),
    content: JSON.stringify(withoutMarkers(block)),
    tokens: countWords(block),
    marker: markerOfBlock(block),
    canBeTarget: canCarryMarker(block),
  };
}

/** The thinking setting with the model's default filled in; `display` shapes nothing. */
export function thinkingOf(body: JsonObject): JsonObject {
  const given = body['thinking'];
  if (!isObject(given)) return { type: factsOf(String(body['model'])).defaultThinking };
  return { type: given['type'], budget_tokens: given['budget_tokens'] };
}

/** The rendered prompt in processing order (spec 1.1), deferred tools left out. Refuses misplaced markers (spec 1.5). */
export function renderPrompt(body: JsonObject): RenderedBlock[] {
  const tools = objectsIn(body['tools']);
  tools.forEach(markerOfTool);
  return [
    ...tools.filter((tool) => tool['defer_loading'] !== true).map(renderTool),
    ...blocksOf(body['system']).map(renderSystemBlock),
    ...renderMessages(body),
  ];
}
