import { conversation, type CutStrategy } from '../../src/conversation/index.ts';
import {
  billTokens,
  noTokens,
  resolveModel,
  standardPricing,
  type JsonObject,
} from '../../src/core/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { asksForSummary, Emulated, inputTokens, words, type EmulatedMessage } from './emulated.ts';

/** One turn of a chat that has been fixed beforehand, so that everybody gets the same answers. */
export interface ChatTurn {
  readonly said: string;
  readonly answer: string;
  readonly gapMs: number;
}

export interface Script {
  readonly model: string;
  readonly system: string;
  readonly turns: readonly ChatTurn[];
  /** The limit of everybody who has one, in tokens. */
  readonly highTokens: number;
}

/** What a chat's input cost, request by request. */
export interface Outcome {
  readonly costs: readonly number[];
  readonly inputUsd: number;
  readonly hitRatio: number;
  readonly cuts: number;
  /** The turn with the first cut. */
  readonly firstCut: number;
}

/** Somebody who says one thing after the other; gives the answers of every request that a turn took. */
type Talk = (turn: ChatTurn) => Promise<void>;

/** A chat of so many turns, with pauses below five minutes. */
export function makeChat(turnCount: number, seed: number, model: string): Script {
  const random = seededRandom(seed);
  const between = (low: number, high: number): number => Math.round(low + random() * (high - low));
  const turns = Array.from({ length: turnCount }, (_, index) => ({
    said: `Question ${index}: ${words(between(20, 140), index)}`,
    answer: words(between(60, 300), index + 1),
    gapMs: between(5_000, 280_000),
  }));
  return { model, system: words(1_500), turns, highTokens: 24_000 };
}

const MARKER = { cache_control: { type: 'ephemeral' } };
const text = (role: string, value: string, marker: object = {}): JsonObject => ({
  role,
  content: [{ type: 'text', text: value, ...marker }],
});

/** The window of the article: the last turns, a marker message behind them once they are long enough. */
const articleWindow =
  (turnsMax: number) =>
  (emulated: Emulated, { model, system }: Script): Talk => {
    const history: { readonly said: string; readonly answer: string; readonly tokens: number }[] = [];
    return async ({ said, answer }) => {
      const tokens = history.reduce((sum, turn) => sum + turn.tokens, 0);
      const messages = history.flatMap((turn) => [text('user', turn.said), text('assistant', turn.answer)]);
      if (tokens >= 5_000) messages.push(text('user', '[Conversation context above]', MARKER));
      messages.push(text('user', said));
      await emulated.send({ model, max_tokens: 1_024, system, messages });
      history.push({ said, answer, tokens: (said.length + answer.length) / 3 });
      if (history.length > turnsMax) history.shift();
    };
  };

/** All of the history, with automatic caching. */
function unbounded(emulated: Emulated, { model, system }: Script): Talk {
  const messages: JsonObject[] = [];
  return async ({ said, answer }) => {
    messages.push(text('user', said));
    await emulated.send({ model, max_tokens: 1_024, ...MARKER, system, messages });
    messages.push(text('assistant', answer));
  };
}

/** The oldest turns go as soon as the limit is reached, no more than must; automatic caching, and a marker on the system. */
function dropEachTurn(emulated: Emulated, { model, system, highTokens }: Script): Talk {
  let messages: JsonObject[] = [];
  let last = 0;
  return async ({ said, answer }) => {
    messages.push(text('user', said));
    while (last > highTokens - 700 && messages.length > 2) {
      last -= Math.round((JSON.stringify(messages[0]).length + JSON.stringify(messages[1]).length) * 0.65);
      messages = messages.slice(2);
    }
    const marked = [{ type: 'text', text: system, ...MARKER }];
    const sent = await emulated.send({ model, max_tokens: 1_024, ...MARKER, system: marked, messages });
    last = inputTokens(sent);
    messages.push(text('assistant', answer));
  };
}

