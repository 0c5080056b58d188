import type Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import type { BetaMessage, BetaMessageParam } from '@anthropic-ai/sdk/resources/beta';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { recordingMiddleware, ROUTES, startServers, words, type Recorded, type Servers } from './servers.ts';

const MODEL = 'claude-opus-5-5';
let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());

const weather = betaTool({
  name: 'weather',
  description: 'Says what the weather is like.',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  run: ({ city }) => `sunny in ${city}`,
});
const broken = betaTool({
  name: 'broken',
  description: 'Never works.',
  inputSchema: { type: 'object' },
  run: () => {
    throw new Error('out of order');
  },
});

function call(name: string, input: object, id: string): object {
  return { type: 'tool_use', id, name, input };
}

/** Three turns of tool calls, one of them parallel, one failing, then the answer. */
const SCRIPT = [
  { content: [{ type: 'text', text: 'I look.' }, call('weather', { city: 'Oslo' }, 'toolu_1')] },
  { content: [call('weather', { city: 'Rome' }, 'toolu_2'), call('weather', { city: 'Bonn' }, 'toolu_3')] },
  { content: [call('broken', {}, 'toolu_4')] },
  { text: 'Sunny everywhere.' },
];

function resultsOf(messages: readonly BetaMessageParam[]): readonly (readonly unknown[])[] {
  return messages.flatMap(({ role, content }) => {
    if (role !== 'user' || typeof content === 'string') return [];
    return content.map((block) =>
      block.type === 'tool_result' ? [block.tool_use_id, block.content] : [block.type],
    );
  });
}

/** The messages of each request that was accepted. */
function acceptedOf(recorded: readonly Recorded[]): readonly BetaMessageParam[][] {
  return recorded
    .filter(({ status }) => status === 200)
    .map(({ body }) => body['messages'] as BetaMessageParam[]);
}

describe.each(ROUTES)('the tool runner against the %s', (route) => {
  let client: Anthropic;
  let recorded: Recorded[];
  beforeEach(() => {
    const recording = recordingMiddleware();
    recorded = recording.recorded;
    client = servers.client(route, { middleware: [recording.middleware] });
  });

  const params = {
    model: MODEL,
    max_tokens: 512,
    system: words(600),
    messages: [{ role: 'user' as const, content: 'What is the weather like?' }],
    tools: [weather, broken],
  };

  test.each([false, true])('runs tools over several turns, history whole (stream: %s)', async (stream) => {
    await servers.script(...SCRIPT);
    const runner = client.beta.messages.toolRunner({ ...params, stream });
    const answer: BetaMessage = await runner.runUntilDone();
    expect(answer.content).toMatchObject([{ type: 'text', text: 'Sunny everywhere.' }]);
    expect(resultsOf(runner.params.messages)).toEqual([
      ['toolu_1', 'sunny in Oslo'],
      ['toolu_2', 'sunny in Rome'],
      ['toolu_3', 'sunny in Bonn'],
      ['toolu_4', 'Error: out of order'],
    ]);
    const accepted = acceptedOf(recorded);
    expect(accepted.map((messages) => messages.length)).toEqual([1, 3, 5, 7]);
    for (const [turn, messages] of accepted.slice(1).entries()) {
      expect(messages.slice(0, accepted[turn]?.length)).toEqual(accepted[turn]);
    }
  });

  test('asks for a thread first, is refused, and sends everything itself', async () => {
    await servers.script(...SCRIPT);
    await client.beta.messages.toolRunner(params).runUntilDone();
    const [asked, resent] = recorded;
    expect(asked?.body['thread']).toEqual({ type: 'create' });
    expect(asked?.status).toBe(400);
    expect(resent?.body).not.toHaveProperty('thread');
    expect(resent?.status).toBe(200);
    expect(recorded.slice(1).every(({ body, status }) => status === 200 && !('thread' in body))).toBe(true);
  });

  test('pays for each turn by what it adds, where the client marks', async () => {
    await servers.script(...SCRIPT);
    const usages: number[][] = [];
    const marked = { ...params, cache_control: { type: 'ephemeral' as const } };
    for await (const { usage } of client.beta.messages.toolRunner(marked)) {
      usages.push([
        usage.input_tokens,
        usage.cache_read_input_tokens ?? -1,
        usage.cache_creation_input_tokens ?? -1,
      ]);
    }
    const totals = usages.map((usage) => usage.reduce((sum, tokens) => sum + tokens, 0));
    expect(usages.map(([uncached]) => uncached)).toEqual([0, 0, 0, 0]);
    expect(usages.map(([, read]) => read)).toEqual([0, ...totals.slice(0, -1)]);
  });

  test('a plain call gets the refusal as it is', async () => {
    const request = client.beta.messages.create({
      model: MODEL,
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
      thread: { type: 'create' },
      betas: ['message-threads-2026-08-12'],
    });
    await expect(request).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      error: {
        error: { details: { error_code: 'thread_unsupported_request', unsupported: ['cache_control'] } },
      },
    });
  });
});

describe.each(ROUTES)('a hand-written tool loop against the %s', (route) => {
  test('continues after results, thinking included', async () => {
    const client = servers.client(route);
    const thinking = { type: 'thinking', thinking: 'I need the weather.' };
    await servers.script(
      { content: [thinking, call('weather', { city: 'Oslo' }, 'toolu_1')] },
      { text: 'Sunny.' },
    );
    const body = {
      model: MODEL,
      max_tokens: 256,
      messages: [{ role: 'user' as const, content: 'Weather?' }],
      tools: [{ name: 'weather', input_schema: { type: 'object' as const } }],
    };
    const first = await client.messages.create(body);
    expect(first.stop_reason).toBe('tool_use');
    const second = await client.messages.create({
      ...body,
      messages: [
        ...body.messages,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'sunny' }] },
      ],
    });
    expect(second.content).toMatchObject([{ type: 'text', text: 'Sunny.' }]);
    // Words of the tool, the question, the thought and its signature, the call and its result.
    expect(second.usage.input_tokens).toBe(1 + 1 + 5 + 2 + 1);
  });
});
