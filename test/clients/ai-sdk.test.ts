import { createAnthropic } from '@ai-sdk/anthropic';
import { generateObject, generateText, isStepCount, Output, streamText, tool, type ModelMessage } from 'ai';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
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
  // `generateObject` is deprecated, and says so on stderr for every call.
  vi.stubGlobal('AI_SDK_LOG_WARNINGS', false);
  servers = await startServers();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await servers.close();
});
beforeEach(() => servers.reset());

function connect(route: Route, tags = ''): ReturnType<typeof createAnthropic> {
  const recording = recordingFetch(servers.fetchOf(route));
  recorded = recording.recorded;
  return createAnthropic({
    baseURL: `${servers.urlOf(route)}/v1`,
    apiKey: 'sk-ant-test',
    headers: { 'x-cachewright-tags': tags },
    fetch: recording.fetch,
  });
}

const weather = tool({
  description: 'Says what the weather is like.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => {
    if (city === 'Atlantis') throw new Error('no such city');
    return `sunny in ${city}`;
  },
});

function call(city: string, id: string): object {
  return { type: 'tool_use', id, name: 'weather', input: { city } };
}

/** Three steps of tool calls, one of them parallel, one failing, one with a thought, then the answer. */
const TOOL_SCRIPT = [
  { content: [{ type: 'text', text: 'I look.' }, call('Oslo', 'toolu_1'), call('Rome', 'toolu_2')] },
  { content: [{ type: 'thinking', thinking: 'Bonn is left.' }, call('Bonn', 'toolu_3')] },
  { content: [call('Atlantis', 'toolu_4')] },
  { text: 'Sunny everywhere.' },
];

const RESULTS = [
  ['toolu_1', 'sunny in Oslo'],
  ['toolu_2', 'sunny in Rome'],
  ['toolu_3', 'sunny in Bonn'],
  ['toolu_4', 'Error: no such city'],
];

/** The tool loop's requests: results in order, history whole. */
function expectToolLoop(): void {
  const bodies = sentBodies(recorded);
  expect(toolResultsOf(bodies.at(-1))).toEqual(RESULTS);
  expect(bodies.map(({ messages }) => messages.length)).toEqual([1, 3, 5, 7]);
  expect(isGrowing(bodies)).toBe(true);
}

