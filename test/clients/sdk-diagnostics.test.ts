import type Anthropic from '@anthropic-ai/sdk';
import type { Diagnostics, Message, MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ROUTES, startServers, words, type Servers } from './servers.ts';
import { checkMessage } from './shapes.ts';

let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());

type Body = MessageCreateParamsNonStreaming;

const tool = (name: string) => ({ name, input_schema: { type: 'object' as const } });
const search = { type: 'web_search_20250305', name: 'web_search' } as const;

const FIRST: Body = {
  model: 'claude-opus-5-5',
  max_tokens: 64,
  system: words(100, 'system'),
  tools: [tool('find'), tool('keep')],
  messages: [
    { role: 'user', content: words(10, 'question') },
    { role: 'assistant', content: 'answer' },
    { role: 'user', content: 'again' },
  ],
};

/** What the second request changes, and what is said of it: type, and tokens of the first one from the change on. */
const CHANGES: readonly (readonly [change: string, second: Partial<Body>, reason: object | null])[] = [
  ['nothing', {}, null],
  [
    'only an appended turn',
    {
      messages: [...FIRST.messages, { role: 'assistant', content: 'more' }, { role: 'user', content: 'on' }],
    },
    null,
  ],
  [
    'what is no part of the prompt',
    { max_tokens: 7, stop_sequences: ['x'], metadata: { user_id: 'u' } },
    null,
  ],
  ['the model', { model: 'claude-opus-5' }, { type: 'model_changed', cache_missed_input_tokens: 114 }],
  ['the speed', { speed: 'fast' }, { type: 'model_changed', cache_missed_input_tokens: 114 }],
  [
    'the order of tools',
    { tools: [tool('keep'), tool('find')] },
    { type: 'tools_changed', cache_missed_input_tokens: 114 },
  ],
  [
    'a tool more',
    { tools: [tool('find'), tool('keep'), tool('make')] },
    { type: 'tools_changed', cache_missed_input_tokens: 112 },
  ],
  ['a tool less', { tools: [tool('find')] }, { type: 'tools_changed', cache_missed_input_tokens: 113 }],
  [
    'web search',
    { tools: [tool('find'), tool('keep'), search] },
    { type: 'tools_changed', cache_missed_input_tokens: 112 },
  ],
  ['the system prompt', { system: 'another' }, { type: 'system_changed', cache_missed_input_tokens: 112 }],
  [
    'an earlier message',
    { messages: [FIRST.messages[0]!, { role: 'assistant', content: 'altered' }, FIRST.messages[2]!] },
    { type: 'messages_changed', cache_missed_input_tokens: 2 },
  ],
  ['thinking', { thinking: { type: 'disabled' } }, { type: 'unavailable' }],
  ['tool_choice', { tool_choice: { type: 'none' } }, { type: 'unavailable' }],
  ['effort', { output_config: { effort: 'low' } }, { type: 'unavailable' }],
];

describe.each(ROUTES)('diagnostics of the SDK against the %s', (route) => {
  let client: Anthropic;
  beforeAll(() => {
    client = servers.client(route);
  });

  async function compare(
    second: Partial<Body>,
    headers: Record<string, string> = {},
  ): Promise<Diagnostics | null> {
    const first = await client.messages.create({ ...FIRST, diagnostics: { previous_message_id: null } });
    expect(first.diagnostics).toBeNull();
    const diagnostics = { previous_message_id: first.id };
    const message: Message = await client.messages.create({ ...FIRST, ...second, diagnostics }, { headers });
    checkMessage(message);
    return message.diagnostics;
  }

  test.each(CHANGES)('after a change of %s', async (_change, second, reason) => {
    expect(await compare(second)).toEqual(reason === null ? null : { cache_miss_reason: reason });
  });

  test('after a change of beta headers, but not of those that are spent', async () => {
    expect(await compare({}, { 'anthropic-beta': 'context-management-2025-06-27' })).toEqual({
      cache_miss_reason: { type: 'unavailable' },
    });
    expect(await compare({}, { 'anthropic-beta': 'prompt-caching-2024-07-31' })).toBeNull();
  });

  test('are null unless asked for, and need a request that was fingerprinted', async () => {
    const plain = await client.messages.create(FIRST);
    expect(plain.diagnostics).toBeNull();
    const asked = await client.messages.create({ ...FIRST, diagnostics: { previous_message_id: plain.id } });
    expect(asked.diagnostics).toEqual({ cache_miss_reason: { type: 'previous_message_not_found' } });
  });

  test('know nothing of other workspaces, nor of what is long ago', async () => {
    const lost = { cache_miss_reason: { type: 'previous_message_not_found' } };
    const { id } = await client.messages.create({ ...FIRST, diagnostics: { previous_message_id: null } });
    const body: Body = { ...FIRST, diagnostics: { previous_message_id: id } };
    expect(
      (await servers.client(route, { apiKey: 'sk-ant-other' }).messages.create(body)).diagnostics,
    ).toEqual(lost);
    expect((await client.messages.create(body)).diagnostics).toBeNull();
    await servers.advance(3_600_000);
    expect((await client.messages.create(body)).diagnostics).toEqual(lost);
  });

  test('come with message_start in a stream', async () => {
    const { id } = await client.messages.create({ ...FIRST, diagnostics: { previous_message_id: null } });
    const body = { ...FIRST, system: 'another', diagnostics: { previous_message_id: id } };
    const message = await client.messages.stream(body).finalMessage();
    expect(message.diagnostics?.cache_miss_reason).toEqual({
      type: 'system_changed',
      cache_missed_input_tokens: 112,
    });
  });
});
