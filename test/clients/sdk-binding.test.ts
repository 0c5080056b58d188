import type Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageCreateParamsNonStreaming, MessageParam } from '@anthropic-ai/sdk/resources';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ROUTES, startServers, words, type Servers } from './servers.ts';

const MODEL = 'claude-opus-5-5';
let servers: Servers;

beforeAll(async () => {
  servers = await startServers({ binding: 'strict' });
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());

const thinking = { type: 'thinking', thinking: 'I need the weather.' };
const call = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } };
const SYSTEM = words(600);
const FIRST: MessageCreateParamsNonStreaming = {
  model: MODEL,
  max_tokens: 256,
  system: SYSTEM,
  messages: [{ role: 'user', content: 'Weather?' }],
  tools: [{ name: 'weather', input_schema: { type: 'object' } }],
};

function totalOf({ usage }: Message): number {
  return usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
}

describe.each(ROUTES)('thinking bound to its conversation, through the %s', (route) => {
  let client: Anthropic;
  let history: MessageParam[];
  beforeAll(() => {
    client = servers.client(route);
  });
  beforeEach(async () => {
    await servers.script({ content: [thinking, { type: 'text', text: 'I look.' }, thinking, call] });
    const { content } = await client.messages.stream(FIRST).finalMessage();
    const result = { type: 'tool_result' as const, tool_use_id: 'toolu_1', content: 'sunny' };
    history = [...FIRST.messages, { role: 'assistant', content }, { role: 'user', content: [result] }];
  });

  test('comes back unharmed, markers or not, and is billed', async () => {
    const plain = await client.messages.create({ ...FIRST, messages: history });
    // Tool, system, question, twice four words and a signature, two words, call, result.
    expect(totalOf(plain)).toBe(1 + 600 + 1 + 5 + 2 + 5 + 2 + 1);
    const system = [{ type: 'text' as const, text: SYSTEM, cache_control: { type: 'ephemeral' as const } }];
    const marked = await client.messages.create({ ...FIRST, system, messages: history });
    expect(totalOf(marked)).toBe(totalOf(plain));
  });

  test('is dropped for another model and not billed there', async () => {
    const other = await client.messages.create({ ...FIRST, model: 'claude-sonnet-5-5', messages: history });
    expect(totalOf(other)).toBe(1 + 600 + 1 + 2 + 2 + 1);
  });

  test('is refused when what came before it was edited', async () => {
    const edited: MessageParam[] = [{ role: 'user', content: 'Rain?' }, ...history.slice(1)];
    await expect(client.messages.create({ ...FIRST, messages: edited })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringContaining('messages.1.content.0: Invalid `signature` in `thinking` block.'),
    });
  });
});
