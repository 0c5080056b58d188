import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseUsageTap } from './sse-usage-tap.ts';
import {
  encodeSseEvent,
  messageToSseEvents,
  type SseEvent,
  type WireBlock,
  type WireMessage,
} from './sse-write.ts';
import { readUsage, type WireUsage } from './usage.ts';

const usage: WireUsage = {
  input_tokens: 3,
  cache_creation_input_tokens: 70,
  cache_read_input_tokens: 900,
  cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 },
  output_tokens: 12,
  output_tokens_details: { thinking_tokens: 5 },
  server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
  service_tier: 'standard',
  inference_geo: null,
  speed: null,
};

const messageOf = (...content: WireBlock[]): WireMessage => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content,
  stop_reason: 'end_turn',
  stop_sequence: null,
  stop_details: null,
  container: null,
  diagnostics: null,
  usage,
});

const eventsOf = (message: WireMessage, startUsage?: WireUsage): SseEvent[] => [
  ...messageToSseEvents(message, startUsage),
];
const encode = (events: readonly SseEvent[]): string =>
  events.map(({ event, data }) => encodeSseEvent(event, data)).join('');

/** The message the official client makes of the stream, without what it adds for parsed outputs. */
async function readWithClient(events: readonly SseEvent[]): Promise<unknown> {
  const lines = events.filter(({ event }) => event !== 'ping').map(({ data }) => `${JSON.stringify(data)}\n`);
  const stream = ReadableStream.from(lines.map((line) => Buffer.from(line)));
  const message = await MessageStream.fromReadableStream(stream).finalMessage();
  return JSON.parse(
    JSON.stringify(message, (key, value: unknown) => (key === 'parsed_output' ? undefined : value)),
  );
}

describe('encodeSseEvent', () => {
  it('writes name and data, the data in one line', () => {
    expect(encodeSseEvent('x', { text: 'a\nb' })).toBe('event: x\ndata: {"text":"a\\nb"}\n\n');
  });
});

describe('messageToSseEvents', () => {
  it('streams a text as the API does', () => {
    const events = eventsOf(messageOf({ type: 'text', text: 'One two three four five.' }));
    const { content: _content, ...rest } = messageOf();
    expect(events.map(({ data }) => data)).toEqual([
      {
        type: 'message_start',
        message: {
          ...rest,
          content: [],
          stop_reason: null,
          usage: { ...usage, output_tokens: 1, output_tokens_details: null },
        },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'ping' },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'One two three four ' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'five.' } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null, container: null },
        usage: {
          input_tokens: 3,
          cache_creation_input_tokens: 70,
          cache_read_input_tokens: 900,
          output_tokens: 12,
          output_tokens_details: { thinking_tokens: 5 },
          server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
        },
      },
      { type: 'message_stop' },
    ]);
    expect(events.map(({ event }) => event)).toEqual(events.map(({ data }) => data.type));
  });

  it('starts the input of a tool with an empty piece, the only one where there is no input', () => {
    const pieces = (input: unknown): unknown[] =>
      eventsOf(messageOf({ type: 'tool_use', id: 'toolu_1', name: 't', input })).flatMap(({ data }) =>
        data.type === 'content_block_delta' ? [(data['delta'] as WireBlock)['partial_json']] : [],
      );
    expect(pieces({})).toEqual(['']);
    expect(pieces({ city: 'Zürich, Switzerland 😀' })).toEqual(['', '{"city":"Zürich, Switzer', 'land 😀"}']);
    const emoji = pieces({ a: `x${'😀'.repeat(40)}` });
    expect(emoji.map((piece) => Buffer.from(String(piece)).toString())).toEqual(emoji);
  });

  it('sends blocks it does not know, and results of tools, whole', () => {
    const block = {
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu_1',
      content: [{ type: 'x', title: 'y' }],
    };
    expect(eventsOf(messageOf(block)).filter(({ event }) => event.startsWith('content_block'))).toEqual([
      { event: 'content_block_start', data: { type: 'content_block_start', index: 0, content_block: block } },
      { event: 'content_block_stop', data: { type: 'content_block_stop', index: 0 } },
    ]);
  });

  it('pings once, after the first block began', () => {
    const names = eventsOf(messageOf({ type: 'text', text: '' }, { type: 'text', text: '' })).map(
      ({ event }) => event,
    );
    expect(names.filter((name) => name === 'ping').length).toBe(1);
    expect(names.indexOf('ping')).toBe(2);
    expect(eventsOf(messageOf()).map(({ event }) => event)).toEqual([
      'message_start',
      'message_delta',
      'message_stop',
    ]);
  });

  it('says at the start what was known then', () => {
    const startUsage = {
      ...usage,
      cache_creation_input_tokens: 40,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 40 },
    };
    const tap = createSseUsageTap();
    tap.push(Buffer.from(encode(eventsOf(messageOf(), startUsage))));
    tap.end();
    expect(tap.result().usage).toEqual(readUsage(usage));
  });

  it('is read back by the official client and by our tap as the same message', async () => {
    const words = fc
      .array(fc.constantFrom('a', ' ', '\n', 'two words ', '日本', '😀', '\t\t', '"\\', '\u2028'))
      .map((parts) => parts.join(''));
    const blocks = fc.array(
      fc.oneof(
        words.map((text) => ({ type: 'text', text })),
        words.map((text) => ({
          type: 'text',
          text,
          citations: [{ type: 'char_location', cited_text: text }],
        })),
        words.map((text) => ({ type: 'text', text, citations: null })),
        fc.tuple(words, words).map(([thinking, signature]) => ({ type: 'thinking', thinking, signature })),
        words.map((data) => ({ type: 'redacted_thinking', data })),
        fc
          .tuple(fc.constantFrom('tool_use', 'server_tool_use'), fc.dictionary(words, words))
          .map(([type, input]) => ({ type, id: 'toolu_1', name: 't', input: { ...input } })),
        words.map((text) => ({ type: 'code_execution_tool_result', content: { stdout: text } })),
      ),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(blocks, async (content) => {
        const message = messageOf(...content);
        const events = eventsOf(message);
        expect(await readWithClient(events)).toEqual(message);

        const tap = createSseUsageTap();
        tap.push(Buffer.from(encode(events)));
        tap.end();
        expect(tap.result()).toMatchObject({
          messageId: 'msg_1',
          stopReason: 'end_turn',
          complete: true,
          usage: readUsage(usage),
        });
      }),
      { numRuns: Math.ceil(40 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) },
    );
  });
});
