import { isObject, type JsonObject, type ModelFacts } from '../core/index.ts';
import { createId, type Random } from '../runtime/index.ts';
import type { WireBlock, WireMessage } from '../wire/index.ts';
import { sumPasses, type InputCounters } from './cache-server.ts';
import type { ScriptEntry } from './script.ts';
import type { CountBlock } from './tokenizers.ts';

/** What the emulator says when nothing is scripted. */
export const DEFAULT_TEXT = 'Hello from the Cachewright emulator: no answer was scripted.';

/** Content and stop reason of an answer, before it is billed. */
export interface Answer {
  readonly content: readonly WireBlock[];
  readonly stopReason: string;
}

/** Gives blocks of a script the members that the API always sends. */
function completeBlock(block: JsonObject, random: Random): WireBlock {
  switch (block['type']) {
    case 'text':
      return { citations: null, ...block, type: 'text' };
    case 'tool_use':
      return {
        id: createId('toolu', random),
        caller: { type: 'direct' },
        input: {},
        ...block,
        type: 'tool_use',
      };
    case 'server_tool_use':
      return {
        id: createId('srvtoolu', random),
        caller: { type: 'direct' },
        input: {},
        ...block,
        type: 'server_tool_use',
      };
    case 'thinking':
      return { signature: createId('sig', random, 48), ...block, type: 'thinking' };
    default:
      return { ...block, type: String(block['type']) };
  }
}

/** The default text, cut to `max_tokens` words as the API would cut a longer answer. */
function defaultAnswer(body: JsonObject): Answer {
  const words = DEFAULT_TEXT.split(' ');
  const limit = typeof body['max_tokens'] === 'number' ? body['max_tokens'] : words.length;
  const text = words.slice(0, limit).join(' ');
  const isCut = text.length < DEFAULT_TEXT.length;
  return {
    content: [{ type: 'text', text, citations: null }],
    stopReason: isCut ? 'max_tokens' : 'end_turn',
  };
}

/** What to answer: nothing to a pre-warm, else the script, else the default text. */
export function composeAnswer(entry: ScriptEntry | null, body: JsonObject, random: Random): Answer {
  if (body['max_tokens'] === 0) return { content: [], stopReason: 'max_tokens' };
  const scripted =
    entry?.content ?? (entry?.text === undefined ? null : [{ type: 'text', text: entry.text }]);
  if (!scripted) return defaultAnswer(body);
  const content = scripted.map((block) => completeBlock(block, random));
  const usesTool = content.some((block) => block['type'] === 'tool_use');
  return { content, stopReason: entry?.stop_reason ?? (usesTool ? 'tool_use' : 'end_turn') };
}

/** Usage on the wire: every counter a number (design of the emulator; spec 5.2). */
export interface WireUsageAnswer {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number;
    readonly ephemeral_1h_input_tokens: number;
  };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly thinking_tokens: number };
  readonly server_tool_use: {
    readonly web_search_requests: number;
    readonly web_fetch_requests: number;
  } | null;
  readonly service_tier: 'standard' | 'batch';
  readonly inference_geo: string;
  readonly speed: 'standard' | 'fast';
}

interface UsageInput {
  readonly counters: InputCounters;
  readonly answer: Answer;
  readonly body: JsonObject;
  readonly model: ModelFacts;
  readonly countBlock: CountBlock;
  readonly isBatch: boolean;
}

function countServerTool(content: readonly JsonObject[], name: string): number {
  return content.filter((block) => block['type'] === 'server_tool_use' && block['name'] === name).length;
}

/** Usage of one or more summed passes. */
export function composeUsage(input: UsageInput): WireUsageAnswer {
  const { counters, answer, body, model, countBlock } = input;
  const tokensOf = (blocks: readonly JsonObject[]): number =>
    blocks.reduce((sum, block) => sum + countBlock(block, model), 0);
  const own = answer.content.filter((block) => !/.+_tool_result$/.test(String(block['type'])));
  const usesServerTool = own.some((block) => block['type'] === 'server_tool_use');
  return {
    input_tokens: counters.uncachedTokens,
    cache_creation_input_tokens: counters.write5mTokens + counters.write1hTokens,
    cache_read_input_tokens: counters.readTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: counters.write5mTokens,
      ephemeral_1h_input_tokens: counters.write1hTokens,
    },
    output_tokens: tokensOf(own),
    output_tokens_details: { thinking_tokens: tokensOf(own.filter((block) => block['type'] === 'thinking')) },
    server_tool_use: usesServerTool
      ? {
          web_search_requests: countServerTool(answer.content, 'web_search'),
          web_fetch_requests: countServerTool(answer.content, 'web_fetch'),
        }
      : null,
    service_tier: input.isBatch ? 'batch' : 'standard',
    inference_geo: typeof body['inference_geo'] === 'string' ? body['inference_geo'] : 'global',
    speed: body['speed'] === 'fast' ? 'fast' : 'standard',
  };
}

/** Puts an answer together; `startUsage` is what a stream's `message_start` shows: the first pass only (spec 5.4). */
export function composeMessage(
  input: Omit<UsageInput, 'counters'> & {
    readonly passes: readonly InputCounters[];
    readonly id: string;
    readonly diagnostics: unknown;
  },
): { readonly message: WireMessage; readonly startUsage: WireUsageAnswer } {
  const usage = composeUsage({ ...input, counters: sumPasses(input.passes) });
  const first = composeUsage({ ...input, counters: sumPasses(input.passes.slice(0, 1)) });
  const container = isObject(input.body['container']) ? input.body['container'] : null;
  const message: WireMessage = {
    id: input.id,
    type: 'message',
    role: 'assistant',
    model: String(input.body['model']),
    content: input.answer.content,
    stop_reason: input.answer.stopReason,
    stop_sequence: null,
    stop_details: null,
    container:
      container && typeof container['id'] === 'string' ? { id: container['id'], expires_at: '' } : null,
    diagnostics: input.diagnostics,
    usage,
  };
  return {
    message,
    startUsage: { ...first, output_tokens: 1, output_tokens_details: { thinking_tokens: 0 } },
  };
}
