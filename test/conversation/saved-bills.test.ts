import { describe, expect, it } from 'vitest';

import {
  checkpointer,
  conversation,
  resumeConversation,
  type ConversationAnswer,
  type ConversationOptions,
} from '../../src/conversation/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { asksForSummary, Emulated, words } from './emulated.ts';

type Options = ConversationOptions<RequestParts, ConversationAnswer>;

/** A conversation that is saved, and what it takes to go on with it elsewhere. */
function begin(options: Partial<Options> = {}) {
  const emulated = new Emulated();
  const saved = checkpointer({ store: createMemoryStore(), clock: emulated.clock });
  const problems: string[] = [];
  const given = {
    model: 'claude-sonnet-5-5',
    maxTokens: 400,
    system: words(900),
    highTokens: 6_000,
    strategy: 'summarise',
    clock: emulated.clock,
    checkpointer: saved,
    id: 'saved',
    onProblem: ({ message }) => problems.push(message),
    send: (body) =>
      asksForSummary(body) ? emulated.send(body, { text: 'They spoke.' }) : emulated.send(body),
    ...options,
  } satisfies Options;
  const { model: _model, system: _system, ...resuming } = given;
  return { emulated, saved, problems, resuming, chat: conversation(given) };
}

describe('a summary that was paid for besides a turn', () => {
  it('is saved where the turn was too long after all: it has kept the cache alive', async () => {
    const { chat, emulated, resuming } = begin();
    for (let turn = 0; turn < 5; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    emulated.clock.advance(240_000);
    await expect(chat.say(words(9_000))).rejects.toMatchObject({ code: 'TOO_LONG' });
    expect(chat.totals).toMatchObject({ turns: 5, summaries: 1 });
    emulated.clock.advance(200_000);
    const resumed = await resumeConversation(resuming);
    expect(resumed?.conversation.totals).toEqual(chat.totals);
    expect(resumed?.report).toMatchObject({ status: 'warm', secondsLeft: 100 });
    const { tokens } = (await resumed?.conversation.warm()) ?? {};
    expect(tokens?.readTokens).toBe(resumed?.report.warmTokens);
  });

  it('is not saved over what somebody else has saved meanwhile: that is told', async () => {
    const emulated = new Emulated();
    const meanwhile: (() => Promise<unknown>)[] = [];
    const { chat, problems, resuming, saved } = begin({
      clock: emulated.clock,
      send: async (body) => {
        if (!asksForSummary(body)) return emulated.send(body);
        await meanwhile.shift()?.();
        return emulated.send(body, { text: 'They spoke.' });
      },
    });
    for (let turn = 0; turn < 5; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const other = await resumeConversation(resuming);
    meanwhile.push(async () => other?.conversation.say('Me too.'));
    await expect(chat.say(words(9_000))).rejects.toMatchObject({ code: 'TOO_LONG' });
    expect(problems).toEqual([expect.stringContaining('another process has saved')]);
    const { state } = (await saved.open('saved')) ?? {};
    expect(JSON.stringify(state?.messages)).toContain('Me too.');
  });
});

it('a resume behind another system text prices the history without the thinking that cannot follow it', async () => {
  const { chat, emulated, resuming } = begin();
  for (let turn = 0; turn < 3; turn += 1) {
    const thinking = { type: 'thinking', thinking: words(200, turn) };
    emulated.script({ content: [thinking, { type: 'text', text: 'Yes.' }] });
    await chat.say(`${turn}: ${words(100, turn)}`);
  }
  const system = words(900, 5);
  const priced = chat.priceOf({ system });
  const resumed = await resumeConversation({ ...resuming, system });
  expect(resumed?.report).toMatchObject({ status: 'changed', changes: ['system'] });
  const { costUsd = 0 } = (await resumed?.conversation.warm()) ?? {};
  expect(resumed?.report.historyUsd).toBeCloseTo(costUsd, 4);
  expect(priced.rewriteUsd).toBeLessThan(costUsd);
});
