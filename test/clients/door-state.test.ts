import { expect, it } from 'vitest';

import { cachewrightFetch, type CachewrightFetch } from '../../src/client/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { words } from '../support/messages.ts';
import { createSender, messageAnswer } from '../support/sending.ts';

const SECRET = Buffer.alloc(32, 9);
const store = createMemoryStore();

function start(key: string, onProblem?: (sentence: string) => void): CachewrightFetch {
  const state = { store, key, ...(onProblem ? { onProblem } : {}) };
  return cachewrightFetch({ secret: SECRET, fetch: createSender(messageAnswer).fetch, state });
}

async function ask(fetch: CachewrightFetch, question: string): Promise<readonly string[]> {
  const response = await fetch('https://api.example/v1/messages', {
    method: 'POST',
    headers: { 'x-api-key': 'key' },
    body: JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 20,
      system: words(4_000),
      messages: [{ role: 'user', content: `${question} ${words(3_000)}` }],
    }),
  });
  await response.text();
  return (await fetch.records(1))[0]?.plan?.added.map(({ place }) => place) ?? [];
}

it('a door with a store plans its first request from what the one before it learned', async () => {
  const first = start('learned');
  const places = await ask(first, 'question 0');
  expect(places).toContain('tail');
  for (let count = 1; count < 12; count += 1) await ask(first, `question ${count}`);
  await first.close();
  const second = start('learned');
  await second.ready();
  expect(await ask(second, 'after the restart')).not.toContain('tail');
  await second.close();
});

it('what cannot be used is told, and requests go on', async () => {
  await store.put('broken', Buffer.from('what?'));
  const told: string[] = [];
  const door = start('broken', (sentence) => void told.push(sentence));
  expect(await ask(door, 'a question')).toContain('tail');
  await door.close();
  expect(told).toHaveLength(1);
  expect((await store.list('')).map(({ key }) => key)).toEqual(['broken', 'corrupt/broken', 'learned']);
});

it('a door without a store has nothing to close', async () => {
  const door = cachewrightFetch({});
  await door.ready();
  await door.close();
});
