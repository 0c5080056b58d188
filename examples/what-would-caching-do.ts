// The model of the cache alone: what does one request write, and what does the next one read?
import { createHash } from 'node:crypto';

import { cacheStep, chainPrefixes, emptyCacheState, readPrompt, toCacheRequest } from 'cachewright/core';

const body = {
  model: 'claude-sonnet-5-5',
  system: [{ type: 'text', text: 'word '.repeat(900), cache_control: { type: 'ephemeral' } }],
  messages: [{ role: 'user', content: 'How are you?' }],
};

const prompt = readPrompt(body);
const chain = chainPrefixes(prompt, {
  partition: 'my-workspace/claude-sonnet-5-5',
  hash: (text) => createHash('sha256').update(text).digest('hex'),
  countTokens: (block) => String(block.value['text']).trim().split(' ').length,
});
const request = toCacheRequest(prompt, chain);

const [first, afterFirst] = cacheStep(emptyCacheState, request, { startMs: 0, readyMs: 800 });
const [second] = cacheStep(afterFirst, request, { startMs: 60_000, readyMs: 60_800 });
const [late] = cacheStep(afterFirst, request, { startMs: 301_000, readyMs: 301_800 });

console.log(`first: writes ${first.write5mTokens}, leaves ${first.uncachedTokens} uncached`);
console.log(`a minute later: reads ${second.readTokens}`);
console.log(`after five minutes: reads ${late.readTokens}, because it ${late.nearMiss?.reason}`);
