import type { JsonObject, Ttl } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { createId, systemClock, systemRandom, type Clock } from '../runtime/index.ts';
import { weighCut, type BreakEven } from './break-even.ts';
import { foldedAnswer, hasThreshold, instructionsIn, withThreshold } from './compaction.ts';
import { cuttingFor } from './cutting.ts';
import { ConversationError } from './errors.ts';
import { Fitter, instructionsFor, withInstructions, type Ready } from './fit.ts';
import { reportFold } from './fold.ts';
import { append, readAnswer, readSaid } from './history.ts';
import { readLimits, type Limits } from './limits.ts';
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
import { promptTokens, unbilled, type Billed } from './read-usage.ts';
import { Requests, type Asked } from './requests.ts';
import { Saved } from './saved.ts';
import { factsOf, hasOtherPrompt, readSettings, toBody, type Settings } from './settings.ts';
import type { Shortener } from './shorten.ts';
import { newState, toTotals, type ConversationState } from './state.ts';
import type { Summaries } from './summaries.ts';
import { checkWarm } from './warm-refusal.ts';

/** The API cuts by itself: we have no limits then. */
const NO_LIMITS = { highTokens: Infinity, highTurns: Infinity };

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
  readonly #summaries: Summaries;
  readonly #shortener: Shortener<Body, Answer>;
  readonly #fitter: Fitter<Body, Answer>;
  #messages: readonly HistoryMessage[];
  #instructions: readonly string[];
  #promptTokens: number | null;
  #sentMessages: number;
  #running: Promise<unknown> = Promise.resolve();
  readonly #checkpoints: Saved | null;

  /**
   * @param revision of the checkpoint that the state is from; null where there is none
   * @param tellsKind is `send` told what kind each request is of?
   */
  constructor(
    options: ConversationBehaviour<Body, Answer>,
    state: ConversationState,
    revision: string | null = null,
    tellsKind: boolean = false,
  ) {
    const { ttl = '5m', clock = systemClock } = options;
    this.id = options.id ?? createId('conversation', systemRandom);
    this.#options = options;
    this.#clock = clock;
    this.#ttl = ttl;
    const limits = readLimits(options, factsOf(state.settings), clock.nowMs());
    const isThreshold = options.strategy === 'api' && options.apiCompaction === 'threshold';
    this.#limits = isThreshold ? { ...limits, ...NO_LIMITS } : limits;
    const addParameters = (parameters: JsonObject): JsonObject =>
      isThreshold ? withThreshold(parameters, limits.highTokens, options.summaryRequest) : parameters;
    addParameters(state.settings.parameters);
    if (options.strategy === 'api' && limits.firstTurns > 0)
      throw new RangeError(
        "the API's own summary stands first: strategy 'api' cannot keep turns in front of it",
      );
    if (options.strategy === 'api' && !isThreshold && hasThreshold(state.settings.parameters))
      throw new RangeError(
        "context_management compacts by itself: take it out, or set apiCompaction 'threshold'",
      );
    const onTurn = (turn: TurnRecord): void => options.onTurn?.(turn);
    const onEvent = (event: object): void => options.onEvent?.(event);
    const { send } = options;
    this.#requests = new Requests({ send, ttl, clock, onTurn, onEvent, addParameters, tellsKind }, state);
    const { summaries, shortener } = cuttingFor(this.#requests, options, this.#limits);
    this.#summaries = summaries;
    this.#shortener = shortener;
    this.#fitter = new Fitter(this.#requests, shortener, this.#limits, { ttl, clock });
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
    const said = readSaid(this.#messages, content);
    const instructions = instructionsFor(said, this.#instructions);
    const messages = withInstructions(append(this.#messages, said), instructions);
    return toBody(this.#requests.settings, messages) as unknown as Body;
  }

  weighCut(): BreakEven | null {
    const cut = this.#shortener.preview(this.#messages);
    if (!cut) return null;
    const keptTokens = this.#shortener.sizeOf(cut.messages);
    const droppedTokens = this.#shortener.sizeOf(this.#messages) - keptTokens;
    const sizes = { keptTokens, droppedTokens, isWarm: this.#fitter.isWarm(this.state), summaryPicoUsd: 0n };
    return weighCut(sizes, this.#requests.facts, this.#ttl, this.#clock.nowMs());
  }

  priceOf(change: Partial<ConversationPrompt<Body>>): ChangePrice {
    const next = this.#changed(change);
    const before = this.#requests.plan(this.#messages, 'tail');
    const after = this.#requests.plan(this.#messagesBehind(next), 'tail', next);
    return priceChange(before, after, this.#clock.nowMs());
  }

  change(change: Partial<ConversationPrompt<Body>>): void {
    const next = this.#changed(change);
    const before = this.#requests.settings;
    const messages = this.#messagesBehind(next);
    this.#requests.change(next);
    if (!hasOtherPrompt(before, next)) return;
    this.#messages = messages;
    this.#summaries.forget();
    // Another model counts everything in another way.
    const known = next.model === before.model ? this.#promptTokens : null;
    this.#promptTokens = known === null ? null : known + this.#requests.sizes.growth(before, next);
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

  /** Thinking is bound to tools, system text and model: it would be refused or left out behind others (spec 7.4). */
  #messagesBehind(next: Settings): readonly HistoryMessage[] {
    const { facts, settings } = this.#requests;
    const isBound = facts.thinking.isBound || factsOf(next).thinking.isBound;
    return isBound && hasOtherPrompt(settings, next) ? this.#messages.map(withoutThinking) : this.#messages;
  }

  async #say(content: Content): Promise<Answer> {
    const said = readSaid(this.#messages, content);
    await this.#checkpoints?.checkUnchanged();
    const { ready, asked } = await this.#ask(said);
    // What was refused must not be sent again: the history stays as it was before it.
    if (asked.answer.stop_reason !== 'refusal') this.#keep(ready, asked);
    await this.#checkpoints?.save(this.state, asked.answer);
    this.#summariseAhead();
    return asked.answer;
  }

  async #ask(said: HistoryMessage): Promise<{ readonly ready: Ready; readonly asked: Asked<Answer> }> {
    const { sums, settings } = this.#requests;
    try {
      const ready = await this.#fitter.fit(this.state, said);
      const { messages } = ready;
      const question = { kind: 'turn', messages, maxTokens: settings.maxTokens, use: 'tail' } as const;
      return { ready, asked: await this.#requests.ask(question) };
    } catch (error) {
      // A summary may have been paid for before, and have kept the cache alive.
      if (this.#requests.sums !== sums) await this.#checkpoints?.keep(this.state);
      throw error;
    }
  }

  /** The most that the answer may count in the next prompt. */
  #answerTokens(kept: HistoryMessage | null, { context }: Billed): number {
    if (!kept) return 0;
    const estimated = this.#requests.sizes.sum(kept.content, 'high');
    return Math.max(estimated, context.outputTokens);
  }

  #keep(ready: Ready, { answer, billed }: Asked<Answer>): void {
    const { messages, instructions, report } = ready;
    const kept = readAnswer(answer.content);
    const folded = kept && foldedAnswer(kept);
    this.#messages = kept ? append(messages, kept) : messages;
    // An answer that the service goes on with grows behind what was sent.
    this.#sentMessages = messages.at(-1)?.role === 'assistant' ? messages.length - 1 : messages.length;
    this.#instructions = this.#instructions.slice(instructions);
    this.#promptTokens =
      billed &&
      promptTokens(billed.context, billed.isSummed, ready.tokens) + this.#answerTokens(kept, billed);
    if (report) this.#tellCut(report);
    if (folded) this.#fold(messages, folded, billed);
  }

  #tellCut(report: CutReport): void {
    this.#summaries.forget();
    this.#requests.countCut();
    this.#options.onCut?.(report);
  }

  /** The API has summarised all that was sent: its answer is what is left, and instructions have to be said again. */
  #fold(sent: readonly HistoryMessage[], folded: HistoryMessage, billed: Billed | null): void {
    const texts = instructionsIn(sent).map((block) => String(block['text']));
    this.#messages = [folded];
    this.#sentMessages = 0;
    this.#instructions = [...texts, ...this.#instructions];
    const at = { facts: this.#requests.facts, ttl: this.#ttl, atMs: this.#clock.nowMs() };
    this.#tellCut(reportFold(sent, folded, billed ?? unbilled, at));
  }

  #summariseAhead(): void {
    const { summariseAheadShare = Infinity, strategy, onProblem } = this.#options;
    const isWritten = strategy === 'summarise' || strategy === 'api';
    const tokens = this.#promptTokens ?? 0;
    const isNear = tokens > summariseAheadShare * this.#limits.highTokens;
    if (!isWritten || !isNear || !this.#shortener.canSummarise(tokens)) return;
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
