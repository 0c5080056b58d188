import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import {
  conversation,
  conversationFetch,
  type ConversationFetch,
  type CutReport,
} from '../../src/conversation/index.ts';
import type { JsonObject } from '../../src/core/index.ts';
import { startServers, words, type Servers } from '../clients/servers.ts';
import type { SentMessage } from './emulated.ts';

const MODEL = 'claude-opus-5-5';
type Streamed = Anthropic.Messages.MessageStreamParams;

let servers: Servers;
let client: Anthropic;
beforeAll(async () => {
  servers = await startServers();
  client = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, maxRetries: 0 });
});
beforeEach(() => servers.reset());
afterAll(() => servers.close());

const RICH = {
  content: [
    { type: 'thinking', thinking: 'Let me look at that with care.' },
    { type: 'text', text: 'I look it up: „Zürich“ 😀, five words and more.' },
    {
      type: 'tool_use',
      id: 'toolu_1',
      name: 'look',
      input: { city: 'Zürich', days: [1, 2], deep: { a: null } },
    },
    { type: 'tool_use', id: 'toolu_2', name: 'look', input: {} },
  ],
  stop_reason: 'tool_use',
};
const RESULTS = ['toolu_1', 'toolu_2'].map((id) => ({
  type: 'tool_result',
  tool_use_id: id,
  content: 'seen',
}));

const base = { model: MODEL, maxTokens: 400, system: words(600) };
const plain = () =>
  conversation({
    ...base,
    send: (body: Anthropic.Messages.MessageCreateParamsNonStreaming) => client.messages.create(body),
  });
/** The ways in which a sender may stream. */
const streaming = {
  'the stream of the SDK': () =>
    conversation({ ...base, send: (body: Streamed) => client.messages.stream(body) }),
  'its final message': () =>
    conversation({ ...base, send: (body: Streamed) => client.messages.stream(body).finalMessage() }),
  'events as they come': () =>
    conversation({
      ...base,
      send: (body: Anthropic.Messages.MessageCreateParamsNonStreaming) =>
        client.messages.create({ ...body, stream: true }),
    }),
};

async function play(chat: { say(content: string | readonly object[]): Promise<unknown> }): Promise<void> {
  await servers.reset();
  await servers.script(RICH, { text: 'It is sunny.' });
  await chat.say('What is the weather?');
  await chat.say(RESULTS);
}

/** A history without what is another each time. */
function withoutSignatures(messages: readonly object[]): unknown {
  return JSON.parse(
    JSON.stringify(messages, (name, value: unknown) => (name === 'signature' ? 'signed' : value)),
  );
}

describe.each(Object.entries(streaming))('a conversation over %s', (_name, begin) => {
  test('is the same as one over whole answers, with the same bill', async () => {
    const whole = plain();
    await play(whole);
    const streamed = begin();
    await play(streamed);
    expect(withoutSignatures(streamed.messages)).toEqual(withoutSignatures(whole.messages));
    expect(streamed.totals).toEqual(whole.totals);
    expect(streamed.totals.hitRatio).toBeGreaterThan(0.3);
  });

  test('is as it was when the stream breaks off anywhere, and goes on', async () => {
    const chat = begin();
    await servers.script({ text: 'Yes.' });
    await chat.say('Begin.');
    const before = JSON.stringify([chat.messages, chat.totals]);
    for (const cutAfterBytes of [0, 1, 300, 900, 1_300, 1_500]) {
      await servers.script({ ...RICH, cutAfterBytes });
      await expect(chat.say('What is the weather?')).rejects.toBeInstanceOf(Error);
      expect(JSON.stringify([chat.messages, chat.totals])).toBe(before);
    }
    await servers.script({ text: 'Sunny.' });
    await chat.say('What is the weather?');
    expect(chat.messages).toHaveLength(4);
  });
});

