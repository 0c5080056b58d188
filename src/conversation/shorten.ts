import type { RequestParts } from '../planner/index.ts';
import { weighCut } from './break-even.ts';
import { dropOldest, dropToolResults, isSummary, unbindThinking, type Cut, type CutBudget } from './cut.ts';
import { pendingCalls } from './history.ts';
import type { Limits } from './limits.ts';
import { isToolResult, type HistoryMessage } from './message.ts';
import type { ConversationAnswer, CutReport, CutStrategy } from './options.ts';
import type { Requests } from './requests.ts';
import type { Summaries, SummaryResult } from './summaries.ts';
import type { Summary } from './summary.ts';

/** A history that must become shorter. */
export interface LongHistory {
  /** With what is said now, which is the last message. */
  readonly messages: readonly HistoryMessage[];
  /** The same without it. */
  readonly history: readonly HistoryMessage[];
  readonly said: HistoryMessage;
  /** How many messages of the history were sent last: all but the answer to them. */
  readonly sentMessages: number;
  readonly tokens: number;
  readonly reason: CutReport['reason'];
}

/** A cut that was made, ready to be sent. */
export interface Shortened {
  readonly messages: readonly HistoryMessage[];
  readonly tokens: number;
  readonly report: CutReport;
}

interface Made {
  readonly cut: Cut | null;
  readonly strategy: CutReport['strategy'];
  readonly fallback: string | null;
  readonly summaryPicoUsd: bigint;
}

/** Of what may stand behind what is pinned, a cut leaves at least this share to the history. */
const HISTORY_SHARE_MIN = 0.1;

