import type { JsonObject, Ttl } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import type { Clock } from '../runtime/index.ts';
import { ConversationError } from './errors.ts';
import { append, appendSystem } from './history.ts';
import { countTurns, FIT_SHARE, type Limits } from './limits.ts';
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
  /** How many instructions are in them. */
  readonly instructions: number;
  readonly report: CutReport | null;
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
    // Nothing of what the model before this one was billed tells what this one will be.
    return (
      sizes.pinned(settings, 'high') + sizes.sumMessages(messages, 'high') + sizes.sum(instructions, 'high')
    );
  }

  /** @throws ConversationError `TOO_LONG` */
  async fit(state: ConversationState, said: HistoryMessage): Promise<Ready> {
    const { messages: history, sentMessages } = state;
    const messages = append(history, said);
    const tokens = this.#measure(state, messages, said);
    const { highTokens, highTurns } = this.#limits;
    const isLong = tokens > this.#shortener.highTokens;
    const instructions = state.instructions.length;
    if (!isLong && countTurns(messages) <= highTurns)
      return { messages: withInstructions(messages, state.instructions), instructions, report: null };
    const reason = isLong ? 'tokens' : 'turns';
    const long = { messages, history, said, sentMessages, tokens, reason } as const;
    const nowMs = this.#clock.nowMs();
    const shortened = await this.#shortener.shorten(long, this.isWarm(state), this.#ttl, nowMs);
    const kept = withInstructions(shortened?.messages ?? messages, state.instructions);
    const left = this.#shortener.promptTokens(kept);
    // Before the first bill tokens are known so roughly that only what is far too long is refused.
    if (left > highTokens * (state.sums.turns === 0 ? FIRST_SHARE : FIT_SHARE))
      throw new ConversationError(
        'TOO_LONG',
        `what would be left has about ${left} tokens, and the limit is ${highTokens}: say less at once, or raise highTokens`,
      );
    return { messages: kept, instructions, report: shortened?.report ?? null };
  }
}