describe.each(ROUTES)('the AI SDK against the %s', (route) => {
  test('generates text, and says what was billed', async () => {
    await servers.script({ text: 'Four words of answer.' });
    const { text, finishReason, usage, warnings } = await generateText({
      model: connect(route)(MODEL),
      instructions: words(300),
      prompt: 'two words',
    });
    expect({ text, finishReason, warnings }).toEqual({
      text: 'Four words of answer.',
      finishReason: 'stop',
      warnings: [],
    });
    expect(usage).toMatchObject({ inputTokens: 302, outputTokens: 4, totalTokens: 306 });
    expect(countersOf(usage.raw).outputTokens).toBe(4);
  });

  test('streams text and thoughts in order, with the same usage', async () => {
    await servers.script({
      content: [
        { type: 'thinking', thinking: 'Hm, words.' },
        { type: 'text', text: 'Three streamed words.' },
      ],
    });
    const stream = streamText({ model: connect(route)(MODEL), prompt: 'two words' });
    const types = new Set<string>();
    let reasoning = '';
    for await (const part of stream.stream) {
      types.add(part.type);
      if (part.type === 'reasoning-delta') reasoning += part.text;
    }
    expect(reasoning).toBe('Hm, words.');
    expect(await stream.text).toBe('Three streamed words.');
    expect([...types]).toEqual(
      expect.arrayContaining(['start', 'reasoning-start', 'text-start', 'text-end', 'finish']),
    );
    expect(types).not.toContain('error');
    expect(await stream.usage).toMatchObject({
      inputTokens: 2,
      outputTokenDetails: { textTokens: 3 },
      raw: { output_tokens_details: { thinking_tokens: expect.any(Number) as number } },
    });
  });

  test('runs tools over several steps, history whole', async () => {
    await servers.script(...TOOL_SCRIPT);
    const { text, steps } = await generateText({
      model: connect(route)(MODEL),
      tools: { weather },
      stopWhen: isStepCount(10),
      prompt: 'What is the weather like?',
    });
    expect(text).toBe('Sunny everywhere.');
    expect(steps.map(({ finishReason }) => finishReason)).toEqual([
      'tool-calls',
      'tool-calls',
      'tool-calls',
      'stop',
    ]);
    expectToolLoop();
  });

  test('runs the same tools streaming', async () => {
    await servers.script(...TOOL_SCRIPT);
    const stream = streamText({
      model: connect(route)(MODEL),
      tools: { weather },
      stopWhen: isStepCount(10),
      prompt: 'What is the weather like?',
    });
    await stream.consumeStream();
    expect(await stream.text).toBe('Sunny everywhere.');
    expectToolLoop();
  });

  test('sends the markers of provider options, and reads what they wrote', async () => {
    const model = connect(route)(MODEL);
    const ask = (question: string): ReturnType<typeof generateText> =>
      generateText({
        model,
        instructions: {
          role: 'system',
          content: words(600),
          providerOptions: { anthropic: { cacheControl: { type: 'ephemeral', ttl: '1h' } } },
        },
        messages: [
          {
            role: 'user',
            content: [
              {
                type: 'text',
                text: words(100, question),
                providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
              },
            ],
          },
        ],
      });
    const first = await ask('first');
    const second = await ask('second');
    const again = await ask('second');
    expect(sentBodies(recorded)[0]?.system).toMatchObject([
      { cache_control: { type: 'ephemeral', ttl: '1h' } },
    ]);
    const counters = [first, second, again].map(({ usage }) => countersOf(usage.raw));
    expect(counters).toMatchObject([
      { uncachedTokens: 0, readTokens: 0, write1hTokens: 600, write5mTokens: 100 },
      { uncachedTokens: 0, readTokens: 600, write1hTokens: 0, write5mTokens: 100 },
      { uncachedTokens: 0, readTokens: 700, write1hTokens: 0, write5mTokens: 0 },
    ]);
    expect(second.usage.inputTokenDetails).toEqual({
      noCacheTokens: 0,
      cacheReadTokens: 600,
      cacheWriteTokens: 100,
    });
  });

  test('asks for automatic caching', async () => {
    const model = connect(route)(MODEL);
    const options = { anthropic: { cacheControl: { type: 'ephemeral' as const } } };
    const ask = (): ReturnType<typeof generateText> =>
      generateText({ model, prompt: words(600), providerOptions: options });
    const first = await ask();
    const second = await ask();
    expect(sentBodies(recorded)[0]?.cache_control).toEqual({ type: 'ephemeral' });
    expect(first.usage.inputTokenDetails).toMatchObject({ cacheReadTokens: 0, cacheWriteTokens: 600 });
    expect(second.usage.inputTokenDetails).toMatchObject({ cacheReadTokens: 600, cacheWriteTokens: 0 });
  });

  test('is refused where it marks tools for 5m and system for 1h', async () => {
    const marked = tool({
      ...weather,
      providerOptions: { anthropic: { cacheControl: { type: 'ephemeral', ttl: '5m' } } },
    });
    const request = generateText({
      model: connect(route)(MODEL),
      tools: { weather: marked },
      instructions: {
        role: 'system',
        content: words(600),
        providerOptions: { anthropic: { cacheControl: { type: 'ephemeral', ttl: '1h' } } },
      },
      prompt: 'hello',
    });
    await expect(request).rejects.toThrow(/a ttl='1h' cache_control block must not come after a ttl='5m'/);
    expect(recorded.map(({ status }) => status)).toEqual([400]);
  });

  describe('objects', () => {
    const schema = z.object({ name: z.string(), age: z.number() });
    const ada = { name: 'Ada', age: 36 };

    test('come as text where the model has structured output', async () => {
      await servers.script({ text: JSON.stringify(ada) }, { text: JSON.stringify(ada) });
      const model = connect(route)(MODEL);
      expect((await generateObject({ model, schema, prompt: 'Who?' })).object).toEqual(ada);
      const { output } = await generateText({ model, output: Output.object({ schema }), prompt: 'Who?' });
      expect(output).toEqual(ada);
      const native = { format: { type: 'json_schema' } };
      expect(sentBodies(recorded).map((body) => body.output_config)).toMatchObject([native, native]);
    });

    test('come as a forced tool call where it has not', async () => {
      await servers.script({ content: [{ type: 'tool_use', name: 'json', input: ada }] });
      const model = connect(route)('claude-sonnet-4-20250514');
      expect((await generateObject({ model, schema, prompt: 'Who?' })).object).toEqual(ada);
      const [body] = sentBodies(recorded);
      expect(body?.tools).toMatchObject([{ name: 'json' }]);
      expect(body?.tool_choice).toMatchObject({ type: 'any' });
    });
  });

  describe('errors', () => {
    const overloaded = { status: 529, error: 'overloaded_error', retryAfterS: 0 };

    test('529 is tried again with the same body', async () => {
      await servers.script(overloaded, { text: 'After all.' });
      const { text } = await generateText({ model: connect(route)(MODEL), prompt: 'hello' });
      expect(text).toBe('After all.');
      expect(recorded.map(({ status }) => status)).toEqual([529, 200]);
      expect(recorded[1]?.body).toEqual(recorded[0]?.body);
    });

    test('529 is handed on when no try is left', async () => {
      await servers.script(overloaded);
      const request = generateText({ model: connect(route)(MODEL), prompt: 'hello', maxRetries: 0 });
      await expect(request).rejects.toMatchObject({
        name: 'AI_APICallError',
        statusCode: 529,
        isRetryable: true,
        data: { error: { type: 'overloaded_error' } },
      });
    });

    test('a stream that is cut off fails, and does not end as if it were whole', async () => {
      await servers.script({ text: words(2_000), cutAfterBytes: 3_000 });
      const stream = streamText({
        model: connect(route)(MODEL),
        prompt: 'hello',
        maxRetries: 0,
        onError: () => undefined,
      });
      let text = '';
      const reading = (async () => {
        for await (const part of stream.stream) if (part.type === 'text-delta') text += part.text;
      })();
      await expect(reading).rejects.toMatchObject({ name: 'AI_APICallError' });
      expect(words(2_000).startsWith(text) && text.length > 0).toBe(true);
      await expect(stream.text).rejects.toMatchObject({ name: 'AI_APICallError' });
    });
  });
});

