import { isObject, type JsonObject } from '../core/index.ts';
import { encodeSseEvent, messageToSseEvents, type WireMessage } from '../wire/index.ts';
import { parseExactly } from './exact-json.ts';
import type { AnswerForm } from './request.ts';

type Members = Record<string, unknown>;

/** The data of each event of a whole stream; null when it is not one. */
function readEvents(text: string): readonly JsonObject[] | null {
  const normal = text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text;
  // What comes after the last blank line is an event that was cut.
  if (!normal.endsWith('\n\n')) return null;
  try {
    return normal.split('\n\n').flatMap((event) => {
      const lines = event.split('\n').filter((line) => line.startsWith('data:'));
      if (lines.length === 0) return [];
      const data = parseExactly(lines.map((line) => line.slice(5).replace(/^ /, '')).join('\n'));
      if (!isObject(data)) throw new SyntaxError('an event without an object');
      return [data];
    });
  } catch {
    return null;
  }
}

/** Text members that grow with a delta: its type, the member of the delta, and that of the block. */
const GROWING: Readonly<Record<string, readonly [from: string, to: string]>> = {
  text_delta: ['text', 'text'],
  thinking_delta: ['thinking', 'thinking'],
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A block while it comes in pieces. */
class GrowingBlock {
  readonly #block: Members;
  #inputJson = '';

  constructor(block: JsonObject) {
    this.#block = { ...block };
  }

  /** False for a piece of a kind that is not known. */
  add(delta: JsonObject): boolean {
    const type = textOf(delta['type']);
    const growing = GROWING[type];
    if (growing) {
      const [from, to] = growing;
      this.#block[to] = textOf(this.#block[to]) + textOf(delta[from]);
    } else if (type === 'signature_delta') this.#block['signature'] = delta['signature'];
    else if (type === 'input_json_delta') this.#inputJson += textOf(delta['partial_json']);
    else if (type === 'citations_delta') {
      const known: readonly unknown[] = Array.isArray(this.#block['citations'])
        ? this.#block['citations']
        : [];
      this.#block['citations'] = [...known, delta['citation']];
    } else return false;
    return true;
  }

  /** @throws SyntaxError when the input of a tool is no JSON. */
  finish(): JsonObject {
    if (this.#inputJson === '') return this.#block;
    return { ...this.#block, input: parseExactly(this.#inputJson) };
  }
}

/** What the last usage says replaces what the first said; what it leaves out or does not know stays. */
function mergeUsage(start: unknown, delta: unknown): unknown {
  if (!isObject(start) || !isObject(delta)) return isObject(delta) ? delta : start;
  const told = Object.entries(delta).filter(([, value]) => value !== null);
  return { ...start, ...Object.fromEntries(told) };
}

function mergeDelta(message: Members, event: JsonObject): void {
  const { container, ...delta } = isObject(event['delta']) ? event['delta'] : {};
  Object.assign(message, delta);
  if (container !== null && container !== undefined) message['container'] = container;
  message['usage'] = mergeUsage(message['usage'], event['usage']);
}

/** A message while its stream is read. */
class GrowingMessage {
  #message: Members | null = null;
  readonly #blocks: GrowingBlock[] = [];
  #isStopped = false;

  /** False for an event after which the message cannot be had. */
  add(event: JsonObject): boolean {
    const { message, content_block: block, delta } = event;
    switch (event['type']) {
      case 'message_start':
        if (this.#message || !isObject(message)) return false;
        this.#message = { ...message };
        return true;
      case 'content_block_start':
        if (!isObject(block)) return false;
        this.#blocks.push(new GrowingBlock(block));
        return true;
      case 'content_block_delta':
        return isObject(delta) && this.#blocks[Number(event['index'])]?.add(delta) === true;
      case 'message_delta':
        if (this.#message) mergeDelta(this.#message, event);
        return this.#message !== null;
      case 'message_stop':
        this.#isStopped = true;
        return true;
      default:
        return event['type'] !== 'error';
    }
  }

  finish(): JsonObject | null {
    if (!this.#message || !this.#isStopped) return null;
    try {
      return { ...this.#message, content: this.#blocks.map((block) => block.finish()) };
    } catch {
      return null;
    }
  }
}

/**
 * The message that a whole stream builds up, as an SDK does; null where the stream is not whole, tells of an error, or
 * has pieces of a kind that is not known.
 */
function foldEvents(events: readonly JsonObject[]): JsonObject | null {
  const message = new GrowingMessage();
  return events.every((event) => message.add(event)) ? message.finish() : null;
}

/** The message in an answer of either form; null when it is not whole. */
export function readMessage(form: AnswerForm, bytes: Uint8Array): JsonObject | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (form === 'sse') return foldEvents(readEvents(text) ?? []);
    const message = parseExactly(text);
    return isObject(message) && message['type'] === 'message' ? message : null;
  } catch {
    return null;
  }
}

function isWireMessage(message: JsonObject): message is WireMessage {
  const { content, usage } = message;
  const isBlock = (block: unknown): boolean => isObject(block) && typeof block['type'] === 'string';
  return Array.isArray(content) && content.every(isBlock) && isObject(usage);
}

/** The same answer in the other form; null when that cannot be done without loss. */
export function toForm(from: AnswerForm, bytes: Uint8Array, wanted: AnswerForm): Uint8Array | null {
  if (from === wanted) return bytes;
  const message = readMessage(from, bytes);
  if (!message) return null;
  if (wanted === 'json') return Buffer.from(JSON.stringify(message));
  if (!isWireMessage(message)) return null;
  const events = [...messageToSseEvents(message)].map(({ event, data }) => encodeSseEvent(event, data));
  return Buffer.from(events.join(''));
}
