import type Anthropic from '@anthropic-ai/sdk';
import type {
  ContentBlock,
  Message,
  MessageCreateParamsNonStreaming,
  MessageDeltaUsage,
  RawMessageStreamEvent,
  Usage,
} from '@anthropic-ai/sdk/resources';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ROUTES, startServers, words, type Servers } from './servers.ts';
import { checkDeltaUsage, checkMessage, checkUsage } from './shapes.ts';

const MODEL = 'claude-opus-5-5';
let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());

function ask(
  content: MessageCreateParamsNonStreaming['messages'][0]['content'],
): MessageCreateParamsNonStreaming {
  return { model: MODEL, max_tokens: 256, messages: [{ role: 'user', content }] };
}

/** The four input counters, each of which must be a number. */
function input(usage: Usage | MessageDeltaUsage): readonly (number | null)[] {
  return [usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens];
}

async function eventsOf(
  client: Anthropic,
  body: MessageCreateParamsNonStreaming,
): Promise<RawMessageStreamEvent[]> {
  const events: RawMessageStreamEvent[] = [];
  for await (const event of await client.messages.create({ ...body, stream: true })) events.push(event);
  return events;
}

describe.each(ROUTES)('the SDK against the %s', (route) => {
  let client: Anthropic;
  beforeAll(() => {
    client = servers.client(route);
  });

  describe('messages.create', () => {
    test('answers a string', async () => {
      await servers.script({ text: 'Four words of answer.' });
      const message: Message = await client.messages.create(ask('two words'));
      checkMessage(message);
      expect(message.content).toEqual([{ type: 'text', text: 'Four words of answer.', citations: null }]);
      expect(message).toMatchObject({
        model: MODEL,
        stop_reason: 'end_turn',
        diagnostics: null,
        container: null,
      });
      expect(message.usage).toMatchObject({ input_tokens: 2, output_tokens: 4, service_tier: 'standard' });
    });

    test('counts an array of blocks as it counts the string', async () => {
      const message = await client.messages.create(
        ask([
          { type: 'text', text: 'two' },
          { type: 'text', text: 'words' },
        ]),
      );
      checkMessage(message);
      expect(message.usage.input_tokens).toBe(2);
    });

    test('writes and reads a marked prompt', async () => {
      const marked = ask([
        { type: 'text', text: words(600), cache_control: { type: 'ephemeral', ttl: '1h' } },
      ]);
      const first = await client.messages.create(marked);
      const second = await client.messages.create(marked);
      expect(input(first.usage)).toEqual([0, 600, 0]);
      expect(first.usage.cache_creation).toEqual({
        ephemeral_5m_input_tokens: 0,
        ephemeral_1h_input_tokens: 600,
      });
      expect(input(second.usage)).toEqual([0, 0, 600]);
      expect(second.usage.cache_creation).toEqual({
        ephemeral_5m_input_tokens: 0,
        ephemeral_1h_input_tokens: 0,
      });
    });

    test('takes an automatic marker', async () => {
      const body: MessageCreateParamsNonStreaming = {
        ...ask(words(512)),
        cache_control: { type: 'ephemeral' },
      };
      expect(input((await client.messages.create(body)).usage)).toEqual([0, 512, 0]);
      expect(input((await client.messages.create(body)).usage)).toEqual([0, 0, 512]);
    });

    test('warms with max_tokens 0 and says nothing', async () => {
      await servers.script({ text: 'not said' });
      const body: MessageCreateParamsNonStreaming = {
        ...ask('.'),
        max_tokens: 0,
        system: [{ type: 'text', text: words(600), cache_control: { type: 'ephemeral' } }],
      };
      const message = await client.messages.create(body);
      checkMessage(message);
      expect(message).toMatchObject({ content: [], stop_reason: 'max_tokens', usage: { output_tokens: 0 } });
      // A gateway also marks the placeholder, which costs the write of its one word.
      expect((await servers.state()).entries).toContainEqual(
        expect.objectContaining({ tokens: 600, ttl: '5m' }),
      );
      const real = await client.messages.create({ ...body, ...ask('real traffic'), max_tokens: 64 });
      expect(real.usage.cache_read_input_tokens).toBe(600);
    });

    test('cuts the unscripted answer at max_tokens, never a scripted one', async () => {
      const short = { ...ask('hello'), max_tokens: 2 };
      const cut = await client.messages.create(short);
      expect(cut).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 2 } });
      await servers.script({ text: 'three whole words' });
      const whole = await client.messages.create(short);
      expect(whole).toMatchObject({ stop_reason: 'end_turn', usage: { output_tokens: 3 } });
    });

    test('names the container that was asked for', async () => {
      const named = await client.messages.create({ ...ask('hello'), container: 'container_01' });
      checkMessage(named);
      expect(named.container).toMatchObject({ id: 'container_01', skills: null });
    });

    test('bills fast mode and geography as asked', async () => {
      const fast = await client.messages.create({ ...ask('hello'), inference_geo: 'us', speed: 'fast' });
      checkMessage(fast);
      expect(fast.usage).toMatchObject({ inference_geo: 'us', speed: 'fast' });
    });

    test('returns the request id and the raw response', async () => {
      const { request_id, response } = await client.messages.create(ask('hello')).withResponse();
      expect(request_id).toMatch(/^req_01/);
      expect(response.headers.get('x-cachewright-id') === null).toBe(route === 'emulator');
    });
  });

  describe('messages.stream', () => {
    test('fires its events and ends with the whole message', async () => {
      const text = words(23);
      await servers.script({ text });
      const stream = client.messages.stream(ask('two words'));
      const deltas: string[] = [];
      stream.on('text', (delta) => deltas.push(delta));
      const message = await stream.finalMessage();
      checkUsage(message.usage);
      expect(deltas.length).toBeGreaterThan(1);
      expect(deltas.join('')).toBe(text);
      expect(await stream.finalText()).toBe(text);
      expect(message.usage).toMatchObject({ input_tokens: 2, output_tokens: 23 });
      expect(message.stop_reason).toBe('end_turn');
    });

    test('sends events in the order of the API, usage at both ends', async () => {
      const body = ask([{ type: 'text', text: words(600), cache_control: { type: 'ephemeral' } }]);
      const events = await eventsOf(client, body);
      expect(new Set(events.map((event) => event.type))).toEqual(
        new Set([
          'message_start',
          'content_block_start',
          'content_block_delta',
          'content_block_stop',
          'message_delta',
          'message_stop',
        ]),
      );
      const [start] = events;
      const delta = events.at(-2);
      if (start?.type !== 'message_start' || delta?.type !== 'message_delta') throw new Error('wrong order');
      checkMessage(start.message);
      checkDeltaUsage(delta.usage);
      expect(start.message.content).toEqual([]);
      expect(input(start.message.usage)).toEqual([0, 600, 0]);
      expect(start.message.usage.cache_creation?.ephemeral_5m_input_tokens).toBe(600);
      expect(start.message.usage.output_tokens).toBe(1);
      expect(input(delta.usage)).toEqual([0, 600, 0]);
      expect(delta.usage).not.toHaveProperty('cache_creation');
      expect(delta.delta).toMatchObject({ stop_reason: 'end_turn', stop_sequence: null });
    });

    test('shares the cache with requests that do not stream', async () => {
      const body = ask([{ type: 'text', text: words(600), cache_control: { type: 'ephemeral' } }]);
      await client.messages.create(body);
      expect(input((await client.messages.stream(body).finalMessage()).usage)).toEqual([0, 0, 600]);
    });

    test('puts tool input together from its pieces', async () => {
      const found = { order: 'A-204', lines: [1, 2.5, null, true], note: 'naïve "quoted" \u{1f600} text' };
      await servers.script({ content: [{ type: 'tool_use', name: 'find', input: found }] });
      const stream = client.messages.stream({
        ...ask('look'),
        tools: [{ name: 'find', input_schema: { type: 'object' } }],
      });
      const pieces: string[] = [];
      stream.on('inputJson', (piece) => pieces.push(piece));
      const message = await stream.finalMessage();
      expect(message.stop_reason).toBe('tool_use');
      expect(message.content).toEqual([
        expect.objectContaining({ type: 'tool_use', name: 'find', input: found, caller: { type: 'direct' } }),
      ]);
      expect(JSON.parse(pieces.join(''))).toEqual(found);
    });
  });

  describe('thinking', () => {
    const thinking = { type: 'thinking', thinking: 'Let me see what this is about.' };
    const redacted = { type: 'redacted_thinking' };

    test('comes whole, with signatures, streamed or not', async () => {
      const script = { content: [thinking, redacted, { type: 'text', text: 'Done.' }] };
      await servers.script(script, script);
      const message = await client.messages.create(ask('think'));
      checkMessage(message);
      const streamed = await client.messages.stream(ask('think')).finalMessage();
      expect(streamed.content.map((block) => block.type)).toEqual(['thinking', 'redacted_thinking', 'text']);
      for (const { content } of [message, streamed]) {
        expect(content[0]).toMatchObject(thinking);
        expect((content[0] as { signature: string }).signature).toMatch(/^sig_01\w+$/);
      }
      expect(message.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
      expect(streamed.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
    });

    test('counts as input when it is replayed to a model that keeps it', async () => {
      await servers.script({ content: [thinking, { type: 'text', text: 'Done.' }] });
      const { content } = await client.messages.create(ask('think'));
      const next = await client.messages.create({
        ...ask('think'),
        messages: [
          { role: 'user', content: 'think' },
          { role: 'assistant', content },
          { role: 'user', content: 'go on' },
        ],
      });
      // 1 + the seven words and the signature + 1 + 2
      expect(next.usage.input_tokens).toBe(12);
    });
  });

  describe('server tools', () => {
    const search = { type: 'web_search_20250305', name: 'web_search' } as const;
    const hit = {
      type: 'web_search_result',
      url: 'u',
      title: 'Title',
      encrypted_content: 'secret',
      page_age: null,
    };
    const call = { type: 'server_tool_use', name: 'web_search', input: { query: 'prompt caching' } };
    const result = { type: 'web_search_tool_result', content: [hit] };
    const content = [call, result, call, result, { type: 'text', text: 'Found it.' }];

    test('sum usage over the passes; message_start shows the first alone', async () => {
      await servers.script({ content }, { content });
      const body: MessageCreateParamsNonStreaming = {
        ...ask([{ type: 'text', text: words(600), cache_control: { type: 'ephemeral' } }]),
        tools: [search],
      };
      const events = await eventsOf(client, body);
      const [start] = events;
      const delta = events.at(-2);
      if (start?.type !== 'message_start' || delta?.type !== 'message_delta') throw new Error('wrong order');
      checkUsage(start.message.usage);
      checkDeltaUsage(delta.usage);
      const [uncached, written, read] = input(start.message.usage);
      // The tool itself is a word.
      expect([uncached, written, read]).toEqual([0, 601, 0]);
      // A call counts three words, a result three: written on top, while all before is read, twice.
      expect(input(delta.usage)).toEqual([0, 601 + 6 + 6, 601 + 607]);
      expect(delta.usage.server_tool_use).toEqual({ web_search_requests: 2, web_fetch_requests: 0 });

      const again: Message = await client.messages.create(body);
      checkMessage(again);
      expect(input(again.usage)[2]).toBeGreaterThan(601 * 3);
    });

    test('link each result to its call', async () => {
      await servers.script({ content });
      const message = await client.messages.create({ ...ask('search'), tools: [search] });
      checkMessage(message);
      const ids = message.content.flatMap((block: ContentBlock) => {
        if (block.type === 'server_tool_use') return [block.id];
        return block.type === 'web_search_tool_result' ? [block.tool_use_id] : [];
      });
      expect(ids[0]).toBe(ids[1]);
      expect(ids[2]).toBe(ids[3]);
      expect(ids[0]).not.toBe(ids[2]);
    });

    test('add nothing of their own to a prompt without markers', async () => {
      await servers.script({ content });
      const message = await client.messages.create({ ...ask('search'), tools: [search] });
      expect(message.usage).toMatchObject({ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 });
      expect(message.usage.input_tokens).toBe(2 + (2 + 6) + (2 + 12));
    });
  });

  describe('messages.countTokens', () => {
    test('counts the whole prompt, markers or not', async () => {
      const { max_tokens: _, ...counted } = ask([
        { type: 'text', text: words(600), cache_control: { type: 'ephemeral' } },
      ]);
      expect(await client.messages.countTokens({ ...counted, system: 'three more words' })).toEqual({
        input_tokens: 603,
      });
      expect((await servers.state()).entries).toEqual([]);
    });
  });
});
