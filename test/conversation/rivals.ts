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

/**
 * One request of a chat that has been fixed beforehand, so that everybody gets the same answers: what the user says, or what
 * tools have brought.
 */
export interface ChatStep {
  readonly said: readonly JsonObject[];
  readonly answer: readonly JsonObject[];
  readonly gapMs: number;
}

export interface Script {
  readonly model: string;
  readonly system: string;
  readonly tools: readonly JsonObject[];
  readonly steps: readonly ChatStep[];
  /** What a summary says, whatever it stands for. */
  readonly summary: string;
  /** The limit of everybody who has one, in tokens. */
  readonly highTokens: number;
}

/** What a chat's input cost, request by request. */
export interface Outcome {
  readonly costs: readonly number[];
  readonly inputUsd: number;
  readonly readTokens: number;
  readonly inputTokens: number;
  readonly hitRatio: number;
  /** The longest prompt. */
  readonly largestTokens: number;
  readonly cuts: number;
  /** The request with the first cut. */
  readonly firstCut: number;
}

/** Somebody who says one thing after the other. */
type Talk = (step: ChatStep) => Promise<void>;

export function textBlock(text: string): JsonObject {
  return { type: 'text', text };
}

/** A chat of so many turns, with pauses below five minutes. */
export function makeChat(turnCount: number, seed: number, model: string): Script {
  const random = seededRandom(seed);
  const between = (low: number, high: number): number => Math.round(low + random() * (high - low));
  const steps = Array.from({ length: turnCount }, (_, index) => ({
    said: [textBlock(`Question ${index}: ${words(between(20, 140), index)}`)],
    answer: [textBlock(words(between(60, 300), index + 1))],
    gapMs: between(5_000, 280_000),
  }));
  return { model, system: words(1_500), tools: [], steps, summary: words(300, 7), highTokens: 24_000 };
}

const MARKER = { cache_control: { type: 'ephemeral' } };

/** What stands before the messages, the same for everybody. */
function promptOf({ model, system, tools }: Script): JsonObject {
  return { model, max_tokens: 1_024, system, ...(tools.length > 0 && { tools }) };
}

const user = (content: readonly JsonObject[]): JsonObject => ({ role: 'user', content });
const assistant = (content: readonly JsonObject[]): JsonObject => ({ role: 'assistant', content });
const hasBlock = (blocks: readonly JsonObject[], type: string): boolean =>
  blocks.some((block) => block['type'] === type);

/** A third of the characters that are said, as the article counts. */
function articleTokens(messages: readonly JsonObject[]): number {
  const texts = messages.map(
    ({ content }) => JSON.stringify(content).length - '[{"type":"text","text":""}]'.length,
  );
  return texts.reduce((sum, length) => sum + length, 0) / 3;
}

/**
 * The window of the article: the last turns, a marker message behind them once they are long enough. Its class holds texts
 * alone. Here a turn holds its calls of tools and what they brought as well, for without that nobody could give the same
 * answers; and the marker message stands still while a turn has its tools called, so that there it is read.
 */
const articleWindow =
  (turnsMax: number) =>
  (emulated: Emulated, script: Script): Talk => {
    const history: (readonly JsonObject[])[] = [];
    let turn: JsonObject[] = [];
    return async ({ said, answer }) => {
      turn.push(user(said));
      const held = history.flat();
      const marked = user([{ ...textBlock('[Conversation context above]'), ...MARKER }]);
      const messages = [...held, ...(articleTokens(held) >= 5_000 ? [marked] : []), ...turn];
      await emulated.send({ ...promptOf(script), messages });
      turn.push(assistant(answer));
      if (hasBlock(answer, 'tool_use')) return;
      history.push(turn);
      turn = [];
      if (history.length > turnsMax) history.shift();
    };
  };

/** All of the history, with automatic caching. */
function unbounded(emulated: Emulated, script: Script): Talk {
  const messages: JsonObject[] = [];
  return async ({ said, answer }) => {
    messages.push(user(said));
    await emulated.send({ ...promptOf(script), ...MARKER, messages });
    messages.push(assistant(answer));
  };
}

/** Where the second turn begins; -1 where there is only one. */
function secondTurn(messages: readonly JsonObject[]): number {
  return messages.findIndex(
    ({ role, content }, index) =>
      index > 0 && role === 'user' && !hasBlock(content as readonly JsonObject[], 'tool_result'),
  );
}

/**
 * The oldest turns go as soon as the limit is reached, no more than must; automatic caching, and a marker on the system. How
 * many tokens a character has is known from the last bill.
 */
function dropEachTurn(emulated: Emulated, script: Script): Talk {
  const marked = [{ ...textBlock(script.system), ...MARKER }];
  const lengthOf = (list: readonly JsonObject[]): number => JSON.stringify(list).length;
  const promptLength = script.system.length + lengthOf(script.tools);
  let messages: JsonObject[] = [];
  let tokensPerCharacter = 0;
  return async ({ said, answer }) => {
    messages.push(user(said));
    const tokens = (): number => (promptLength + lengthOf(messages)) * tokensPerCharacter;
    for (let at = secondTurn(messages); at > 0 && tokens() > script.highTokens; at = secondTurn(messages))
      messages = messages.slice(at);
    const sent = await emulated.send({ ...promptOf(script), ...MARKER, system: marked, messages });
    tokensPerCharacter = inputTokens(sent) / (promptLength + lengthOf(messages));
    messages.push(assistant(answer));
  };
}

/** Limits of ours other than those of everybody. */
export interface Marks {
  readonly highTokens?: number;
  readonly lowTokens?: number;
  readonly keepFirstTurns?: number;
}

function ours(strategy: CutStrategy, onCut: () => void, marks: Marks) {
  return (emulated: Emulated, { model, system, tools, summary, highTokens }: Script): Talk => {
    const chat = conversation({
      model,
      maxTokens: 1_024,
      system,
      tools,
      highTokens,
      ...marks,
      strategy,
      summaryTokens: 1_000,
      clock: emulated.clock,
      onCut,
      send: (body) => (asksForSummary(body) ? emulated.send(body, { text: summary }) : emulated.send(body)),
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
  let readTokens = 0;
  let total = 0;
  let largestTokens = 0;
  for (const step of script.steps) {
    emulated.clock.advance(step.gapMs);
    const before = emulated.exchanges.length;
    const calls = hasBlock(step.answer, 'tool_use');
    emulated.script({ content: step.answer, stop_reason: calls ? 'tool_use' : 'end_turn' });
    await talk(step);
    const answers = emulated.exchanges.slice(before).map(({ answer }) => answer);
    costs.push(
      answers.reduce((sum, answer) => sum + inputUsd(script.model, answer, emulated.clock.nowMs()), 0),
    );
    readTokens += answers.reduce((sum, { usage }) => sum + usage.cache_read_input_tokens, 0);
    total += answers.reduce((sum, answer) => sum + inputTokens(answer), 0);
    largestTokens = Math.max(largestTokens, ...answers.map(inputTokens));
  }
  return {
    costs,
    inputUsd: costs.reduce((sum, cost) => sum + cost, 0),
    readTokens,
    inputTokens: total,
    hitRatio: readTokens / total,
    largestTokens,
    cuts,
    firstCut,
  };
}
