import { isObject, stringMember, type JsonObject } from '../core/index.ts';
import { ConversationError } from './errors.ts';
import type { ConversationAnswer, Sent } from './options.ts';

/** Blocks whose input comes as pieces of JSON text. */
type OpenInputs = Map<number, string>;

function appendText(block: JsonObject, name: string, delta: JsonObject): JsonObject {
  return { ...block, [name]: (stringMember(block, name) ?? '') + (stringMember(delta, name) ?? '') };
}

function addDelta(block: JsonObject, delta: JsonObject): JsonObject {
  switch (delta['type']) {
    case 'text_delta':
      return appendText(block, 'text', delta);
    case 'thinking_delta':
      return appendText(block, 'thinking', delta);
    case 'signature_delta':
      return { ...block, signature: delta['signature'] };
    case 'citations_delta':
      return {
        ...block,
        citations: [...((block['citations'] as unknown[] | null) ?? []), delta['citation']],
      };
    case 'compaction_delta': {
      // It holds the whole of the block.
      const { type: _type, ...whole } = delta;
      return { ...block, ...whole };
    }
    default:
      return block;
  }
}

/** Of a usage what is said anew: counters are cumulative, and absent ones stay (spec 5.4). */
function mergeUsage(known: unknown, news: unknown): JsonObject {
  const told = Object.entries(isObject(news) ? news : {}).filter(([, value]) => (value ?? null) !== null);
  return { ...(isObject(known) && known), ...Object.fromEntries(told) };
}

/** The message that events tell, put together as they come. */
class MessageBuilder {
  #message: JsonObject | null = null;
  readonly #blocks: JsonObject[] = [];
  readonly #inputs: OpenInputs = new Map();
  isWhole = false;

  take(event: JsonObject): void {
    const index = Number(event['index'] ?? 0);
    switch (event['type']) {
      case 'message_start':
        this.#message = event['message'] as JsonObject;
        break;
      case 'content_block_start':
        this.#blocks[index] = event['content_block'] as JsonObject;
        break;
      case 'content_block_delta':
        this.#takeDelta(index, event['delta'] as JsonObject);
        break;
      case 'content_block_stop':
        this.#closeBlock(index);
        break;
      case 'message_delta':
        this.#message = {
          ...this.#message,
          ...(event['delta'] as JsonObject),
          usage: mergeUsage(this.#message?.['usage'], event['usage']),
        };
        break;
      case 'message_stop':
        this.isWhole = true;
        break;
      case 'error':
        throw new ConversationError(
          'CUT_SHORT',
          `the stream ended with an error: ${JSON.stringify(event['error'])}`,
        );
      default:
    }
  }

  get message(): JsonObject {
    return { ...this.#message, content: this.#blocks };
  }

  #takeDelta(index: number, delta: JsonObject): void {
    if (delta['type'] === 'input_json_delta') {
      this.#inputs.set(index, (this.#inputs.get(index) ?? '') + (stringMember(delta, 'partial_json') ?? ''));
      return;
    }
    this.#blocks[index] = addDelta(this.#blocks[index] ?? {}, delta);
  }

  #closeBlock(index: number): void {
    const text = this.#inputs.get(index) ?? '';
    if (text === '') return;
    this.#blocks[index] = { ...this.#blocks[index], input: JSON.parse(text) as unknown };
  }
}

/**
 * The message that a stream of the API's events tells.
 *
 * @throws ConversationError `CUT_SHORT` where the stream ends before its message does; whatever reading throws.
 */
async function collectMessage(
  events: AsyncIterable<object>,
  onEvent: (event: object) => void = () => undefined,
): Promise<JsonObject> {
  const builder = new MessageBuilder();
  for await (const event of events) {
    builder.take(event as JsonObject);
    onEvent(event);
  }
  if (builder.isWhole) return builder.message;
  throw new ConversationError('CUT_SHORT', 'the stream ended before its message did');
}

/** What was sent for a request as a whole message, whichever form it came in. */
export async function toAnswer<Answer extends ConversationAnswer>(
  sent: Sent<Answer>,
  onEvent: (event: object) => void,
): Promise<Answer> {
  if ('finalMessage' in sent && typeof sent.finalMessage === 'function') return sent.finalMessage();
  if (Symbol.asyncIterator in sent) return (await collectMessage(sent, onEvent)) as unknown as Answer;
  return sent as Answer;
}

/** Server-sent events of a body, each the value of its data. */
export async function* readEvents(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<JsonObject, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split(/\r?\n\r?\n/);
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const data = part
        .split(/\r?\n/)
        .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length)] : []))
        .join('\n');
      const event: unknown = data === '' ? null : JSON.parse(data);
      if (isObject(event)) yield event;
    }
  }
}
