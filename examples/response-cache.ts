// Whole answers kept for requests that are the same: asked again, nothing is sent and nothing paid. No API key is needed.
import Anthropic from '@anthropic-ai/sdk';
import { startEmulator } from 'cachewright/emulator';
import { cachedFetch, responseCache } from 'cachewright/responses';

const api = await startEmulator({ port: 0 });
const cache = responseCache({
  ttlMs: 10 * 60_000,
  // Live data is never kept; what the help page says is, for an hour.
  rules: [
    { tag: 'live', ttlMs: 'off' },
    { tag: 'help', ttlMs: 3_600_000 },
  ],
  onServed: ({ kind, tier, reason }) => console.log(`${kind} by ${tier}${reason ? `: ${reason}` : ''}`),
});
// Give `responseCache` a store, such as `await openRedisCache({ url })`, and many machines share answers.
const clientFor = (tag: string): Anthropic =>
  new Anthropic({ apiKey: 'any', baseURL: api.url, fetch: cachedFetch(cache, { tags: [tag] }) });
const question = {
  model: 'claude-sonnet-5-5',
  max_tokens: 50,
  temperature: 0,
  messages: [{ role: 'user' as const, content: 'May I send my parcel back?' }],
};

const help = clientFor('help');
const first = await help.messages.create(question);
const second = await help.messages.create(question);
const streamed = await help.messages.stream(question).finalMessage();
console.log(`three answers, ids ${new Set([first.id, second.id, streamed.id]).size}`);
await clientFor('live').messages.create(question);
await cache.purge({ tag: 'help' });
await help.messages.create(question);
const { hits, misses, bypassed } = cache.summary();
console.log(`hits ${hits.memory}, misses ${misses}, passed on ${bypassed['off']}`);
await api.close();