describe('events', () => {
  test('are told as they come, of turns alone', async () => {
    const events: JsonObject[] = [];
    const cuts: CutReport[] = [];
    const chat = conversation({
      ...base,
      highTokens: 1_500,
      strategy: 'summarise',
      onEvent: (event) => events.push(event as JsonObject),
      onCut: (report) => cuts.push(report),
      send: (body: Anthropic.Messages.MessageCreateParamsNonStreaming) =>
        client.messages.create({ ...body, stream: true }),
    });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(100)}`);
    expect(chat.totals.summaries).toBe(1);
    expect(events.filter(({ type }) => type === 'message_start')).toHaveLength(chat.totals.turns);
    expect(events.at(-1)).toEqual({ type: 'message_stop' });
  });

  test('count what is said last, and absent counters stay as they were', async () => {
    async function* events(): AsyncGenerator<object> {
      const usage = { input_tokens: 7, cache_read_input_tokens: 40, output_tokens: 1 };
      yield { type: 'message_start', message: { role: 'assistant', content: [], usage } };
      yield {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '', citations: null },
      };
      yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi.' } };
      const citation = { type: 'char_location', cited_text: 'Hi' };
      yield { type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation } };
      yield { type: 'content_block_stop', index: 0 };
      const last = { input_tokens: null, cache_read_input_tokens: 45, output_tokens: 9 };
      yield { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: last };
      yield { type: 'message_stop' };
    }
    const chat = conversation({ ...base, send: events });
    await expect(chat.say('Hello?')).resolves.toMatchObject({ stop_reason: 'end_turn', role: 'assistant' });
    expect(chat.totals.tokens).toMatchObject({ uncachedTokens: 7, readTokens: 45, outputTokens: 9 });
    expect(chat.messages[1]?.content).toEqual([
      { type: 'text', text: 'Hi.', citations: [{ type: 'char_location', cited_text: 'Hi' }] },
    ]);
  });

  test('that end without an end are refused in words', async () => {
    async function* half(): AsyncGenerator<object> {
      yield { type: 'message_start', message: { content: [], usage: { input_tokens: 5 } } };
      yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
    }
    async function* failing(): AsyncGenerator<object> {
      yield* half();
      yield { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    }
    for (const [send, message] of [
      [half, /ended before its message did/],
      [failing, /overloaded_error/],
    ] as const) {
      const chat = conversation({ ...base, send });
      await expect(chat.say('Hello?')).rejects.toMatchObject({ code: 'CUT_SHORT', message });
      expect(chat.messages).toEqual([]);
    }
  });
});

describe('an agent that streams, through a fetch', () => {
  let bodies: (JsonObject & { readonly messages: readonly SentMessage[] })[];
  beforeEach(() => {
    bodies = [];
  });
  function agentFetch(): ConversationFetch {
    const recording: typeof fetch = async (input, init) => {
      bodies.push(JSON.parse(init?.body as string) as (typeof bodies)[number]);
      return fetch(input, init);
    };
    return conversationFetch({ fetch: recording, highTokens: 1_000, lowTokens: 700 });
  }

  test('gets pieces before the message is whole; a stream that breaks off is tried again as if nothing had been', async () => {
    const agent = agentFetch();
    const talker = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent, maxRetries: 0 });
    const body = { model: MODEL, max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hello?' }] };
    await servers.script({ text: words(60), cutAfterBytes: 1_500 });
    const pieces: string[] = [];
    const broken = talker.messages.stream(body).on('text', (piece) => pieces.push(piece));
    await expect(broken.finalMessage()).rejects.toBeInstanceOf(Error);
    expect(pieces.length).toBeGreaterThan(0);
    expect(agent.conversation()?.messages).toEqual([]);
    await servers.script({ status: 529, error: 'overloaded_error' });
    await expect(talker.messages.stream(body).finalMessage()).rejects.toMatchObject({ status: 529 });
    await servers.script({ text: 'Hi.' });
    await talker.messages.stream(body).finalMessage();
    const more = [
      ...body.messages,
      { role: 'assistant' as const, content: 'Hi.' },
      { role: 'user' as const, content: 'And?' },
    ];
    await talker.messages.stream({ ...body, messages: more }).finalMessage();
    expect(agent.conversation()?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
    ]);
    expect(agent.conversation()?.totals.turns).toBe(2);
  });

  test('that tries again says its instructions once', async () => {
    const agent = agentFetch();
    const talker = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent, maxRetries: 0 });
    const messages = [
      { role: 'user' as const, content: 'Hello?' },
      { role: 'system' as const, content: 'Be short.' },
    ];
    await servers.script({ status: 529, error: 'overloaded_error' });
    const ask = () => talker.beta.messages.stream({ model: MODEL, max_tokens: 100, messages }).finalMessage();
    await expect(ask()).rejects.toMatchObject({ status: 529 });
    await ask();
    expect(bodies.at(-1)?.messages.at(-1)).toMatchObject({
      role: 'system',
      content: [{ text: 'Be short.' }],
    });
    expect(bodies.at(-1)?.messages.at(-1)?.content).toHaveLength(1);
  });

  test('that gives up in the middle leaves the conversation as it was', async () => {
    const agent = agentFetch();
    const talker = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent, maxRetries: 0 });
    const body = { model: MODEL, max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hello?' }] };
    await servers.script({ text: words(60), stallMs: 60_000 });
    const stream = talker.messages.stream(body);
    stream.on('streamEvent', () => stream.abort());
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Error);
    await servers.script({ text: 'Hi.' });
    await talker.messages.stream(body).finalMessage();
    expect(agent.conversation()?.messages).toHaveLength(2);
  });

  test('that asks two things at once gets each answer where it belongs, one after the other', async () => {
    const headers: (string | null)[] = [];
    const agent = conversationFetch({
      fetch: async (input, init) => {
        headers.push(new Headers(init?.headers).get('x-asked'));
        return fetch(input, init);
      },
    });
    const talker = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent, maxRetries: 0 });
    await servers.script({ text: 'One.' }, { text: 'Two.' }, { text: 'Three.' });
    const asked = ['first', 'second', 'third'].map(async (name, index) => {
      const messages = [{ role: 'user' as const, content: name }];
      const body = { model: MODEL, max_tokens: 100, messages };
      const options = { headers: { 'x-asked': name } };
      if (index === 1) return talker.messages.create(body, options);
      return talker.messages.stream(body, options).finalMessage();
    });
    const texts = (await Promise.all(asked)).map(({ content }) => content[0]);
    expect(texts).toMatchObject([{ text: 'One.' }, { text: 'Two.' }, { text: 'Three.' }]);
    expect(headers).toEqual(['first', 'second', 'third']);
    expect(agent.conversation()?.messages).toHaveLength(6);
  });
});
