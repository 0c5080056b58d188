import { totalInputTokens, type JsonObject, type Ttl } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { createId, systemClock, systemRandom, type Clock } from '../runtime/index.ts';
import { weighCut, type BreakEven } from './break-even.ts';
import { ConversationError } from './errors.ts';
import { append, readAnswer, readSaid } from './history.ts';
import { countTurns, readLimits, type Limits } from './limits.ts';
import { withoutThinking, type Content, type HistoryMessage } from './message.ts';
import type {
  ChangePrice,
  Conversation,
  ConversationAnswer,
  ConversationBehaviour,
  ConversationOptions,
  ConversationPrompt,
  ConversationTotals,
  CutReport,
  TurnRecord,
} from './options.ts';
import { priceChange } from './price-change.ts';
import type { Billed } from './read-usage.ts';
import { Requests, type Asked } from './requests.ts';
import { Saved } from './saved.ts';
import { readSettings, toBody, type Settings } from './settings.ts';
import { Shortener } from './shorten.ts';
import { newState, toTotals, type ConversationState } from './state.ts';
import { Summaries } from './summaries.ts';
import { SUMMARY_REQUEST } from './summary.ts';
import { checkWarm } from './warm-refusal.ts';

const SUMMARY_TOKENS = 2_048;
const SUMMARY_TRIES = 2;

/** What is to be sent for something said. */
interface Ready {
  readonly messages: readonly HistoryMessage[];
  /** How many instructions are in them. */
  readonly instructions: number;
  readonly report: CutReport | null;
}

export class KeptConversation<
  Body extends RequestParts,
  Answer extends ConversationAnswer,
