// A chat that is bounded and keeps its cache, saved after each turn, and gone on with elsewhere. The emulator is the API.
import Anthropic from '@anthropic-ai/sdk';
import { checkpointer, conversation, resumeConversation } from 'cachewright/conversation';
import { startEmulator } from 'cachewright/emulator';
import { createMemoryStore } from 'cachewright/store';

const emulator = await startEmulator({ port: 0 });
const client = new Anthropic({ apiKey: 'any', baseURL: emulator.url });
const send = (body: Anthropic.MessageCreateParamsNonStreaming) => client.messages.create(body);
// `await openSqliteStore({ file })` or `await openRedisStore({ url })` outlive the process.
const saved = checkpointer({ store: createMemoryStore() });
const chat = conversation({
  model: 'claude-sonnet-5-5',
  maxTokens: 300,
  system: 'You help people who repair bicycles at home, one step at a time. '.repeat(60),
  highTokens: 4_000,
  lowTokens: 2_000,
  send,
  checkpointer: saved,
  id: 'bicycle',
  onCut: ({ beforeTokens, afterTokens, breakEven }) =>
    console.log(`cut ${beforeTokens} tokens to ${afterTokens}, pays even after ${breakEven.turns} turns`),
});
for (let part = 1; part <= 20; part += 1)
  await chat.say(`How do I clean part ${part}? ${'It is very dirty. '.repeat(25)}`);
const { turns, cuts, hitRatio } = chat.totals;
console.log(`${turns} turns, ${cuts} cuts, hit ratio ${hitRatio.toFixed(2)}`);

const resumed = await resumeConversation({ id: 'bicycle', checkpointer: saved, send });
if (resumed) {
  const { status, secondsLeft } = resumed.report;
  console.log(`${status} for ${Math.round(secondsLeft / 60)} minutes`);
  await resumed.conversation.say('Thank you. What was the last part?');
  const last = resumed.conversation.turns.at(-1)?.tokens;
  console.log(`read ${last?.readTokens}, wrote ${last?.write5mTokens}`);
}
await emulator.close();
