// The AI SDK with caching inside it. LangChain and others take the same `fetch`. The emulator stands in for the API.
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, type ModelMessage } from 'ai';
import { cachewrightFetch } from 'cachewright';
import { startEmulator } from 'cachewright/emulator';

const emulator = await startEmulator({ port: 0 });
const fetch = cachewrightFetch();
const anthropic = createAnthropic({ apiKey: 'any', baseURL: `${emulator.url}/v1`, fetch });

const instructions = 'You help people who repair bicycles at home, one step at a time. '.repeat(150);
const messages: ModelMessage[] = [];
for (const content of ['My chain slips.', 'The cassette is new.', 'Which tool do I need?']) {
  messages.push({ role: 'user', content });
  const { response, usage } = await generateText({
    model: anthropic('claude-opus-5-5'),
    instructions,
    messages,
  });
  messages.push(...response.messages);
  const { cacheReadTokens, cacheWriteTokens } = usage.inputTokenDetails;
  console.log(`wrote ${cacheWriteTokens}, read ${cacheReadTokens}`);
}

for (const { plan } of await fetch.records(1))
  console.log(plan?.added.map(({ path, ttl }) => `${path}: ${ttl}`).join(', '));
await emulator.close();
