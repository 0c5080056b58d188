// Where would breakpoints go in this request, and why? Nothing is sent.
import { analyseRequest } from 'cachewright/engine';

const request = {
  model: 'claude-haiku-5-5',
  max_tokens: 300,
  system: 'You translate contracts. Keep the numbering of clauses and every defined term. '.repeat(60),
  messages: [{ role: 'user', content: 'Translate clause 4.' }],
};

const analysis = analyseRequest(Buffer.from(JSON.stringify(request)));
if ('skipReason' in analysis) throw new Error(analysis.skipReason);

for (const { path, ttl, reason } of analysis.plan.added) console.log(`${path.join('.')}: ${ttl}, ${reason}`);
for (const { place, reason } of analysis.plan.declined) console.log(`not at ${place}: ${reason}`);
