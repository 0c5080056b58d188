import type { TokenCounts, Ttl } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { BreakEven } from './break-even.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { GivenLimits } from './limits.ts';
import type { Content, HistoryMessage } from './message.ts';

/** What `send` answers: a message of the API, or anything with these members. */
export interface ConversationAnswer {
  readonly content: readonly object[];
  readonly stop_reason?: string | null;
  readonly usage?: object | null;
}

/** What `send` gives: a message, or a stream of the API's events, or a stream that tells its message at the end. */
export type Sent<Answer extends ConversationAnswer> =
  | Answer
  | AsyncIterable<object>
  | { finalMessage(): Promise<Answer> };

/** What a request of the API's compaction needs besides its body; the SDK takes it as the options of a request. */
export interface SendOptions {
  /** Headers that it must have, by names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** `turn` for what was said; what else is sent is not for the user to see. */
  readonly kind: TurnRecord['kind'];
}

/**
 * What is done when a limit is reached. `drop-oldest`: the oldest turns go. `drop-tool-results`: what tools have found goes,
 * the oldest first, and turns only where that is not enough. `summarise`: the model writes what the oldest turns held, read
 * from the cache. `api`: the API's own compaction; see `apiCompaction`.
 */
export type CutStrategy = 'drop-oldest' | 'drop-tool-results' | 'summarise' | 'api';

/** One request of a conversation and what it was billed. */
export interface TurnRecord {
  /** `turn`: something was said. `summary`: a summary was made. `warm`: the cache was filled ahead. */
  readonly kind: 'turn' | 'summary' | 'warm';
  readonly atMs: number;
  /** As billed; null where the answer did not say. */
  readonly tokens: TokenCounts | null;
  readonly costUsd: number;
  /** Tokens that the model of the cache expected to be read. */
  readonly expectedReadTokens: number;
}

/** What a conversation has cost so far. */
export interface ConversationTotals {
  readonly turns: number;
  readonly summaries: number;
  readonly cuts: number;
  readonly tokens: TokenCounts;
  readonly costUsd: number;
  /** Read tokens over all input tokens, 0-1. */
  readonly hitRatio: number;
}

/** A cut and why. */
export interface CutReport {
  readonly atMs: number;
  readonly reason: 'tokens' | 'turns';
  readonly strategy: CutStrategy;
  /** Why another strategy was used than was asked for; null where it was not. */
  readonly fallback: string | null;
  /** Of the whole prompt, by the last bill and estimates. */
  readonly beforeTokens: number;
  readonly afterTokens: number;
  /** What is in the history no more: whole messages, or the results that were taken out of them. */
  readonly dropped: readonly HistoryMessage[];
  /** What stands in its place; null where nothing does. */
  readonly summary: string | null;
  readonly breakEven: BreakEven;
}

/** Something went wrong on our side and was got over; `message` is a sentence for people. */
export interface ConversationProblem {
  readonly kind: 'checkpoint' | 'summary';
  readonly message: string;
}

/** What a conversation needs besides what stands before its messages. */
export interface ConversationBehaviour<
  Body extends RequestParts,
  Answer extends ConversationAnswer,
> extends GivenLimits {
  /**
   * Sends one request; called once for everything said, and once more for a summary. It may give a stream: the turn is kept
   * once its message is whole, and a stream that breaks off leaves the conversation as it was. `options` come with strategy
   * `api` alone.
   */
  readonly send: (body: Body, options?: SendOptions) => Sent<Answer> | Promise<Sent<Answer>>;
  /** Told the events of a turn's stream as they come, where `send` gives an iterable of them. */
  readonly onEvent?: (event: object) => void;
  /** @default 'drop-oldest' */
  readonly strategy?: CutStrategy;
  /**
   * How strategy `api` has the API compact. `on-demand`: by a request of its own, which leaves the newest turns word for
   * word. `threshold`: within the turn that reaches `highTokens`, which must be at least 50,000 then; all is summarised.
   *
   * @default 'on-demand'
   */
  readonly apiCompaction?: 'on-demand' | 'threshold';
  /** How long what is written lives. @default '5m' */
  readonly ttl?: Ttl;
  /** The most tokens of a summary. @default 2,048, and at most a quarter of `lowTokens`; 4,096 with strategy `api` */
  readonly summaryTokens?: number;
  /** What asks for a summary. @default a text of ours; with strategy `api` the service's own */
  readonly summaryRequest?: string;
  /** How often a summary is tried before turns are dropped instead. @default 2 */
  readonly summaryTries?: number;
  /** From this share of `highTokens` on, a summary is made in the background. @default never */
  readonly summariseAheadShare?: number;
  /** Where the conversation is saved after each turn. @default nowhere */
  readonly checkpointer?: Checkpointer;
  /** Its name there. @default a random one */
  readonly id?: string;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** Told of every cut, once its request was answered. */
  readonly onCut?: (report: CutReport) => void;
  /** Told what each request was billed. */
  readonly onTurn?: (turn: TurnRecord) => void;
  readonly onProblem?: (problem: ConversationProblem) => void;
}

/** What stands before the messages. */
export interface ConversationPrompt<Body extends RequestParts> {
  readonly model: string;
  readonly maxTokens: number;
  readonly system?: NonNullable<Body['system']>;
  readonly tools?: NonNullable<Body['tools']>;
  /** Other members of each request, such as `thinking` or `tool_choice`; they stay the same. */
  readonly parameters?: Partial<Omit<Body, 'model' | 'max_tokens' | 'messages' | 'system' | 'tools'>>;
}

export type ConversationOptions<
  Body extends RequestParts = RequestParts,
  Answer extends ConversationAnswer = ConversationAnswer,
> = ConversationPrompt<Body> & ConversationBehaviour<Body, Answer>;

/** What a change of what stands before the messages would cost. */
export interface ChangePrice {
  /** Tokens that would be read without the change, and have to be written again with it. */
  readonly lostTokens: number;
  /** What that costs with the next request. */
  readonly rewriteUsd: number;
}

/** One conversation that keeps its cache. */
export interface Conversation<
  Body extends RequestParts = RequestParts,
  Answer extends ConversationAnswer = ConversationAnswer,
> {
  readonly id: string;
  /** The history: what the next request extends. */
  readonly messages: readonly HistoryMessage[];
  readonly totals: ConversationTotals;
  /** The newest thousand requests. */
  readonly turns: readonly TurnRecord[];
  /**
   * Says something, sends the request, and keeps both it and the answer. Tool results are said like everything else. Where the
   * service has paused while it ran tools of its own (`pause_turn`), an empty list has it go on. One call waits for the one
   * before. Where sending fails, nothing was said.
   *
   * @throws ConversationError; whatever `send` throws.
   */
  say(content: Content): Promise<Answer>;
  /** Adds an instruction behind what is said next, as a message of role `system`: nothing before it is lost (spec 2.5). */
  instruct(text: string): void;
  /** What the next request would be if this was said now, without markers and before any cut; nothing is sent. */
  preview(content: Content): Body;
  /** What cutting now would cost and save, with `drop-oldest`; null where nothing can go. */
  weighCut(): BreakEven | null;
  /** The price of other tools, system text, model or parameters, before it is paid. */
  priceOf(change: Partial<ConversationPrompt<Body>>): ChangePrice;
  /** Changes them, from the next request on. */
  change(change: Partial<ConversationPrompt<Body>>): void;
  /** Sends the newest request again without asking for output, so that the user comes back to a warm cache (spec 10.3). */
  warm(): Promise<TurnRecord>;
}
