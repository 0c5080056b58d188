// Prompts are warm before their first users come. An emulator stands in for the API, so no key is needed.
import { formatUsd } from 'cachewright/core';
import { startEmulator } from 'cachewright/emulator';
import { httpSender, warmer } from 'cachewright/warming';

const api = await startEmulator({ port: 0 });
const rules = 'You answer customers of the shop, in two sentences. '.repeat(100);
const prompts = ['returns', 'delivery'].map((id) => {
  const data = `All about ${id}. `.repeat(400);
  const source = { type: 'text', media_type: 'text/plain', data };
  const messages = [{ role: 'user', content: [{ type: 'document', source }] }];
  return { id, body: { model: 'claude-sonnet-5-5', system: rules, messages } };
});

// With a client of the official SDK:
// send: ({ body, headers, signal }) => client.post('/v1/messages', { body, headers, signal, maxRetries: 0 })
const warming = warmer({ send: httpSender({ apiKey: 'any', baseUrl: api.url }) });

const { requests, expectedPicoUsd } = warming.preview(prompts);
console.log(`${requests} requests, about ${formatUsd(expectedPicoUsd)}`);

for (const round of ['first', 'second']) {
  const { results, costPicoUsd } = await warming.run(prompts);
  for (const { id, status, tokens } of results)
    console.log(`${id}: ${status}, wrote ${tokens.write5mTokens}, read ${tokens.readTokens}`);
  console.log(`the ${round} round cost ${formatUsd(costPicoUsd)}`);
}
await api.close();
