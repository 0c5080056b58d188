import { isObject, stringMember, isThinkingType, type JsonObject, type ModelFacts } from '../core/index.ts';
import { createId, type Random } from '../runtime/index.ts';
import type { WireBlock, WireMessage } from '../wire/index.ts';
import { signatureMember } from './binding.ts';
import { isServerToolResult, sumPasses, type InputCounters } from './cache-server.ts';
import type { ScriptEntry } from './script.ts';
import type { CountBlock } from './tokenizers.ts';

/** What the emulator says when nothing is scripted. */
export const DEFAULT_TEXT = 'Hello from the Cachewright emulator: no answer was scripted.';

/** Content and stop reason of an answer, before it is billed. */
export interface Answer {
  readonly content: readonly WireBlock[];
  readonly stopReason: string;
}

/** What completing a block needs besides the block. */
interface Completion {
  readonly random: Random;
  /** Signature of a thinking block that follows these blocks of the answer. */
  readonly sign: (preceding: readonly JsonObject[]) => string;
  readonly preceding: readonly WireBlock[];
}

const DIRECT_CALLER = { type: 'direct' };

/** A result belongs to the last call of a server tool, unless the script says otherwise. */
function completeResult(block: JsonObject, type: string, { preceding }: Completion): WireBlock {
  const call = preceding.findLast((other) => other.type === 'server_tool_use');
  const hasCaller = type === 'web_search_tool_result' || type === 'web_fetch_tool_result';
  return {
    ...(call && { tool_use_id: call['id'] }),
    ...(hasCaller && { caller: DIRECT_CALLER }),
    ...block,
    type,
  };
}

/** Gives blocks of a script the members that the API always sends; what the script has wins. */
function completeBlock(block: JsonObject, completion: Completion): WireBlock {
  const { random, sign, preceding } = completion;
  const type = stringMember(block, 'type') ?? '';
  switch (type) {
    case 'text':
      return { citations: null, ...block, type };
    case 'tool_use':
      return { id: createId('toolu', random), caller: DIRECT_CALLER, input: {}, ...block, type };
    case 'server_tool_use':
      return { id: createId('srvtoolu', random), caller: DIRECT_CALLER, input: {}, ...block, type };
    case 'thinking':
    case 'redacted_thinking':
      return { [signatureMember(type)]: sign(preceding), ...block, type };
    default:
      return isServerToolResult(block) ? completeResult(block, type, completion) : { ...block, type };
  }
}

