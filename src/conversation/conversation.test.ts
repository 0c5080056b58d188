import { describe, expect, it } from 'vitest';

import { asksForSummary, Emulated, inputTokens, words } from '../../test/conversation/emulated.ts';
import { bare } from '../../test/conversation/legal.ts';
import type { RequestParts } from '../planner/index.ts';
import { createMemoryStore } from '../store/index.ts';
import {
  checkpointer,
  conversation,
  ConversationError,
  resumeConversation,
  type ConversationAnswer,
  type ConversationOptions,
  type CutReport,
} from './index.ts';

type Options = ConversationOptions<RequestParts, ConversationAnswer>;

function begin(options: Partial<Options> = {}) {
  const emulated = new Emulated();
  const cuts: CutReport[] = [];
  const given: Options = {
    model: 'claude-sonnet-5-5',
    maxTokens: 400,
    system: words(600),
    send: emulated.send,
    clock: emulated.clock,
    onCut: (report) => cuts.push(report),
    ...options,
  };
  return { emulated, cuts, given, chat: conversation(given) };
}

const callOf = (id: string): object => ({ type: 'tool_use', id, name: 'look', input: {} });
const resultOf = (id: string): object => ({ type: 'tool_result', tool_use_id: id, content: 'seen' });

describe('say', () => {
  it('keeps what is said and answered, and reads it with the next turn', async () => {
    const { chat, emulated } = begin();
    emulated.script({ text: words(200) });
    await chat.say(words(300));
    await chat.say('And then?');
    expect(chat.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(chat.turns[1]?.tokens?.readTokens).toBeGreaterThan(1_500);
    expect(chat.turns[1]?.tokens?.uncachedTokens).toBe(0);
    const [first, second] = chat.turns;
    expect(chat.totals.costUsd).toBeCloseTo((first?.costUsd ?? 0) + (second?.costUsd ?? 0), 12);
  });

  it('keeps a copy that the caller cannot change, without its markers', async () => {
    const { chat } = begin();
    const block = { type: 'text', text: 'first', cache_control: { type: 'ephemeral' } };
    await chat.say([block]);
    block.text = 'changed';
    expect(chat.messages[0]?.content).toEqual([{ type: 'text', text: 'first' }]);
  });

  it.each([
    ['nothing', ''],
    ['a result that nobody waits for', [resultOf('toolu_9')]],
    ['a number', 7 as never],
  ])('refuses %s and says nothing', async (_what, content) => {
    const { chat, emulated } = begin();
    await expect(chat.say(content)).rejects.toMatchObject({ name: 'ConversationError', code: 'BAD_CONTENT' });
    expect(emulated.exchanges).toEqual([]);
  });

  it('wants every result, first, once', async () => {
    const { chat, emulated } = begin();
    emulated.script({ content: [callOf('toolu_1'), callOf('toolu_2')], stop_reason: 'tool_use' });
    await chat.say('Look twice.');
    const [one, two] = [resultOf('toolu_1'), resultOf('toolu_2')];
    await expect(chat.say('No.')).rejects.toThrow('waits for the results of toolu_1, toolu_2');
    await expect(chat.say([one])).rejects.toThrow('waits for the results of toolu_2');
    await expect(chat.say([one, one, two])).rejects.toThrow('more than one result');
    await expect(chat.say([one, { type: 'text', text: 'and' }, two])).rejects.toThrow('come before');
    await chat.say([one, two, { type: 'text', text: 'and?' }]);
    expect(chat.messages).toHaveLength(4);
  });

  it('has said nothing where sending failed, and keeps nothing that was refused', async () => {
    const { chat, emulated } = begin();
    emulated.script({ status: 529 }, { text: 'No.', stop_reason: 'refusal' });
    await expect(chat.say('One')).rejects.toThrow('529');
    const refused = await chat.say('One');
    expect(refused.stop_reason).toBe('refusal');
    expect(chat.messages).toEqual([]);
    await chat.say('Two');
    expect(bare(emulated.exchanges.at(-1)?.body ?? {})['messages']).toHaveLength(1);
  });

  it('lets one wait for the one before', async () => {
    const { chat } = begin();
    await Promise.all(['One', 'Two', 'Three'].map((text) => chat.say(text)));
    expect(
      chat.messages.map(({ content }) => content[0]?.['text']).filter((_text, at) => at % 2 === 0),
    ).toEqual(['One', 'Two', 'Three']);
  });

  it('expects nothing of a cache that was not used, whatever the markers asked for', async () => {
    const emulated = new Emulated();
    const { chat } = begin({ clock: emulated.clock, send: (body) => emulated.send(bare(body)) });
    await chat.say(words(300));
    await chat.say('And then?');
    expect(chat.turns.map(({ expectedReadTokens }) => expectedReadTokens)).toEqual([0, 0]);
  });

  it('puts an instruction behind what is said next, and loses nothing by it', async () => {
    const { chat } = begin();
    await chat.say(words(300));
    chat.instruct('Answer in French.');
    await chat.say('Well?');
    expect(chat.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'system',
      'assistant',
    ]);
    expect(chat.turns[1]?.tokens?.readTokens).toBe(chat.turns[1]?.expectedReadTokens);
    expect(chat.turns[1]?.tokens?.uncachedTokens).toBe(0);
  });
});