const TURNS = 12;

/** A chat that grows by 100 words a turn on top of 2,000 words of instructions, without any marker. */
async function chat(route: Route, tags: string): Promise<readonly TokenCounts[]> {
  const model = connect(route, tags)(MODEL);
  const messages: ModelMessage[] = [];
  const usages: TokenCounts[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    await servers.script({ text: words(50, `answer${turn}-`) });
    messages.push({ role: 'user', content: words(50, `question${turn}-`) });
    const { response, usage } = await generateText({ model, instructions: words(2_000), messages });
    messages.push(...response.messages);
    usages.push(countersOf(usage.raw));
    await servers.advance(30_000);
  }
  return usages;
}

describe('a chat of the AI SDK without markers', () => {
  test.each(CACHING_ROUTES)('costs far less through the %s', async (route) => {
    const plain = inputBill(MODEL, await chat('emulator', ''));
    await servers.reset();
    const usages = await chat(route, 'ai-sdk-chat');
    const records = await recordsTagged(servers.ledgerOf(route), 'ai-sdk-chat', TURNS);
    const through = inputBill(MODEL, usages);
    expect(recordedInputBill(records)).toBe(through);
    expect(usages.slice(1).every(({ readTokens }) => readTokens >= 2_000)).toBe(true);
    expect(shareOf(through, plain)).toBeLessThan(0.25);
  });
});