function completeContent(
  blocks: readonly JsonObject[],
  random: Random,
  sign: Completion['sign'],
): readonly WireBlock[] {
  const content: WireBlock[] = [];
  for (const block of blocks) content.push(completeBlock(block, { random, sign, preceding: content }));
  return content;
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

/** A signature that binds nothing, as long as a real one is at the least. */
function opaqueSignature(random: Random): () => string {
  return () => createId('sig', random, 48);
}

/**
 * What to answer: nothing to a pre-warm, else the script, else the default text.
 *
 * @param sign signs the thinking block that follows the blocks given; by default with a text that means nothing
 */
export function composeAnswer(
  entry: ScriptEntry | null,
  body: JsonObject,
  random: Random,
  sign: (preceding: readonly JsonObject[]) => string = opaqueSignature(random),
): Answer {
  if (body['max_tokens'] === 0) return { content: [], stopReason: 'max_tokens' };
  const scripted =
    entry?.content ?? (entry?.text === undefined ? null : [{ type: 'text', text: entry.text }]);
  if (!scripted) return defaultAnswer(body);
  const content = completeContent(scripted, random, sign);
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

/** One entry of `usage.iterations`. */
interface WireIterationAnswer extends Pick<
  WireUsageAnswer,
  | 'input_tokens'
  | 'output_tokens'
  | 'cache_read_input_tokens'
  | 'cache_creation_input_tokens'
  | 'cache_creation'
> {
  readonly type: 'message' | 'compaction';
  readonly model?: string;
}

/** A pass that made a summary. */
export interface CompactionPass extends InputCounters {
  readonly outputTokens: number;
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

function inputMembers(
  counters: InputCounters,
): Omit<WireIterationAnswer, 'type' | 'model' | 'output_tokens'> {
  return {
    input_tokens: counters.uncachedTokens,
    cache_creation_input_tokens: counters.write5mTokens + counters.write1hTokens,
    cache_read_input_tokens: counters.readTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: counters.write5mTokens,
      ephemeral_1h_input_tokens: counters.write1hTokens,
    },
  };
}

/** The passes of a request that asks for compaction: that of the summary, if there was one, then the others summed. */
function composeIterations(
  compaction: CompactionPass | null,
  passes: readonly InputCounters[],
  usage: WireUsageAnswer,
  model: string,
): readonly WireIterationAnswer[] {
  const summary = compaction && {
    type: 'compaction' as const,
    ...inputMembers(compaction),
    output_tokens: compaction.outputTokens,
  };
  const message = {
    type: 'message' as const,
    model,
    ...inputMembers(sumPasses(passes)),
    output_tokens: usage.output_tokens,
  };
  return [...(summary ? [summary] : []), ...(passes.length > 0 ? [message] : [])];
}

/** Usage of one or more summed passes. */
export function composeUsage(input: UsageInput): WireUsageAnswer {
  const { counters, answer, body, model, countBlock } = input;
  const tokensOf = (blocks: readonly JsonObject[]): number =>
    blocks.reduce((sum, block) => sum + countBlock(block, model), 0);
  // A summary is the output of its own pass, which the sums leave out (spec 5.3).
  const own = answer.content.filter((block) => !isServerToolResult(block) && block.type !== 'compaction');
  const usesServerTool = own.some((block) => block['type'] === 'server_tool_use');
  return {
    ...inputMembers(counters),
    output_tokens: tokensOf(own),
    output_tokens_details: {
      thinking_tokens: tokensOf(own.filter((block) => isThinkingType(block['type']))),
    },
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

/** `container` of an answer. */
export interface WireContainer {
  readonly id: string;
  readonly expires_at: string;
  readonly skills: readonly unknown[] | null;
}

function showSkill(skill: unknown): unknown {
  return { version: 'latest', ...(isObject(skill) ? skill : {}) };
}

/** The container that a body asks for, by its id or as an object; a new one where it names none. */
export function composeContainer(body: JsonObject, random: Random, expiresAt: string): WireContainer | null {
  const asked = body['container'];
  if (typeof asked === 'string') return { id: asked, expires_at: expiresAt, skills: null };
  if (!isObject(asked)) return null;
  const skills: unknown = asked['skills'];
  return {
    id: stringMember(asked, 'id') ?? createId('container', random),
    expires_at: expiresAt,
    skills: Array.isArray(skills) ? skills.map(showSkill) : null,
  };
}

/** Puts an answer together; `startUsage` is what a stream's `message_start` shows: the first pass only (spec 5.4). */
export function composeMessage(
  input: Omit<UsageInput, 'counters'> & {
    readonly passes: readonly InputCounters[];
    /** null where a summary was asked for and none was due; absent where nobody asked. */
    readonly compaction?: CompactionPass | null;
    readonly id: string;
    readonly diagnostics: unknown;
    readonly container: WireContainer | null;
  },
): { readonly message: WireMessage; readonly startUsage: WireUsageAnswer } {
  const summed = composeUsage({ ...input, counters: sumPasses(input.passes) });
  const model = String(input.body['model']);
  const usage =
    input.compaction === undefined
      ? summed
      : { ...summed, iterations: composeIterations(input.compaction, input.passes, summed, model) };
  const first = composeUsage({ ...input, counters: sumPasses(input.passes.slice(0, 1)) });
  const message: WireMessage = {
    id: input.id,
    type: 'message',
    role: 'assistant',
    model,
    content: input.answer.content,
    stop_reason: input.answer.stopReason,
    stop_sequence: null,
    stop_details: null,
    container: input.container,
    diagnostics: input.diagnostics,
    usage,
  };
  return {
    message,
    startUsage: { ...first, output_tokens: 1, output_tokens_details: { thinking_tokens: 0 } },
  };
}
