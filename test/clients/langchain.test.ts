import { ChatAnthropic } from '@langchain/anthropic';
import {
  type AIMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type AIMessageChunk,
  type BaseMessage,
  type UsageMetadata,
} from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import type { TokenCounts } from '../../src/core/index.ts';
import { countersOf, inputBill, recordedInputBill, recordsTagged, shareOf } from './bills.ts';
import { isGrowing, sentBodies, toolResultsOf } from './sent-bodies.ts';
import {
  CACHING_ROUTES,
  recordingFetch,
  ROUTES,
  startServers,
  words,
  type Recorded,
  type Route,
  type Servers,
} from './servers.ts';

const MODEL = 'claude-opus-5-5';
let servers: Servers;
let recorded: Recorded[];

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());
afterEach(() => {
  vi.useRealTimers();
});

function connect(route: Route, { maxRetries = 0, tags = '' } = {}): ChatAnthropic {
  const recording = recordingFetch(servers.fetchOf(route));
  recorded = recording.recorded;
  return new ChatAnthropic({
    model: MODEL,
    anthropicApiUrl: servers.urlOf(route),
    apiKey: 'sk-ant-test',
    maxTokens: 512,
    maxRetries,
    clientOptions: { fetch: recording.fetch, defaultHeaders: { 'x-cachewright-tags': tags } },
  });
}

/** A system prompt that is marked by hand, as LangChain's documentation shows it. */
function markedSystem(wordCount: number): SystemMessage {
  return new SystemMessage({
    content: [{ type: 'text', text: words(wordCount), cache_control: { type: 'ephemeral' } }],
  });
}

const weather = tool(({ city }) => (city === 'Atlantis' ? 'no such city' : `sunny in ${city}`), {
  name: 'weather',
  description: 'Says what the weather is like.',
  schema: z.object({ city: z.string() }),
});

function call(city: string, id: string): object {
  return { type: 'tool_use', id, name: 'weather', input: { city } };
}

const TOOL_SCRIPT = [
  { content: [{ type: 'text', text: 'I look.' }, call('Oslo', 'toolu_1'), call('Rome', 'toolu_2')] },
  { content: [call('Atlantis', 'toolu_3')] },
  { text: 'Sunny everywhere.' },
];

/** Answers calls until there are none left; gives the whole conversation. */
async function runTools(
  history: BaseMessage[],
  ask: (history: readonly BaseMessage[]) => Promise<AIMessage | AIMessageChunk>,
): Promise<readonly BaseMessage[]> {
  for (;;) {
    const answer = await ask(history);
    history.push(answer);
    if (!answer.tool_calls?.length) return history;
    for (const { name: _, id = '', args } of answer.tool_calls) {
      const content = await weather.invoke({ city: String(args['city']) });
      history.push(new ToolMessage({ tool_call_id: id, content }));
    }
  }
}

function textOf(history: readonly BaseMessage[]): string {
  return history.at(-1)?.text ?? '';
}

/** LangChain's own view of the bill; its types lose it on the way. */
function usageOf({ usage_metadata: usage }: { usage_metadata?: unknown }): UsageMetadata {
  return usage as UsageMetadata;
}

/** What was read from the cache and written to it. */
function cacheOf(message: { usage_metadata?: unknown }): { read: number; written: number } {
  const { cache_read: read = -1, cache_creation: written = -1 } = usageOf(message).input_token_details ?? {};
  return { read, written };
}

async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  let whole: AIMessageChunk | null = null;
  for await (const chunk of stream) whole = whole ? whole.concat(chunk) : chunk;
  if (!whole) throw new Error('the stream was empty');
  return whole;
}