> implements Conversation<Body, Answer> {
  readonly id: string;
  readonly #options: ConversationBehaviour<Body, Answer>;
  readonly #clock: Clock;
  readonly #ttl: Ttl;
  readonly #limits: Limits;
  readonly #requests: Requests<Body, Answer>;
  readonly #summaries: Summaries<Body, Answer>;
  readonly #shortener: Shortener<Body, Answer>;
  #messages: readonly HistoryMessage[];
  #instructions: readonly string[];
  #promptTokens: number | null;
  #sentMessages: number;
  #running: Promise<unknown> = Promise.resolve();
  readonly #checkpoints: Saved | null;

  /** @param revision of the checkpoint that the state is from; null where there is none */
  constructor(
    options: ConversationBehaviour<Body, Answer>,
    state: ConversationState,
    revision: string | null = null,
  ) {
    const { strategy = 'drop-oldest', ttl = '5m', clock = systemClock } = options;
    if (strategy === 'api')
      throw new RangeError(
        "strategy 'api' is not offered yet: use 'summarise', which has the model write the summary",
      );
    this.id = options.id ?? createId('conversation', systemRandom);
    this.#options = options;
    this.#clock = clock;
    this.#ttl = ttl;
    const onTurn = (turn: TurnRecord): void => options.onTurn?.(turn);
    this.#requests = new Requests({ send: options.send, ttl, clock, onTurn }, state);
    this.#limits = readLimits(options, this.#requests.facts, clock.nowMs());
    const maxTokens =
      options.summaryTokens ?? Math.min(SUMMARY_TOKENS, Math.ceil(this.#limits.lowTokens / 4));
    const request = options.summaryRequest ?? SUMMARY_REQUEST;
    const tries = options.summaryTries ?? SUMMARY_TRIES;
    this.#summaries = new Summaries({ maxTokens, request, tries }, this.#requests);
    this.#shortener = new Shortener(this.#requests, this.#summaries, strategy, this.#limits);
    this.#messages = state.messages;
    this.#instructions = state.instructions;
    this.#promptTokens = state.promptTokens;
    this.#sentMessages = state.sentMessages;
    const { checkpointer, onProblem } = options;
    this.#checkpoints = checkpointer
      ? new Saved(checkpointer, this.id, revision, (message) => onProblem?.({ kind: 'checkpoint', message }))
      : null;
  }

  get messages(): readonly HistoryMessage[] {
    return this.#messages;
  }

  get totals(): ConversationTotals {
    return toTotals(this.#requests.sums);
  }

  get turns(): readonly TurnRecord[] {
    return this.#requests.records;
  }

  get state(): ConversationState {
    return {
      settings: this.#requests.settings,
      messages: this.#messages,
      instructions: this.#instructions,
      entries: this.#requests.book.entries,
      promptTokens: this.#promptTokens,
      ratio: this.#requests.ratio,
      sentMessages: this.#sentMessages,
      sums: this.#requests.sums,
    };
  }

  async say(content: Content): Promise<Answer> {
    return this.#inTurn(() => this.#say(content));
  }

  instruct(text: string): void {
    if (text.trim() === '') throw new ConversationError('BAD_CONTENT', 'the instruction is empty');
    this.#instructions = [...this.#instructions, text];
  }

  preview(content: Content): Body {
    const messages = this.#withInstructions(append(this.#messages, readSaid(this.#messages, content)));
    return toBody(this.#requests.settings, messages) as unknown as Body;
  }

  weighCut(): BreakEven | null {
    const cut = this.#shortener.preview(this.#messages);
    if (!cut) return null;
    const keptTokens = this.#shortener.sizeOf(cut.messages);
    const droppedTokens = this.#shortener.sizeOf(this.#messages) - keptTokens;
    const sizes = { keptTokens, droppedTokens, isWarm: this.#isWarm(), summaryPicoUsd: 0n };
    return weighCut(sizes, this.#requests.facts, this.#ttl, this.#clock.nowMs());
  }

  priceOf(change: Partial<ConversationPrompt<Body>>): ChangePrice {
    const before = this.#requests.plan(this.#messages, 'tail');
    const after = this.#requests.plan(this.#messages, 'tail', this.#changed(change));
    return priceChange(before, after, this.#clock.nowMs());
  }

  change(change: Partial<ConversationPrompt<Body>>): void {
    const next = this.#changed(change);
    const { model, tools, system } = this.#requests.settings;
    const isOther =
      JSON.stringify([next.model, next.tools, next.system]) !== JSON.stringify([model, tools, system]);
    const wasBound = this.#requests.facts.thinking.isBound;
    this.#requests.change(next);
    if (!isOther) return;
    // Thinking is bound to tools, system text and model: it would be refused or left out behind others (spec 7.4).
    if (wasBound || this.#requests.facts.thinking.isBound)
      this.#messages = this.#messages.map(withoutThinking);
    this.#summaries.forget();
    this.#promptTokens = null;
  }

  async warm(): Promise<TurnRecord> {
    return this.#inTurn(async () => {
      const messages = this.#messages.slice(0, this.#sentMessages);
      checkWarm(messages, this.#requests.settings);
      const { record } = await this.#requests.ask({ kind: 'warm', messages, maxTokens: 0, use: 'tail' });
      await this.#checkpoints?.save(this.state, null);
      return record;
    });
  }

  /** One after the other: each turn extends the one before. */
  async #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const mine = this.#running.then(run, run);
    this.#running = mine.catch(() => null);
    return mine;
  }

  #changed(change: Partial<ConversationPrompt<Body>>): Settings {
    const { settings } = this.#requests;
    return readSettings({ ...settings, ...change });
  }

  #withInstructions(messages: readonly HistoryMessage[]): readonly HistoryMessage[] {
    if (this.#instructions.length === 0) return messages;
    const content = this.#instructions.map((text): JsonObject => ({ type: 'text', text }));
    const last = messages.at(-1);
    if (last?.role !== 'system') return [...messages, { role: 'system', content }];
    return messages.with(-1, { ...last, content: [...last.content, ...content] });
  }

  #isWarm(): boolean {
    const warm = this.#requests.plan(this.#messages.slice(0, this.#sentMessages), 'read-only').warm;
    return warm !== null && warm.tokens > this.#shortener.promptTokens([]);
  }

  /** Tokens of the prompt with what is said: as last billed, plus the most that what was added may count. */
  #measure(messages: readonly HistoryMessage[], said: HistoryMessage): number {
    const { sizes } = this.#requests;
    const instructions = this.#instructions.map((text): JsonObject => ({ type: 'text', text }));
    const added = sizes.sum([...said.content, ...instructions], 'high');
    return this.#promptTokens === null ? this.#shortener.promptTokens(messages) : this.#promptTokens + added;
  }

  /** @throws ConversationError `TOO_LONG` */
  async #fit(said: HistoryMessage): Promise<Ready> {
    const messages = append(this.#messages, said);
    const tokens = this.#measure(messages, said);
    const { highTokens, highTurns } = this.#limits;
    const isLong = tokens > this.#shortener.highTokens;
    const instructions = this.#instructions.length;
    if (!isLong && countTurns(messages) <= highTurns)
      return { messages: this.#withInstructions(messages), instructions, report: null };
    const reason = isLong ? 'tokens' : 'turns';
    const sentMessages = this.#sentMessages;
    const long = { messages, history: this.#messages, said, sentMessages, tokens, reason } as const;
    const shortened = await this.#shortener.shorten(long, this.#isWarm(), this.#ttl, this.#clock.nowMs());
    const left = shortened?.tokens ?? this.#shortener.promptTokens(messages);
    // Before the first bill tokens are known so roughly that only what is far too long is refused.
    if (left > highTokens * (this.#promptTokens === null ? 4 : 1))
      throw new ConversationError(
        'TOO_LONG',
        `what would be left has about ${left} tokens, and the limit is ${highTokens}: say less at once, or raise highTokens`,
      );
    return {
      messages: this.#withInstructions(shortened?.messages ?? messages),
      instructions: this.#instructions.length,
      report: shortened?.report ?? null,
    };
  }

  async #say(content: Content): Promise<Answer> {
    const said = readSaid(this.#messages, content);
    await this.#checkpoints?.checkUnchanged();
    const ready = await this.#fit(said);
    const { maxTokens } = this.#requests.settings;
    const { messages } = ready;
    const asked = await this.#requests.ask({ kind: 'turn', messages, maxTokens, use: 'tail' });
    // What was refused must not be sent again: the history stays as it was before it.
    if (asked.answer.stop_reason !== 'refusal') this.#keep(ready, asked);
    await this.#checkpoints?.save(this.state, asked.answer);
    this.#summariseAhead();
    return asked.answer;
  }

  /** The most that the answer may count in the next prompt. */
  #answerTokens(kept: HistoryMessage | null, { tokens }: Billed): number {
    if (!kept) return 0;
    const estimated = this.#requests.sizes.sum(kept.content, 'high');
    return Math.max(estimated, tokens.outputTokens);
  }

  #keep({ messages, instructions, report }: Ready, { answer, billed }: Asked<Answer>): void {
    const kept = readAnswer(answer.content);
    this.#messages = kept ? append(messages, kept) : messages;
    this.#sentMessages = messages.length;
    this.#instructions = this.#instructions.slice(instructions);
    this.#promptTokens = billed ? totalInputTokens(billed.tokens) + this.#answerTokens(kept, billed) : null;
    if (!report) return;
    this.#summaries.forget();
    this.#requests.countCut();
    this.#options.onCut?.(report);
  }

  #summariseAhead(): void {
    const { summariseAheadShare = Infinity, strategy, onProblem } = this.#options;
    const isNear = (this.#promptTokens ?? 0) > summariseAheadShare * this.#limits.highTokens;
    if (strategy !== 'summarise' || !isNear) return;
    const report = (message: string): void => onProblem?.({ kind: 'summary', message });
    this.#summaries.begin(this.#messages, report);
  }
}

/**
 * A conversation that keeps its cache: every request extends the one before it byte for byte, and where a limit is reached
 * it is cut once, by a large step. `send` is whatever sends a request of the Messages API.
 *
 * @example
 * const chat = conversation({
 *   model: 'claude-sonnet-5-5',
 *   maxTokens: 1024,
 *   system: 'You answer questions about parcels.',
 *   highTokens: 60_000,
 *   lowTokens: 20_000,
 *   strategy: 'summarise',
 *   send: (body: Anthropic.MessageCreateParamsNonStreaming) => client.messages.create(body),
 * });
 * const answer = await chat.say('Where is my parcel?');
 * @throws RangeError for options that make no sense.
 */
export function conversation<
  Body extends RequestParts = RequestParts,
  Answer extends ConversationAnswer = ConversationAnswer,
>(options: ConversationOptions<Body, Answer>): Conversation<Body, Answer> {
  return new KeptConversation<Body, Answer>(options, newState(readSettings(options)));
}
