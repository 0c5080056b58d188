import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  conversation,
  ConversationError,
  type Conversation,
  type CutReport,
} from '../../src/conversation/index.ts';
import { withoutThinking, type HistoryMessage } from '../../src/conversation/message.ts';
import { MODELS as CATALOGUE, type JsonObject } from '../../src/core/index.ts';
import { asksForSummary, Emulated, words, type Exchange, type SentMessage } from './emulated.ts';
import { bare, illegalities, isExtension, markerCount } from './legal.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const IMAGE = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ' },
};
const DOCUMENT = {
  type: 'document',
  source: { type: 'text', media_type: 'text/plain', data: words(80) },
  citations: { enabled: true },
};
/** The service searches by itself: all of the prompt is read again with what that has found. */
const SEARCH = [
  { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'parcels' } },
  {
    type: 'web_search_tool_result',
    tool_use_id: 'srvtoolu_1',
    content: [
      {
        type: 'web_search_result',
        url: 'https://a.test',
        title: 'A',
        encrypted_content: 'x',
        page_age: null,
      },
    ],
  },
];

/** What happens in one step of a random chat: what the user says, and what the model answers. */
const step = fc.record({
  words: fc.integer({ min: 1, max: 250 }),
  hasImage: fc.boolean(),
  hasDocument: fc.integer({ min: 0, max: 7 }).map((value) => value === 7),
  searches: fc.integer({ min: 0, max: 5 }).map((value) => value === 5),
  instruction: fc.option(fc.integer({ min: 1, max: 20 }), { freq: 5 }),
  thinks: fc.boolean(),
  calls: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 25 }) },
  ),
  answerWords: fc.integer({ min: 0, max: 120 }),
  gapMs: fc.constantFrom(1_000, 60_000, 299_000, 400_000),
  extra: fc.boolean(),
  edit: fc.option(fc.constantFrom('system', 'tools', 'model'), { freq: 12 }),
});
const HIGH = 9_000;
const MODELS = CATALOGUE.map(({ id }) => id);
const chat = fc.record({
  model: fc.constantFrom(...MODELS),
  strategy: fc.constantFrom('drop-oldest', 'drop-tool-results', 'summarise', 'api'),
  ahead: fc.boolean(),
  keepFirstTurns: fc.constantFrom(0, 0, 1, 3),
  failsEvery: fc.constantFrom(0, 7),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
type Chat = typeof chat extends fc.Arbitrary<infer Value> ? Value : never;

/** Texts and results of everything that was ever said, each with a number that nothing else has. */
class Play {
  readonly emulated = new Emulated();
  readonly cuts: CutReport[] = [];
  readonly said: string[] = [];
  readonly chat: Conversation;
  readonly #plan: Chat;
  #pending: readonly string[] = [];
  #number = 0;
  #sent = 0;

  constructor(plan: Chat) {
    this.#plan = plan;
    this.chat = conversation({
      model: plan.model,
      maxTokens: 500,
      system: words(900),
      tools: [{ name: 'look', description: 'looks', input_schema: { type: 'object' } }],
      highTokens: HIGH,
      lowTokens: 4_000,
      strategy: plan.strategy,
      keepFirstTurns: plan.strategy === 'api' ? 0 : plan.keepFirstTurns,
      ...(plan.ahead && { summariseAheadShare: 0.7 }),
      clock: this.emulated.clock,
      onCut: (report) => this.cuts.push(report),
      send: (body) => this.#send(body),
    });
  }

  #send(body: { readonly messages: readonly object[] }): Promise<Awaited<ReturnType<Emulated['send']>>> {
    this.#sent += 1;
    const { failsEvery } = this.#plan;
    if (failsEvery > 0 && this.#sent % failsEvery === 0) return Promise.reject(new Error('529: overloaded'));
    return asksForSummary(body) ? this.emulated.send(body, { text: 'In short.' }) : this.emulated.send(body);
  }

  #name(text: string): string {
    this.#number += 1;
    const named = `said-${this.#number}. ${text}`;
    this.said.push(`said-${this.#number}.`);
    return named;
  }

  #contentOf({ words: count, hasImage, hasDocument, extra }: Step): readonly JsonObject[] {
    const share = Math.ceil(count / Math.max(1, this.#pending.length));
    const results = this.#pending.map((id) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: [{ type: 'text', text: this.#name(words(share)) }],
    }));
    const own = results.length === 0 || extra ? [{ type: 'text', text: this.#name(words(count)) }] : [];
    const media = [...(hasImage ? [IMAGE] : []), ...(hasDocument ? [DOCUMENT] : [])];
    return [...results, ...own, ...(own.length > 0 ? media : [])];
  }

  #scriptAnswer({ thinks, searches, calls, answerWords }: Step): void {
    const content = [
      ...(thinks ? [{ type: 'thinking', thinking: words(30, this.#number) }] : []),
      ...(searches ? SEARCH : []),
      ...(answerWords > 0 ? [{ type: 'text', text: words(answerWords, this.#number) }] : []),
      ...Array.from({ length: calls }, (_, index) => ({
        type: 'tool_use',
        name: 'look',
        input: { at: index },
      })),
    ];
    if (content.length > 0)
      this.emulated.script({ content, stop_reason: calls > 0 ? 'tool_use' : 'end_turn' });
  }

  #edit(part: NonNullable<Step['edit']>): void {
    this.#number += 1;
    const change = {
      system: { system: words(900, this.#number) },
      tools: {
        tools: [{ name: 'look', description: words(9, this.#number), input_schema: { type: 'object' } }],
      },
      model: { model: MODELS[this.#number % MODELS.length] ?? this.#plan.model },
    }[part];
    this.chat.change(change);
  }

  async run(step_: Step): Promise<void> {
    this.emulated.clock.advance(step_.gapMs);
    if (step_.edit !== null) this.#edit(step_.edit);
    const content = this.#contentOf(step_);
    if (step_.instruction !== null) this.chat.instruct(this.#name(words(step_.instruction)));
    const say = async (): Promise<void> => {
      const answer = await this.chat.say(content);
      this.#pending = answer.content.flatMap((block) =>
        (block as JsonObject)['type'] === 'tool_use' ? [String((block as JsonObject)['id'])] : [],
      );
    };
    this.#scriptAnswer(step_);
    await say().catch(async (error: unknown) => {
      if (!(error instanceof Error) || !error.message.startsWith('529')) throw error;
      await say();
    });
  }
}

/** Everything said is in the history, or in what a cut has reported. */
function missing(play: Play): readonly string[] {
  const kept = JSON.stringify(play.chat.messages);
  const dropped = JSON.stringify(play.cuts.map((cut) => cut.dropped));
  return play.said.filter((name) => !kept.includes(name) && !dropped.includes(name));
}

const isBeginning = ({ role, content }: SentMessage): boolean =>
  role === 'user' && content.every(({ type }) => type !== 'tool_result');
const hasSearched = ({ answer }: Exchange): boolean =>
  JSON.stringify(answer.content).includes('_tool_result');
const isTurn = ({ body }: Exchange): boolean => body['max_tokens'] === 500;

/** An instruction and no answer that can be kept: what is said next has to stand in front of the instruction. */
function isUnanswered({ body, answer }: Exchange): boolean {
  const isKept = answer.content.some((block) => (block as JsonObject)['type'] !== 'thinking');
  return body.messages.at(-1)?.role === 'system' && !isKept;
}

/** What holds for each request, given the turn that was sent before it. */
function checkExchange(
  exchange: Exchange,
  last: Exchange | undefined,
  {
    emulated,
    isCut,
    isEdited,
  }: { readonly emulated: Emulated; readonly isCut: boolean; readonly isEdited: boolean },
): void {
  expect(illegalities(exchange)).toEqual([]);
  expect(markerCount(exchange)).toBeLessThanOrEqual(4);
  expect(emulated.count(exchange.body)).toBeLessThanOrEqual(HIGH);
  const isFree = !last || isEdited || (isCut && isTurn(exchange)) || isUnanswered(last);
  // The API is asked to summarise the older turns alone: what was sent last extends them.
  const isOlder = !isTurn(exchange) && last !== undefined && isExtension(last, exchange);
  expect(isFree || isOlder || isExtension(exchange, last)).toBe(true);
}

/** The first turns stay as they were sent first, whatever has been cut since. */
function checkFirst({ emulated, chat: kept }: Play, { strategy, keepFirstTurns, steps }: Chat): void {
  // Behind another prompt thinking is left out everywhere.
  if (strategy === 'api' || steps.some(({ edit }) => edit !== null)) return;
  for (const { body } of emulated.exchanges.filter(isTurn)) {
    const end = body.messages.findIndex(
      (_message, index) => body.messages.slice(0, index + 1).filter(isBeginning).length > keepFirstTurns,
    );
    if (end < 0) continue;
    expect(bare({ messages: kept.messages.slice(0, end) })).toEqual(
      bare({ messages: body.messages.slice(0, end) }),
    );
    return;
  }
}

/** What holds at the end: reads as expected, nothing lost in silence, and the history is what was sent. */
function checkEnd(play: Play, plan: Chat): void {
  const { turns, messages } = play.chat;
  const { exchanges } = play.emulated;
  for (const [index, { tokens, expectedReadTokens }] of turns.entries()) {
    const off = (tokens?.readTokens ?? 0) - expectedReadTokens;
    expect(off).toBeGreaterThanOrEqual(-1 - expectedReadTokens / 50);
    // Where the service has searched, it has put breakpoints of its own and reads everything once more.
    const since = Math.max(0, exchanges.slice(0, index).findLastIndex(isTurn));
    const isPlain = exchanges.slice(since, index + 1).every((each) => !hasSearched(each));
    expect(off).toBeLessThanOrEqual(isPlain ? 1 + expectedReadTokens / 50 : Infinity);
  }
  expect(missing(play)).toEqual([]);
  const sent = play.emulated.exchanges.findLast(isTurn)?.body.messages ?? [];
  // An edit may have taken thinking out since, and been followed by something that was too long to be sent.
  const isEdited = plan.steps.some(({ edit }) => edit !== null);
  const shown = (list: readonly object[]): readonly object[] =>
    isEdited ? list.map((message) => withoutThinking(message as HistoryMessage)) : list;
  expect(bare({ messages: shown(messages.slice(0, sent.length)) })).toEqual(bare({ messages: shown(sent) }));
}

/** Plays one step; false where what was said was too long for the limit, which ends the chat. */
async function playStep(play: Play, step_: Step): Promise<boolean> {
  const { exchanges } = play.emulated;
  const { length: before } = exchanges;
  const { length: cutsBefore } = play.cuts;
  const { length: saidBefore } = play.said;
  let last = exchanges.findLast(isTurn);
  try {
    await play.run(step_);
  } catch (error) {
    if (!(error instanceof ConversationError) || error.code !== 'TOO_LONG') throw error;
    play.said.length = saidBefore;
    return false;
  }
  for (const exchange of exchanges.slice(before)) {
    const isCut = play.cuts.length > cutsBefore;
    checkExchange(exchange, last, { emulated: play.emulated, isCut, isEdited: step_.edit !== null });
    if (isTurn(exchange)) last = exchange;
  }
  return true;
}

describe('random conversations', () => {
  it(
    'are legal, extend what was sent, stay under the limit and lose nothing in silence',
    async () => {
      const property = fc.asyncProperty(chat, async (plan) => {
        const play = new Play(plan);
        for (const each of plan.steps) if (!(await playStep(play, each))) break;
        checkEnd(play, plan);
        checkFirst(play, plan);
      });
      await fc.assert(property, { numRuns: 30 * effort });
    },
    120_000 * Math.max(1, effort),
  );
});