describe.each(ROUTES)('LangChain against the %s', (route) => {
  test('invokes, and says what was billed', async () => {
    await servers.script({ text: 'Four words of answer.' });
    const answer = await connect(route).invoke([
      new SystemMessage(words(300)),
      new HumanMessage('two words'),
    ]);
    expect(answer.text).toBe('Four words of answer.');
    expect(answer.response_metadata).toMatchObject({ model: MODEL, stop_reason: 'end_turn' });
    expect(usageOf(answer)).toMatchObject({ input_tokens: 302, output_tokens: 4, total_tokens: 306 });
  });

  test('streams, with the input usage of the start', async () => {
    await servers.script({ text: 'Three streamed words.' });
    const stream = await connect(route).stream([markedSystem(600), new HumanMessage('two words')]);
    const whole = await gather(stream);
    expect(whole.text).toBe('Three streamed words.');
    expect(usageOf(whole).input_tokens).toBe(602);
    expect(cacheOf(whole).read).toBe(0);
    expect(cacheOf(whole).written).toBeGreaterThanOrEqual(600);
    expect(sentBodies(recorded)[0]?.stream).toBe(true);
  });

  test('reads what it marked, and shows it in usage_metadata', async () => {
    const model = connect(route);
    const first = await model.invoke([markedSystem(600), new HumanMessage('first question')]);
    const second = await model.invoke([markedSystem(600), new HumanMessage('second question')]);
    const streamed = await gather(
      await model.stream([markedSystem(600), new HumanMessage('third question')]),
    );
    expect(cacheOf(first).read).toBe(0);
    expect(cacheOf(first).written).toBeGreaterThanOrEqual(600);
    for (const answer of [second, streamed]) {
      expect(usageOf(answer).input_tokens).toBe(602);
      expect(cacheOf(answer).read).toBe(600);
    }
  });

  test('asks for automatic caching', async () => {
    const model = connect(route).withConfig({ cache_control: { type: 'ephemeral', ttl: '1h' } });
    const first = await model.invoke(words(600));
    const second = await model.invoke(words(600));
    expect(sentBodies(recorded)[0]?.cache_control).toEqual({ type: 'ephemeral', ttl: '1h' });
    expect([first, second].map(cacheOf)).toEqual([
      { read: 0, written: 600 },
      { read: 600, written: 0 },
    ]);
  });

  const RESULTS = [
    ['toolu_1', 'sunny in Oslo'],
    ['toolu_2', 'sunny in Rome'],
    ['toolu_3', 'no such city'],
  ];

  test('calls bound tools until there is an answer', async () => {
    await servers.script(...TOOL_SCRIPT);
    const model = connect(route).bindTools([weather]);
    const history = await runTools([new HumanMessage('Weather?')], (messages) => model.invoke([...messages]));
    expect(textOf(history)).toBe('Sunny everywhere.');
    const bodies = sentBodies(recorded);
    expect(toolResultsOf(bodies.at(-1))).toEqual(RESULTS);
    expect(bodies.map(({ messages }) => messages.length)).toEqual([1, 3, 5]);
    expect(isGrowing(bodies)).toBe(true);
  });

  test('calls them streaming too, thoughts and signatures whole', async () => {
    const [first, ...rest] = TOOL_SCRIPT;
    const thinking = { type: 'thinking', thinking: 'I need the weather.' };
    await servers.script({ content: [thinking, ...(first?.content ?? [])] }, ...rest);
    const model = connect(route).bindTools([weather]);
    const history = await runTools([new HumanMessage('Weather?')], async (messages) =>
      gather(await model.stream([...messages])),
    );
    expect(textOf(history)).toBe('Sunny everywhere.');
    const last = sentBodies(recorded).at(-1);
    expect(toolResultsOf(last)).toEqual(RESULTS);
    const [sentBack] = last?.messages[1]?.content ?? [];
    expect(sentBack).toMatchObject({ ...thinking, signature: expect.stringMatching(/^sig_/) as string });
  });

  test('forces a tool for structured output', async () => {
    await servers.script({ content: [{ type: 'tool_use', name: 'extract', input: { name: 'Ada' } }] });
    const model = connect(route).withStructuredOutput(z.object({ name: z.string() }));
    expect(await model.invoke('Who?')).toEqual({ name: 'Ada' });
    expect(sentBodies(recorded)[0]?.tool_choice).toEqual({ type: 'tool', name: 'extract' });
  });

  describe('errors', () => {
    const overloaded = { status: 529, error: 'overloaded_error' };

    test('529 is tried again with the same body', async () => {
      await servers.script(overloaded, { text: 'After all.' });
      // LangChain waits a second or more by itself; this clock makes it short.
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const answer = connect(route, { maxRetries: 2 }).invoke('hello');
      while (recorded.length < 2) await vi.advanceTimersByTimeAsync(50);
      expect((await answer).text).toBe('After all.');
      expect(recorded.map(({ status }) => status)).toEqual([529, 200]);
      expect(recorded[1]?.body).toEqual(recorded[0]?.body);
    });

    test('529 is handed on when no try is left', async () => {
      await servers.script(overloaded);
      await expect(connect(route).invoke('hello')).rejects.toMatchObject({
        status: 529,
        error: { error: { type: 'overloaded_error' } },
      });
    });

    test('a wrong order of markers is refused', async () => {
      const late = new HumanMessage({
        content: [{ type: 'text', text: 'hello', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      });
      await expect(connect(route).invoke([markedSystem(600), late])).rejects.toMatchObject({ status: 400 });
      expect(recorded).toHaveLength(1);
    });
  });
});

const TURNS = 12;

/** A chat that grows by 100 words a turn on top of 2,000 words of instructions, without any marker. */
async function chat(route: Route, tags: string): Promise<readonly TokenCounts[]> {
  const model = connect(route, { tags });
  const history: BaseMessage[] = [new SystemMessage(words(2_000))];
  const usages: TokenCounts[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    await servers.script({ text: words(50, `answer${turn}-`) });
    history.push(new HumanMessage(words(50, `question${turn}-`)));
    const answer = await model.invoke(history);
    history.push(answer);
    usages.push(countersOf(answer.response_metadata['usage']));
    await servers.advance(30_000);
  }
  return usages;
}

describe('a chat of LangChain without markers', () => {
  test.each(CACHING_ROUTES)('costs far less through the %s', async (route) => {
    const plain = inputBill(MODEL, await chat('emulator', ''));
    await servers.reset();
    const usages = await chat(route, 'langchain-chat');
    const records = await recordsTagged(servers.ledgerOf(route), 'langchain-chat', TURNS);
    const through = inputBill(MODEL, usages);
    expect(recordedInputBill(records)).toBe(through);
    expect(usages.slice(1).every(({ readTokens }) => readTokens >= 2_000)).toBe(true);
    expect(shareOf(through, plain)).toBeLessThan(0.25);
  });
});
