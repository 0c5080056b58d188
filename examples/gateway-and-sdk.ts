// The official SDK, unchanged but for its base URL, through a gateway to an emulator: no key, no cost.
import Anthropic from '@anthropic-ai/sdk';
import { startEmulator } from 'cachewright/emulator';
import { startGateway } from 'cachewright/gateway';

const emulator = await startEmulator({ port: 0 });
const listen = { host: '127.0.0.1', port: 0 };
const gateway = await startGateway({ upstreamUrl: emulator.url, listen, adminListen: listen });

const client = new Anthropic({ apiKey: 'any', baseURL: gateway.data.url });
const system = 'You answer questions about the rules of our chess club. '.repeat(200);

for (const question of ['May I castle out of check?', 'What is en passant?', 'When is it a draw?']) {
  const { usage } = await client.messages.create({
    model: 'claude-opus-5-5',
    max_tokens: 200,
    system,
    messages: [{ role: 'user', content: question }],
  });
  console.log(`wrote ${usage.cache_creation_input_tokens}, read ${usage.cache_read_input_tokens}`);
}

const summary = await gateway.engine.options.ledger.summary();
console.log(`hit ratio ${summary.hitRatio?.toFixed(2)}, saved $${summary.savedUsd.noCaching.toFixed(4)}`);

await gateway.close();
await emulator.close();