describe('a limit', () => {
  it('is kept by one large cut, which is explained', async () => {
    const { chat, cuts, emulated } = begin({ highTokens: 6_000, lowTokens: 3_000 });
    for (let turn = 0; turn < 12; turn += 1) await chat.say(words(150, turn));
    expect(cuts.length).toBeGreaterThan(0);
    expect(cuts.length).toBeLessThan(4);
    expect(cuts[0]?.afterTokens).toBeLessThanOrEqual(3_000);
    // No more goes than must: the next turn, of some 440 tokens, would not have fitted.
    expect(cuts[0]?.afterTokens).toBeGreaterThan(2_500);
    expect(cuts[0]?.breakEven.turns).toBeGreaterThan(0);
    expect(cuts[0]?.breakEven.reason).toMatch(
      /^writing the \d+ tokens that stay costs \$0\.\d+ more than reading/,
    );
    expect(Math.max(...emulated.exchanges.map(({ answer }) => inputTokens(answer)))).toBeLessThanOrEqual(
      6_000,
    );
  });

  it('may be one of turns, or of dollars that a turn reads', async () => {
    const byTurns = begin({ highTurns: 5 });
    for (let turn = 0; turn < 6; turn += 1) await byTurns.chat.say(`Turn ${turn}`);
    expect(byTurns.cuts.map(({ reason }) => reason)).toEqual(['turns']);
    expect(byTurns.chat.messages).toHaveLength(4);
    // A tenth of a dollar per million tokens read: 6,000 tokens.
    const byMoney = begin({ highTurnUsd: 0.0006 });
    for (let turn = 0; turn < 12; turn += 1) await byMoney.chat.say(words(150, turn));
    expect(byMoney.cuts.length).toBeGreaterThan(0);
    expect(Math.max(...byMoney.chat.turns.map(({ tokens }) => tokens?.readTokens ?? 0))).toBeLessThan(6_000);
  });

  it.each(['drop-oldest', 'drop-tool-results', 'summarise'] as const)(
    'leaves the first turns word for word, and goes on reading them: %s',
    async (strategy) => {
      const { chat, cuts, emulated } = begin({
        highTokens: 8_000,
        lowTokens: 5_500,
        keepFirstTurns: 1,
        strategy,
      });
      emulated.script({
        content: [
          { type: 'thinking', thinking: 'Hm.' },
          { type: 'text', text: 'I see.' },
        ],
      });
      await chat.say([
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: words(900) } },
        { type: 'text', text: 'This is the contract.' },
      ]);
      const first = JSON.stringify(chat.messages);
      while (cuts.length < 3) await chat.say(words(150, chat.totals.turns));
      expect(JSON.stringify(chat.messages.slice(0, 2))).toBe(first);
      expect(JSON.stringify(cuts.map(({ dropped }) => dropped))).not.toContain('This is the contract.');
      // The request after a cut reads the prompt and the document.
      const after = chat.turns.findLast(({ kind }) => kind === 'turn');
      expect(after?.tokens?.readTokens).toBeGreaterThan(3_500);
    },
  );

  it('refuses what cannot fit, and stays as it was', async () => {
    const { chat } = begin({ highTokens: 4_000, lowTokens: 2_500 });
    await chat.say('One');
    await expect(chat.say(words(3_000))).rejects.toMatchObject({ code: 'TOO_LONG' });
    expect(chat.messages).toHaveLength(2);
    await chat.say('Two');
  });

  it.each([
    { highTokens: 1_000, lowTokens: 1_000 },
    { highTurns: 2, lowTurns: 3 },
    { highTurnUsd: 0 },
    { keepFirstTurns: -1 },
    { keepFirstTurns: 1, strategy: 'api' as const },
    { strategy: 'api' as const, apiCompaction: 'threshold' as const, highTokens: 49_999 },
    {
      strategy: 'api' as const,
      parameters: { context_management: { edits: [{ type: 'compact_20260112' }] } } as never,
    },
    { maxTokens: 0 },
    { parameters: { stream: true } as never },
  ])('is refused where it makes no sense: %o', (options) => {
    expect(() => begin(options)).toThrow(RangeError);
  });
});

