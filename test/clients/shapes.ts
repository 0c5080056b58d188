import type { ContentBlock, Message, MessageDeltaUsage, ModelInfo, Usage } from '@anthropic-ai/sdk/resources';
import type {
  DeletedMessageBatch,
  MessageBatch,
  MessageBatchIndividualResponse,
} from '@anthropic-ai/sdk/resources/messages/batches';
import { z } from 'zod';

/** A schema that asks for every member of a type of the SDK: the compiler refuses one that leaves a member out. */
type ShapeOf<Type> = { readonly [Member in keyof Required<Type>]: z.ZodType };

const tokens = z.number().int().nonnegative();
const time = z.iso.datetime();
const supported = z.strictObject({ supported: z.boolean() });

/** Counters are numbers without exception, although the SDK would let some be null. */
const cacheCreation = z.strictObject({
  ephemeral_5m_input_tokens: tokens,
  ephemeral_1h_input_tokens: tokens,
});
const serverToolUse = z.strictObject({ web_search_requests: tokens, web_fetch_requests: tokens }).nullable();

const usage = {
  input_tokens: tokens,
  cache_creation_input_tokens: tokens,
  cache_read_input_tokens: tokens,
  cache_creation: cacheCreation,
  output_tokens: tokens,
  output_tokens_details: z.strictObject({ thinking_tokens: tokens }).nullable(),
  server_tool_use: serverToolUse,
  service_tier: z.enum(['standard', 'priority', 'batch']),
  inference_geo: z.string(),
  speed: z.enum(['standard', 'fast']),
} satisfies ShapeOf<Usage>;

const deltaUsage = {
  input_tokens: tokens,
  cache_creation_input_tokens: tokens,
  cache_read_input_tokens: tokens,
  output_tokens: tokens,
  output_tokens_details: z.strictObject({ thinking_tokens: tokens }),
  server_tool_use: serverToolUse,
} satisfies ShapeOf<MessageDeltaUsage>;

const caller = z.strictObject({ type: z.literal('direct') });
const searchResult = z.strictObject({
  type: z.literal('web_search_result'),
  url: z.string(),
  title: z.string(),
  encrypted_content: z.string(),
  page_age: z.string().nullable(),
});

/** The kinds of block that the tests script. */
const block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string(), citations: z.null() }),
  z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string().min(20) }),
  z.strictObject({ type: z.literal('redacted_thinking'), data: z.string().min(20) }),
  z.strictObject({
    type: z.literal('tool_use'),
    id: z.string().startsWith('toolu_'),
    name: z.string(),
    input: z.looseObject({}),
    caller,
  }),
  z.strictObject({
    type: z.literal('server_tool_use'),
    id: z.string().startsWith('srvtoolu_'),
    name: z.literal('web_search'),
    input: z.looseObject({}),
    caller,
  }),
  z.strictObject({
    type: z.literal('web_search_tool_result'),
    tool_use_id: z.string().startsWith('srvtoolu_'),
    content: z.array(searchResult),
    caller,
  }),
]) satisfies z.ZodType<ContentBlock>;

const message = {
  id: z.string().startsWith('msg_'),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(block),
  stop_reason: z
    .enum(['end_turn', 'max_tokens', 'tool_use', 'stop_sequence', 'pause_turn', 'refusal'])
    .nullable(),
  stop_sequence: z.string().nullable(),
  stop_details: z.null(),
  container: z
    .strictObject({ id: z.string(), expires_at: time, skills: z.array(z.looseObject({})).nullable() })
    .nullable(),
  diagnostics: z
    .strictObject({ cache_miss_reason: z.looseObject({ type: z.string() }).nullable() })
    .nullable(),
  usage: z.strictObject(usage),
} satisfies ShapeOf<Message>;

const batch = {
  id: z.string().startsWith('msgbatch_'),
  type: z.literal('message_batch'),
  processing_status: z.enum(['in_progress', 'canceling', 'ended']),
  request_counts: z.strictObject({
    processing: tokens,
    succeeded: tokens,
    errored: tokens,
    canceled: tokens,
    expired: tokens,
  }),
  created_at: time,
  ended_at: time.nullable(),
  expires_at: time,
  archived_at: time.nullable(),
  cancel_initiated_at: time.nullable(),
  results_url: z.url().nullable(),
} satisfies ShapeOf<MessageBatch>;

const effort = { supported: z.boolean(), low: supported, medium: supported, high: supported, max: supported };
const capabilities = z.strictObject({
  batch: supported,
  citations: supported,
  code_execution: supported,
  context_management: z.strictObject({
    supported: z.boolean(),
    clear_thinking_20251015: supported.nullable(),
    clear_tool_uses_20250919: supported.nullable(),
    compact_20260112: supported.nullable(),
  }),
  effort: z.strictObject({ ...effort, xhigh: supported.nullable() }),
  image_input: supported,
  pdf_input: supported,
  server_tools: z.strictObject({ supported: z.boolean(), code_execution: supported, web_search: supported }),
  structured_outputs: supported,
  thinking: z.strictObject({
    supported: z.boolean(),
    types: z.strictObject({
      adaptive: supported,
      between_tools: supported,
      disabled: supported,
      enabled: supported,
    }),
  }),
});

const model = {
  id: z.string().startsWith('claude-'),
  type: z.literal('model'),
  display_name: z.string().startsWith('Claude '),
  created_at: time,
  deprecated_at: time.nullable(),
  retires_at: time.nullable(),
  lifecycle: z.enum(['active', 'deprecated', 'retired']),
  line: z.enum(['haiku', 'sonnet', 'opus', 'fable', 'mythos']),
  max_input_tokens: tokens,
  max_tokens: tokens,
  capabilities,
} satisfies ShapeOf<ModelInfo>;

/** Throws, naming the member, when an answer lacks one that the SDK's type has or has one of another kind. */
export function checkMessage(value: Message): void {
  z.strictObject(message).parse(value);
}

export function checkUsage(value: Usage): void {
  z.strictObject(usage).parse(value);
}

export function checkDeltaUsage(value: MessageDeltaUsage): void {
  z.strictObject(deltaUsage).parse(value);
}

export function checkBatch(value: MessageBatch): void {
  z.strictObject(batch).parse(value);
}

export function checkModel(value: ModelInfo): void {
  z.strictObject(model).parse(value);
}

/** One line of a batch's results. */
export function checkBatchResult(value: MessageBatchIndividualResponse): void {
  const { result } = z
    .strictObject({ custom_id: z.string(), result: z.looseObject({ type: z.string() }) })
    .parse(value);
  if (result.type === 'succeeded')
    z.strictObject({ type: z.string(), message: z.strictObject(message) }).parse(result);
  else z.strictObject({ type: z.literal('errored'), error: errorBody }).parse(result);
}

const errorBody = z.strictObject({
  type: z.literal('error'),
  request_id: z.string().startsWith('req_'),
  error: z.looseObject({ type: z.string(), message: z.string() }),
});

export function checkDeletedBatch(value: DeletedMessageBatch): void {
  z.strictObject({ id: z.string(), type: z.literal('message_batch_deleted') }).parse(value);
}