/** Makes a history shorter, by large steps. */
export class Shortener<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly #requests: Requests<Body, Answer>;
  readonly #summaries: Summaries<Body, Answer>;
  readonly #strategy: Exclude<CutStrategy, 'api'>;
  readonly #limits: Limits;

  constructor(
    requests: Requests<Body, Answer>,
    summaries: Summaries<Body, Answer>,
    strategy: Exclude<CutStrategy, 'api'>,
    limits: Limits,
  ) {
    this.#requests = requests;
    this.#summaries = summaries;
    this.#strategy = strategy;
    this.#limits = limits;
  }

  /** Tokens of what stands before the messages. */
  get #pinnedTokens(): number {
    const { sizes, settings, ratio } = this.#requests;
    return sizes.pinned(settings) * ratio;
  }

  sizeOf(messages: readonly HistoryMessage[]): number {
    return this.#requests.sizes.sumMessages(messages) * this.#requests.ratio;
  }

  /** Tokens of the whole prompt by estimate. */
  promptTokens(messages: readonly HistoryMessage[]): number {
    return Math.ceil(this.#pinnedTokens + this.sizeOf(messages));
  }

  /** The most tokens that a turn may have: a request for a summary must fit behind it. */
  get highTokens(): number {
    const { highTokens, lowTokens } = this.#limits;
    if (this.#strategy !== 'summarise') return highTokens;
    return Math.max(lowTokens, highTokens - this.#requests.sizes.of(this.#summaries.request).high);
  }

  #budget(reservedTokens: number): CutBudget {
    const { highTokens, lowTokens, lowTurns } = this.#limits;
    const pinned = this.#pinnedTokens;
    const low = Math.max(lowTokens, pinned + HISTORY_SHARE_MIN * (highTokens - pinned));
    return {
      tokens: low - pinned - reservedTokens,
      turns: lowTurns,
      sizeOf: (messages) => this.sizeOf(messages),
    };
  }

  /** The cut that `drop-oldest` would make. */
  preview(messages: readonly HistoryMessage[]): Cut | null {
    return dropOldest(messages, this.#budget(0));
  }

  /** null where nothing can go. */
  async shorten(
    long: LongHistory,
    isWarm: boolean,
    ttl: '5m' | '1h',
    atMs: number,
  ): Promise<Shortened | null> {
    const made = await this.#make(long);
    const { cut } = made;
    if (!cut) return null;
    const messages = this.#requests.facts.thinking.isBound ? unbindThinking(cut.messages) : cut.messages;
    const keptTokens = this.sizeOf(messages);
    const first = messages[0]?.content[0];
    const sizes = {
      keptTokens,
      droppedTokens: Math.max(0, this.sizeOf(long.messages) - keptTokens),
      isWarm,
      summaryPicoUsd: made.summaryPicoUsd,
    };
    const afterTokens = this.promptTokens(messages);
    const report: CutReport = {
      atMs,
      reason: long.reason,
      strategy: made.strategy,
      fallback: made.fallback,
      beforeTokens: Math.ceil(long.tokens),
      afterTokens,
      dropped: cut.dropped,
      summary: isSummary(first) ? String(first['text']) : null,
      breakEven: weighCut(sizes, this.#requests.facts, ttl, atMs),
    };
    return { messages, tokens: afterTokens, report };
  }

  async #make(long: LongHistory): Promise<Made> {
    const made = { strategy: this.#strategy, fallback: null, summaryPicoUsd: 0n };
    const budget = this.#budget(0);
    // A summary is paid for: first see whether there is anything that it could stand for.
    const canDrop = this.#strategy !== 'summarise' || dropOldest(long.messages, budget) !== null;
    if (!canDrop) return { ...made, strategy: 'drop-oldest', cut: null };
    if (this.#strategy === 'summarise') return this.#summarise(long);
    if (this.#strategy === 'drop-oldest') return { ...made, cut: dropOldest(long.messages, budget) };
    const lean = dropToolResults(long.messages, budget);
    const left = lean?.messages ?? long.messages;
    if (lean && budget.sizeOf(left) <= budget.tokens && long.reason === 'tokens')
      return { ...made, cut: lean };
    const shorter = dropOldest(left, budget);
    const fallback =
      'without the tool results it was still too long, so the oldest turns were dropped as well';
    if (!shorter) return { ...made, cut: lean };
    return {
      ...made,
      fallback,
      cut: { ...shorter, dropped: [...(lean?.dropped ?? []), ...shorter.dropped] },
    };
  }

  #cutBehind(long: LongHistory, summary: Summary): Cut | null {
    return dropOldest(
      long.messages,
      this.#budget(this.sizeOf([{ role: 'user', content: [summary.block] }])),
      summary,
    );
  }

  async #summarise(long: LongHistory): Promise<Made> {
    const ahead = await this.#summaries.takeAhead();
    const early = ahead ? this.#cutBehind(long, ahead) : null;
    const { highTokens, lowTokens } = this.#limits;
    // What was said since it was made stays, so that less goes than otherwise: half the way down is still a large cut.
    if (ahead && early && this.promptTokens(early.messages) <= (lowTokens + highTokens) / 2)
      return { cut: early, strategy: 'summarise', fallback: null, summaryPicoUsd: ahead.costPicoUsd };
    const result = await this.#askSummary(long);
    const cut = 'summary' in result ? this.#cutBehind(long, result.summary) : null;
    const isShort = cut !== null && this.promptTokens(cut.messages) <= this.#limits.highTokens;
    if ('summary' in result && isShort)
      return { cut, strategy: 'summarise', fallback: null, summaryPicoUsd: result.summary.costPicoUsd };
    const why = 'problem' in result ? result.problem : 'what came after it was too long still';
    const fallback = `no summary could take their place, so the oldest turns were dropped: ${why}`;
    const dropped = dropOldest(long.messages, this.#budget(0));
    return { cut: dropped, strategy: 'drop-oldest', fallback, summaryPicoUsd: 0n };
  }

  /**
   * A summary of all that was said before, where the request for it fits under the limit; else of what was sent last, which
   * is in the cache to the last block.
   */
  async #askSummary({ history, said, tokens, sentMessages }: LongHistory): Promise<SummaryResult> {
    const { sizes } = this.#requests;
    const results = pendingCalls(history).length > 0 ? said.content.filter(isToolResult) : [];
    const added = sizes.sum([...results, this.#summaries.request], 'high');
    if (tokens - sizes.sum(said.content, 'high') + added <= this.#limits.highTokens)
      return this.#summaries.make(history, results);
    const sent = history.slice(0, sentMessages);
    const sentTokens = this.promptTokens(sent) + sizes.of(this.#summaries.request).high;
    if (sent.length > 0 && sentTokens <= this.#limits.highTokens) return this.#summaries.make(sent, []);
    return { problem: 'the request for it is over the limit' };
  }
}
