import { expect, it } from 'vitest';

import {
  checkpointer,
  conversation,
  resumeConversation,
  type Conversation,
  type ConversationAnswer,
  type ConversationOptions,
  type CutReport,
} from '../../src/conversation/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { asksForSummary, Emulated, words } from './emulated.ts';
import { illegalities } from './legal.ts';

type Options = ConversationOptions<RequestParts, ConversationAnswer>;

function begin(options: Partial<Options>) {
  const emulated = new Emulated();
  const cuts: CutReport[] = [];
  const chat = conversation({
    model: 'claude-sonnet-5-5',
    maxTokens: 400,
    system: words(900),
    clock: emulated.clock,
    onCut: (report) => cuts.push(report),
    send: (body) =>
      asksForSummary(body) ? emulated.send(body, { summary: 'They spoke.' }) : emulated.send(body),
    ...options,
  });
  const sizes = (): readonly number[] => emulated.exchanges.map(({ body }) => emulated.count(body));
  return { chat, emulated, cuts, sizes };
}

/** How many pages it has nobody can see: an estimate of it is far from the most that it may count. */
const PAGES = {
  type: 'document',
  source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLjQK' },
};

it('what is new and may count too much is refused, however little it is estimated at', async () => {
  const { chat, emulated } = begin({ highTokens: 7_000 });
  await chat.say('Hello.');
  await expect(chat.say([PAGES])).rejects.toMatchObject({ code: 'TOO_LONG' });
  expect(emulated.exchanges).toHaveLength(1);
});

it('more of the history goes where what is new may count too much otherwise', async () => {
  const { chat, cuts } = begin({ highTokens: 12_000, lowTokens: 11_000 });
  for (let turn = 0; turn < 15; turn += 1) await chat.say(`${turn}: ${words(300, turn)}`);
  const { length } = cuts;
  await chat.say([PAGES]);
  expect(cuts).toHaveLength(length + 1);
});

it('instructions that wait have room behind a cut', async () => {
  const { chat, emulated, cuts, sizes } = begin({ highTokens: 6_000, lowTokens: 5_800 });
  for (let turn = 0; (sizes().at(-1) ?? 0) < 5_400; turn += 1) {
    emulated.script({ text: 'Yes.' });
    await chat.say(`${turn}: ${words(20, turn)}`);
  }
  expect(cuts).toEqual([]);
  chat.instruct(words(500));
  await chat.say('And now?');
  expect(cuts).toHaveLength(1);
  expect(Math.max(...sizes())).toBeLessThanOrEqual(6_000);
});

it('a cut leaves what can still be cached, where turns are long and little under the limit can be', async () => {
  const { chat, emulated, cuts, sizes } = begin({ model: 'claude-opus-4-6', highTokens: 6_500 });
  const left: number[] = [];
  for (let turn = 0; cuts.length < 5; turn += 1) {
    const { length: before } = cuts;
    emulated.script({ text: words(10) });
    await chat.say(`${turn}: ${words(540, turn)}`);
    if (cuts.length > before) left.push(sizes().at(-1) ?? 0);
  }
  expect(Math.min(...left)).toBeGreaterThanOrEqual(4_096);
});

it('the API is not asked for a summary by a request that is over the limit itself', async () => {
  const { chat, emulated, cuts, sizes } = begin({ highTokens: 4_000, strategy: 'api' });
  await chat.say('Hello.');
  const [first = 0] = sizes();
  const size = (count: number): number =>
    emulated.count({ model: 'claude-sonnet-5-5', messages: [text(count)] });
  const text = (count: number) => ({ role: 'assistant', content: words(count) });
  let count = 100;
  while (first + size(count) < 3_900) count += 1;
  emulated.script({ text: words(count) });
  await chat.say('All of it.');
  await chat.say('And?');
  expect(cuts[0]?.fallback).toContain('over the limit');
  expect(Math.max(...sizes())).toBeLessThanOrEqual(4_000);
});

it('another strategy goes on within a long turn that the API has compacted', async () => {
  const saved = checkpointer({ store: createMemoryStore() });
  const kept = { highTokens: 6_000, checkpointer: saved, id: 'long' };
  const { chat, emulated, cuts } = begin({ ...kept, strategy: 'api' });
  let step = 0;
  const play = async (played: Conversation): Promise<void> => {
    const id = `toolu_${step}`;
    emulated.script({
      content: [{ type: 'tool_use', id: `toolu_${step + 1}`, name: 'look', input: { step } }],
      stop_reason: 'tool_use',
    });
    const result = { type: 'tool_result', tool_use_id: id, content: words(250, step) };
    await played.say(step === 0 ? 'Look at everything.' : [result]);
    step += 1;
  };
  while (cuts.length === 0) await play(chat);
  const resumed = await resumeConversation({
    ...kept,
    strategy: 'summarise',
    clock: emulated.clock,
    onCut: (report) => cuts.push(report),
    send: (body) =>
      asksForSummary(body) ? emulated.send(body, { text: 'They looked.' }) : emulated.send(body),
  });
  if (!resumed) throw new Error('it is lost');
  while (cuts.length < 3) await play(resumed.conversation);
  expect(cuts.map(({ strategy }) => strategy)).toEqual(['api', 'summarise', 'summarise']);
  expect(resumed.conversation.messages[0]).toMatchObject({
    role: 'user',
    content: [{ text: expect.stringContaining('They looked.') }],
  });
  expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
});
