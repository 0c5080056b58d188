// A prompt as layers by how often they change: what is cached up to where, for how long, and what it should cost.
import { layers } from 'cachewright/planner';

const prompts = layers({ model: 'claude-sonnet-5', requestsPerHour: 30, moveVolatile: true });

/** Tokens are measured here; where they are left out, they are estimated. */
const ask = (question: string, time: string) =>
  prompts.build([
    { name: 'question', changes: 'per-request', messages: question },
    { name: 'tools', changes: 'never', tools: [{ name: 'find_order', input_schema: {} }], tokens: 1_700 },
    { name: 'rules', changes: 'daily', system: `It is ${time}. Be brief.`, tokens: 2_000 },
    { name: 'customer', changes: 'hourly', documents: 'Ordered two lamps.', tokens: 5_000 },
  ]);

ask('Where is my parcel?', '10:31');
const { request, plan, findings } = ask('Can I send it back?', '10:32');

for (const { layer, path, ttl } of plan.breakpoints) console.log(`${layer}: ${ttl} at ${path}`);
for (const { code, sentence } of findings) console.log(`${code}: ${sentence}`);
const { costUsd, withoutCachingUsd } = plan.expected;
console.log(`a request should cost $${costUsd.toFixed(5)} of input, not $${withoutCachingUsd.toFixed(5)}`);
console.log(JSON.stringify(request.messages));