describe('a summary', () => {
  const limits = { highTokens: 6_000, lowTokens: 3_000, strategy: 'summarise' as const };

  it('reads the history from the cache and stands in its place', async () => {
    const emulated = new Emulated();
    const { chat, cuts } = begin({
      ...limits,
      clock: emulated.clock,
      send: (body) =>
        asksForSummary(body) ? emulated.send(body, { text: 'They spoke of words.' }) : emulated.send(body),
    });
    for (let turn = 0; turn < 8; turn += 1) await chat.say(words(200, turn));
    expect(cuts[0]).toMatchObject({ strategy: 'summarise', fallback: null });
    expect(cuts[0]?.summary).toContain('They spoke of words.');
    const summary = chat.turns.find(({ kind }) => kind === 'summary');
    expect(summary?.tokens?.readTokens).toBeGreaterThan(4_000);
    expect(summary?.tokens?.write5mTokens).toBe(0);
    expect(chat.messages[0]?.content[0]?.['text']).toMatch(/^Summary of the conversation before this point/);
  });

  it('gives way to dropping after its tries, and what was summarised before stays', async () => {
    const emulated = new Emulated();
    let asked = 0;
    const { chat, cuts } = begin({
      ...limits,
      clock: emulated.clock,
      send: (body) => {
        if (!asksForSummary(body)) return emulated.send(body);
        asked += 1;
        return asked === 1
          ? emulated.send(body, { text: 'The first part.' })
          : emulated.send(body, { status: 529 });
      },
    });
    for (let turn = 0; turn < 16; turn += 1) await chat.say(words(200, turn));
    expect(cuts[1]?.strategy).toBe('drop-oldest');
    expect(cuts[1]?.fallback).toContain('529');
    expect(asked).toBe(1 + 2 * (cuts.length - 1));
    expect(JSON.stringify(chat.messages[0])).toContain('The first part.');
  });

  it('can be made ahead, so that the turn that needs it sends one request', async () => {
    const emulated = new Emulated();
    const { chat, cuts } = begin({
      ...limits,
      summariseAheadShare: 0.8,
      clock: emulated.clock,
      send: (body) =>
        asksForSummary(body) ? emulated.send(body, { text: 'In short.' }) : emulated.send(body),
    });
    let requests = 0;
    while (cuts.length === 0) {
      const before = chat.turns.length;
      await chat.say(words(150, before));
      requests = chat.turns.length - before;
    }
    expect(requests).toBe(1);
    expect(cuts[0]).toMatchObject({ strategy: 'summarise', fallback: null });
  });
});

