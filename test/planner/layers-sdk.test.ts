import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from 'vitest';

import { startEmulator } from '../../src/emulator/index.ts';
import { layers } from '../../src/planner/index.ts';
import { words } from '../clients/servers.ts';

test('a layered prompt has the types of the SDK and is sent as it is', async () => {
  const emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words' });
  const client = new Anthropic({ baseURL: emulator.url, apiKey: 'any', maxRetries: 0 });
  const model = 'claude-sonnet-5-5';
  const prompts = layers<Anthropic.MessageCreateParams>({ model, requestsPerHour: 120 });
  const ask = async (question: string): Promise<Anthropic.Usage> => {
    const { request } = prompts.build([
      { name: 'tools', changes: 'never', tools: [{ name: 'find', input_schema: { type: 'object' } }] },
      { name: 'rules', changes: 'daily', system: words(900), tokens: 900 },
      { name: 'customer', changes: 'hourly', documents: words(700, 'c'), tokens: 700 },
      { name: 'question', changes: 'per-request', messages: question },
    ]);
    const { usage } = await client.messages.create({ model, max_tokens: 64, ...request });
    return usage;
  };
  try {
    expect(await ask('Where is it?')).toMatchObject({
      cache_creation_input_tokens: 1_601,
      cache_read_input_tokens: 0,
    });
    expect(await ask('When does it come?')).toMatchObject({
      cache_read_input_tokens: 1_601,
      cache_creation_input_tokens: 0,
      input_tokens: 4,
    });
  } finally {
    await emulator.close(0);
  }
});