/** Limits of ours other than those of everybody. */
export interface Marks {
  readonly highTokens?: number;
  readonly lowTokens?: number;
  readonly keepFirstTurns?: number;
}

function ours(strategy: CutStrategy, onCut: () => void, marks: Marks) {
  return (emulated: Emulated, { model, system, highTokens }: Script): Talk => {
    const chat = conversation({
      model,
      maxTokens: 1_024,
      system,
      highTokens,
      ...marks,
      strategy,
      summaryTokens: 1_000,
      clock: emulated.clock,
      onCut,
      send: (body) =>
        asksForSummary(body) ? emulated.send(body, { text: words(300, 7) }) : emulated.send(body),
    });
    return async ({ said }) => {
      await chat.say(said);
    };
  };
}

/** What the input of all passes of an answer cost: a summary of the API's is in none of the sums (spec 5.3). */
function inputUsd(model: string, { usage }: EmulatedMessage, atMs: number): number {
  const listed = usage['iterations'] as readonly EmulatedMessage['usage'][] | undefined;
  return (listed ?? [usage]).reduce((sum, pass) => sum + passUsd(model, pass, atMs), 0);
}

function passUsd(model: string, usage: EmulatedMessage['usage'], atMs: number): number {
  const { cache_creation: split } = usage as unknown as {
    readonly cache_creation: {
      readonly ephemeral_5m_input_tokens: number;
      readonly ephemeral_1h_input_tokens: number;
    };
  };
  const tokens = {
    ...noTokens,
    uncachedTokens: usage.input_tokens,
    readTokens: usage.cache_read_input_tokens,
    write5mTokens: split.ephemeral_5m_input_tokens,
    write1hTokens: split.ephemeral_1h_input_tokens,
  };
  return Number(billTokens(resolveModel(model).facts, tokens, standardPricing(atMs)).totalPicoUsd) / 1e12;
}

/**
 * The article means its window to hold ten turns. As it is written it holds twice as many, for what it counts in messages
 * are turns.
 */
const ARTICLE_TURNS = 10;

export const TALKERS = [
  'article',
  'article as written',
  'unbounded',
  'drop each turn',
  'drop-oldest',
  'summarise',
  'api',
] as const;
export type Talker = (typeof TALKERS)[number];

/** Runs a chat through one way of keeping a history. */
export async function runChat(script: Script, talker: Talker, marks: Marks = {}): Promise<Outcome> {
  const emulated = new Emulated();
  const costs: number[] = [];
  let cuts = 0;
  let firstCut = Infinity;
  const count = (): void => {
    cuts += 1;
    firstCut = Math.min(firstCut, costs.length);
  };
  const begin = {
    article: articleWindow(ARTICLE_TURNS),
    'article as written': articleWindow(2 * ARTICLE_TURNS),
    unbounded,
    'drop each turn': dropEachTurn,
    'drop-oldest': ours('drop-oldest', count, marks),
    summarise: ours('summarise', count, marks),
    api: ours('api', count, marks),
  }[talker];
  const talk = begin(emulated, script);
  let read = 0;
  let total = 0;
  for (const turn of script.turns) {
    emulated.clock.advance(turn.gapMs);
    const before = emulated.exchanges.length;
    emulated.script({ text: turn.answer });
    await talk(turn);
    const answers = emulated.exchanges.slice(before).map(({ answer }) => answer);
    costs.push(
      answers.reduce((sum, answer) => sum + inputUsd(script.model, answer, emulated.clock.nowMs()), 0),
    );
    read += answers.reduce((sum, { usage }) => sum + usage.cache_read_input_tokens, 0);
    total += answers.reduce((sum, answer) => sum + inputTokens(answer), 0);
  }
  return {
    costs,
    inputUsd: costs.reduce((sum, cost) => sum + cost, 0),
    hitRatio: read / total,
    cuts,
    firstCut,
  };
}
