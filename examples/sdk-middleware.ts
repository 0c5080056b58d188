// The official SDK with caching inside it: no gateway, no markers of one's own. The emulator stands in for the API.
import Anthropic from '@anthropic-ai/sdk';
import { cachewright } from 'cachewright';
import { startEmulator } from 'cachewright/emulator';

const emulator = await startEmulator({ port: 0 });
const caching = cachewright();
const client = new Anthropic({ apiKey: 'any', baseURL: emulator.url, middleware: [caching] });

const system = 'You look after the library of a small town and answer what readers ask. '.repeat(150);
const messages: Anthropic.MessageParam[] = [];
for (const question of ['How long may I keep a book?', 'And a film?', 'May I renew both?']) {
  messages.push({ role: 'user', content: question });
  const stream = client.messages.stream({ model: 'claude-opus-5-5', max_tokens: 200, system, messages });
  const { content, usage } = await stream.finalMessage();
  messages.push({ role: 'assistant', content });
  console.log(`wrote ${usage.cache_creation_input_tokens}, read ${usage.cache_read_input_tokens}`);
}

const { hitRatio, savedUsd } = await caching.summary();
console.log(`hit ratio ${hitRatio?.toFixed(2)}, saved $${savedUsd.noCaching.toFixed(4)}`);
await emulator.close();