describe('a change of what stands before the messages', () => {
  it('has a price, which is then paid', async () => {
    const { chat } = begin();
    await chat.say(words(600));
    const change = { system: words(600, 3) };
    const { lostTokens, rewriteUsd } = chat.priceOf(change);
    expect(lostTokens).toBeGreaterThan(3_000);
    const before = chat.turns.at(-1);
    chat.change(change);
    await chat.say('And now?');
    const after = chat.turns.at(-1);
    expect(before?.tokens?.readTokens).toBe(0);
    expect(after?.tokens?.readTokens).toBe(0);
    expect(after?.tokens?.write5mTokens).toBeGreaterThan(lostTokens);
    expect(rewriteUsd).toBeGreaterThan(0.005);
  });

  it('says what a cut would bring', async () => {
    const { chat } = begin();
    expect(chat.weighCut()).toBeNull();
    for (let turn = 0; turn < 4; turn += 1) await chat.say(words(150, turn));
    expect(chat.weighCut()?.savedPerTurnUsd).toBeGreaterThanOrEqual(0);
  });
});

describe('checkpoints', () => {
  it('detect two who go on with one conversation, before the second pays', async () => {
    const saved = checkpointer({ store: createMemoryStore() });
    const { chat, given, emulated } = begin({ checkpointer: saved, id: 'one' });
    await chat.say('One');
    const other = await resumeConversation({ ...given, id: 'one', checkpointer: saved });
    await other?.conversation.say('Two, elsewhere');
    const sent = emulated.exchanges.length;
    await expect(chat.say('Two')).rejects.toMatchObject({ code: 'CONFLICT', answer: null });
    expect(emulated.exchanges).toHaveLength(sent);
    const both = begin({ checkpointer: saved, id: 'one' });
    await expect(both.chat.say('A new one of the same name')).rejects.toBeInstanceOf(ConversationError);
  });

  it('give the answer with a conflict that shows only when saving', async () => {
    const saved = checkpointer({ store: createMemoryStore() });
    const first = begin({ checkpointer: saved, id: 'one' });
    const second = begin({ checkpointer: saved, id: 'one' });
    const told = await Promise.allSettled([first.chat.say('One'), second.chat.say('One')]);
    const failed = told.filter(({ status }) => status === 'rejected');
    expect(failed).toMatchObject([{ reason: { code: 'CONFLICT', answer: { type: 'message' } } }]);
  });

  it('do not fail a turn where the store does', async () => {
    const store = createMemoryStore();
    const problems: string[] = [];
    const { chat } = begin({
      checkpointer: checkpointer({ store }),
      onProblem: ({ message }) => problems.push(message),
    });
    await chat.say('One');
    await store.close();
    await chat.say('Two');
    expect(chat.messages).toHaveLength(4);
    expect(problems[0]).toMatch(/^conversation conversation_01\w+ could not be saved: /);
  });

  it('go on byte for byte, warm until the entry ends, and can be warmed', async () => {
    const saved = checkpointer({ store: createMemoryStore() });
    const { chat, given, emulated } = begin({ checkpointer: saved, id: 'one' });
    await chat.say(words(500));
    emulated.clock.advance(200_000);
    const { send, clock } = given;
    const options = { send, ...(clock && { clock }), id: 'one', checkpointer: saved };
    const warm = await resumeConversation(options);
    expect(warm?.report).toMatchObject({ status: 'warm', secondsLeft: 100, changes: [] });
    expect(JSON.stringify(warm?.conversation.messages)).toBe(JSON.stringify(chat.messages));
    emulated.clock.advance(100_000);
    const cold = await resumeConversation(options);
    expect(cold?.report).toMatchObject({ status: 'cold', warmTokens: 0, secondsLeft: 0 });
    expect(cold?.report.historyUsd).toBeGreaterThan(20 * (cold?.report.warmHistoryUsd ?? 1));
    await cold?.conversation.warm();
    await cold?.conversation.say('Back again.');
    expect(cold?.conversation.turns.at(-1)?.tokens?.readTokens).toBeGreaterThan(2_000);
    expect(await resumeConversation({ ...options, id: 'other' })).toBeNull();
  });
});
