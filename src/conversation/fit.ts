import type { JsonObject, Ttl } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import type { Clock } from '../runtime/index.ts';
import { ConversationError } from './errors.ts';
import { append, appendSystem } from './history.ts';
import { countTurns, fitTokens, type Limits } from './limits.ts';
import type { HistoryMessage } from './message.ts';
import type { ConversationAnswer, CutReport } from './options.ts';
import type { Requests } from './requests.ts';
import type { Shortener } from './shorten.ts';
import type { ConversationState } from './state.ts';

/** How far above the limit the first request may be by an estimate that no bill has put right yet. */
const FIRST_SHARE = 4;

/** What is to be sent for something said. */
export interface Ready {
  readonly messages: readonly HistoryMessage[];
  /** The most that the prompt should have, as last billed and by estimate. */
  readonly tokens: number;
  /** How many instructions are in them. */
  readonly instructions: number;
  readonly report: CutReport | null;
}

/** Instructions follow something that is said: they wait where the service goes on with what it had begun. */
export function instructionsFor(said: HistoryMessage, waiting: readonly string[]): readonly string[] {
  return said.content.length === 0 ? [] : waiting;
}

/** A history with instructions behind what is said last. */
export function withInstructions(
  messages: readonly HistoryMessage[],
  instructions: readonly string[],
): readonly HistoryMessage[] {
  return appendSystem(
    messages,
    instructions.map((text) => ({ type: 'text', text })),
  );
}

/** Sees to it that what is sent is within the limits. */
export class Fitter<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly #requests: Requests<Body, Answer>;
  readonly #shortener: Shortener<Body, Answer>;
  readonly #limits: Limits;
  readonly #ttl: Ttl;
  readonly #clock: Clock;

  constructor(
    requests: Requests<Body, Answer>,
    shortener: Shortener<Body, Answer>,
    limits: Limits,
    { ttl, clock }: { readonly ttl: Ttl; readonly clock: Clock },
  ) {
    this.#requests = requests;
    this.#shortener = shortener;
    this.#limits = limits;
    this.#ttl = ttl;
    this.#clock = clock;
  }

  /** Can more be read than what is pinned? */
  isWarm({ messages, sentMessages }: ConversationState): boolean {
    const { warm } = this.#requests.plan(messages.slice(0, sentMessages), 'read-only');
    return warm !== null && warm.tokens > this.#shortener.promptTokens([]);
  }

  /** Tokens of the prompt with what is said: as last billed, plus the most that what was added may count. */
  #measure(state: ConversationState, messages: readonly HistoryMessage[], said: HistoryMessage): number {
    const { sizes, settings } = this.#requests;
    const instructions = state.instructions.map((text): JsonObject => ({ type: 'text', text }));
    if (state.promptTokens !== null)
      return state.promptTokens + sizes.sum([...said.content, ...instructions], 'high');
    if (state.sums.turns === 0) return this.#shortener.promptTokens(messages);
    // What was billed before need not be what is next, of another model say: at least it does not make it less.
    const added = sizes.sumMessages(messages, 'high') + sizes.sum(instructions, 'high');
    return (sizes.pinned(settings, 'high') + added) * Math.max(1, this.#requests.ratio);
  }

  /** What is new has never been billed: how much more it may count than it is estimated at. */
  #margin(state: ConversationState, said: HistoryMessage): number {
    const { sizes, ratio } = this.#requests;
    if (state.sums.turns === 0) return 0;
    const added = withInstructions([said], state.instructions);
    return (sizes.sumMessages(added, 'high') - sizes.sumMessages(added)) * ratio;
  }

  /** @throws ConversationError `TOO_LONG` */
  async fit(given: ConversationState, said: HistoryMessage): Promise<Ready> {
    const state = { ...given, instructions: instructionsFor(said, given.instructions) };
    const { messages: history, sentMessages } = state;
    const messages = append(history, said);
    const tokens = this.#measure(state, messages, said);
    const { highTokens, highTurns } = this.#limits;
    const isLong = tokens > this.#shortener.highTokens;
    const instructions = state.instructions.length;
    if (!isLong && countTurns(messages) <= highTurns)
      return { messages: withInstructions(messages, state.instructions), tokens, instructions, report: null };
    const reason = isLong ? 'tokens' : 'turns';
    const instructionTokens = this.#shortener.sizeOf(withInstructions([], state.instructions));
    const marginTokens = this.#margin(state, said);
    const added = { instructionTokens, marginTokens };
    const long = { messages, history, said, sentMessages, tokens, reason, ...added } as const;
    const nowMs = this.#clock.nowMs();
    const shortened = await this.#shortener.shorten(long, this.isWarm(state), this.#ttl, nowMs);
    const kept = withInstructions(shortened?.messages ?? messages, state.instructions);
    const left = this.#shortener.promptTokens(kept);
    // Before the first bill tokens are known so roughly that only what is far too long is refused.
    const isFirst = state.sums.turns === 0;
    if (left > (isFirst ? highTokens * FIRST_SHARE : fitTokens(this.#limits, marginTokens)))
      throw new ConversationError(
        'TOO_LONG',
        `what would be left has about ${left + Math.ceil(marginTokens)} tokens, and the limit is ${highTokens}: say less at once, or raise highTokens`,
      );
    return { messages: kept, tokens: left + marginTokens, instructions, report: shortened?.report ?? null };
  }
}
