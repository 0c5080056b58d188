import { isObject } from '../core/index.ts';
import type { WireUsage } from './usage.ts';

/** A content block of a response; what else it holds depends on its type. */
export interface WireBlock {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A complete Messages response; members not listed (`diagnostics`, `container`, `stop_details`) are carried along. */
export interface WireMessage {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly model: string;
  readonly content: readonly WireBlock[];
  readonly stop_reason: string | null;
  readonly stop_sequence: string | null;
  readonly usage: WireUsage;
  readonly [member: string]: unknown;
}

/** One server-sent event: its name and the value of its data. */
export interface SseEvent {
  readonly event: string;
  readonly data: { readonly type: string; readonly [member: string]: unknown };
}

/** A block as `content_block_start` shows it, and the deltas that complete it. */
interface BlockPieces {
  readonly start: WireBlock;
  readonly deltas: readonly WireBlock[];
}

/** The usage members of `message_delta`: cumulative totals, without the split by TTL (spec 5.4). */
const DELTA_USAGE_MEMBERS = [
  'input_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
  'output_tokens',
  'output_tokens_details',
  'server_tool_use',
  'iterations',
] as const satisfies readonly (keyof WireUsage)[];

/** A word with the white space after it; leading white space stands alone. */
const WORD = /\S+\s*|\s+/g;
const WORDS_PER_PIECE = 4;
/** Counts code points, so that no piece ends within a surrogate pair: strict clients refuse half of one. */
const JSON_PIECE = /[^]{1,24}/gu;

/**
 * One event as the bytes of the stream say it. The name must not contain line ends.
 *
 * @example
 * encodeSseEvent('ping', { type: 'ping' }); // 'event: ping\ndata: {"type":"ping"}\n\n'
 */
export function encodeSseEvent(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * The events in which the API streams a message. Text, thinking and the input of `tool_use` and `server_tool_use` come in
 * pieces; every other block is whole in its `content_block_start`. One ping follows the first of these.
 *
 * @param startUsage what is known when the response begins; its output counts as 1 token (default: the message's usage)
 * @example
 * for (const { event, data } of messageToSseEvents(message)) response.write(encodeSseEvent(event, data));
 */
export function* messageToSseEvents(
  message: WireMessage,
  startUsage: WireUsage = message.usage,
): Generator<SseEvent, void, undefined> {
  yield toEvent('message_start', { message: toStartMessage(message, startUsage) });
  for (const [index, block] of message.content.entries()) {
    const { start, deltas } = splitBlock(block);
    yield toEvent('content_block_start', { index, content_block: start });
    if (index === 0) yield toEvent('ping', {});
    for (const delta of deltas) yield toEvent('content_block_delta', { index, delta });
    yield toEvent('content_block_stop', { index });
  }
  yield toEvent('message_delta', { delta: toMessageDelta(message), usage: toDeltaUsage(message.usage) });
  yield toEvent('message_stop', {});
}

function toEvent(type: string, members: Record<string, unknown>): SseEvent {
  return { event: type, data: { type, ...members } };
}

function toStartMessage(message: WireMessage, usage: WireUsage): WireMessage {
  return {
    ...message,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    // Not known before the end; kept null rather than absent where the message has the member.
    ...('stop_details' in message && { stop_details: null }),
    usage: {
      ...usage,
      output_tokens: 1,
      ...('output_tokens_details' in usage && { output_tokens_details: null }),
    },
  };
}

function toMessageDelta(message: WireMessage): Record<string, unknown> {
  return {
    stop_reason: message.stop_reason,
    stop_sequence: message.stop_sequence,
    stop_details: message['stop_details'] ?? null,
    container: message['container'] ?? null,
  };
}

function toDeltaUsage(usage: WireUsage): Record<string, unknown> {
  const present = DELTA_USAGE_MEMBERS.filter((name) => usage[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, usage[name]]));
}

function splitBlock(block: WireBlock): BlockPieces {
  switch (block.type) {
    case 'text':
      return splitText(block);
    case 'thinking':
      return splitThinking(block);
    case 'tool_use':
    case 'server_tool_use':
      return splitToolUse(block);
    default:
      return { start: block, deltas: [] };
  }
}

function splitText(block: WireBlock): BlockPieces {
  const citations: readonly unknown[] = Array.isArray(block['citations']) ? block['citations'] : [];
  return {
    start: { ...block, text: '', ...(citations.length > 0 && { citations: [] }) },
    deltas: [
      ...citations.map((citation) => ({ type: 'citations_delta', citation })),
      ...splitWords(block['text']).map((text) => ({ type: 'text_delta', text })),
    ],
  };
}

function splitThinking(block: WireBlock): BlockPieces {
  return {
    start: { ...block, thinking: '', signature: '' },
    deltas: [
      ...splitWords(block['thinking']).map((thinking) => ({ type: 'thinking_delta', thinking })),
      ...(block['signature'] ? [{ type: 'signature_delta', signature: block['signature'] }] : []),
    ],
  };
}

function splitToolUse(block: WireBlock): BlockPieces {
  const { input } = block;
  const isEmpty = !isObject(input) || Object.keys(input).length === 0;
  // The API sends one empty piece first; for an empty input it is the only one.
  const pieces = ['', ...(isEmpty ? [] : (JSON.stringify(input).match(JSON_PIECE) ?? []))];
  return {
    start: { ...block, input: {} },
    deltas: pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
  };
}

function splitWords(text: unknown): string[] {
  const words = typeof text === 'string' ? (text.match(WORD) ?? []) : [];
  const pieces: string[] = [];
  for (let i = 0; i < words.length; i += WORDS_PER_PIECE)
    pieces.push(words.slice(i, i + WORDS_PER_PIECE).join(''));
  return pieces;
}
