import type { JsonObject } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { weighCut } from './break-even.ts';
import { isCompaction } from './compaction.ts';
import {
  compactionPoint,
  dropOldest,
  dropToolResults,
  firstMessages,
  isSummary,
  keepBehindBlock,
  unbindThinking,
  type Cut,
  type CutBudget,
} from './cut.ts';
import { pendingCalls } from './history.ts';
import { fitTokens, type Limits } from './limits.ts';
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
  /** Tokens of instructions, which stand behind what is left. */
  readonly instructionTokens: number;
  /** What everything new may count beyond its estimate. */
  readonly marginTokens: number;
  readonly reason: CutReport['reason'];
}

/** A cut that was made, ready to be sent. */
export interface Shortened {
  readonly messages: readonly HistoryMessage[];
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
/** How far above the shortest prefix that can be cached an estimate has to be. */
const CACHEABLE_MARGIN_MIN = 1.02;

const OVER_THE_LIMIT = 'the request for it is over the limit';

export interface ShortenerOptions {
  readonly strategy: CutStrategy;
  readonly limits: Limits;
  /** Asks for a summary: it has to fit behind the history. */
  readonly summaryRequest: JsonObject;
  /** The most tokens of a summary. */
  readonly summaryTokens: number;
}

/** The block that tells what went before this message; null without one. */
function toldIn(message: HistoryMessage | undefined): string | null {
  const block = message?.content[0];
  if (isCompaction(block)) return String(block['content']);
  return isSummary(block) ? String(block['text']) : null;
}

/** Makes a history shorter, by large steps. */
export class Shortener<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly #requests: Requests<Body, Answer>;
  readonly #summaries: Summaries;
  readonly #options: ShortenerOptions;

  constructor(requests: Requests<Body, Answer>, summaries: Summaries, options: ShortenerOptions) {
    this.#requests = requests;
    this.#summaries = summaries;
    this.#options = options;
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
    const { strategy, limits, summaryRequest } = this.#options;
    const { highTokens, lowTokens } = limits;
    if (strategy !== 'summarise') return highTokens;
    return Math.max(lowTokens, highTokens - this.#requests.sizes.of(summaryRequest).high);
  }

  /** Does a request for a summary of a prompt of so many tokens fit under the limit? */
  canSummarise(tokens: number): boolean {
    const { strategy, limits, summaryRequest } = this.#options;
    const requestTokens = strategy === 'summarise' ? this.#requests.sizes.of(summaryRequest).high : 0;
    return tokens + requestTokens <= limits.highTokens;
  }

  /**
   * @param reservedTokens for what will stand before or behind the messages that stay
   * @param marginTokens that may be more than is estimated
   */
  #budget(messages: readonly HistoryMessage[], reservedTokens: number, marginTokens: number): CutBudget {
    const { highTokens, lowTokens, lowTurns, firstTurns } = this.#options.limits;
    const first = firstMessages(messages, firstTurns);
    const pinned = this.#pinnedTokens + this.sizeOf(messages.slice(0, first));
    const low = Math.max(lowTokens, pinned + HISTORY_SHARE_MIN * (highTokens - pinned));
    const most = fitTokens(this.#options.limits, marginTokens);
    const cacheable = this.#requests.facts.minCacheableTokens * CACHEABLE_MARGIN_MIN;
    return {
      tokens: Math.min(low, most) - pinned - reservedTokens,
      leastTokens: cacheable - pinned,
      mostTokens: Math.min((low + highTokens) / 2, most) - pinned - reservedTokens,
      turns: Math.max(1, lowTurns - firstTurns),
      first,
      sizeOf: (messages) => this.sizeOf(messages),
    };
  }

  /** The cut that `drop-oldest` would make. */
  preview(messages: readonly HistoryMessage[]): Cut | null {
    return dropOldest(messages, this.#budget(messages, 0, 0));
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
    // Behind a summary that the API has signed thinking stays valid.
    const isBroken = made.strategy !== 'api' && this.#requests.facts.thinking.isBound;
    const first = firstMessages(long.messages, this.#options.limits.firstTurns);
    const [head, rest] = [cut.messages.slice(0, first), cut.messages.slice(first)];
    const messages = isBroken ? [...head, ...unbindThinking(rest)] : cut.messages;
    const keptTokens = this.sizeOf(messages);
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
      summary: toldIn(messages[first]),
      breakEven: weighCut(sizes, this.#requests.facts, ttl, atMs),
    };
    return { messages, report };
  }

  async #make(long: LongHistory): Promise<Made> {
    const { strategy } = this.#options;
    const made = { strategy, fallback: null, summaryPicoUsd: 0n };
    const budget = this.#budget(long.messages, long.instructionTokens, long.marginTokens);
    const plain = dropOldest(long.messages, budget);
    if (strategy === 'drop-oldest') return { ...made, cut: plain };
    // A summary is paid for: first see whether there is anything that it could stand for.
    const isWritten = strategy === 'summarise' || strategy === 'api';
    if (isWritten && !plain) return { ...made, strategy: 'drop-oldest', cut: null };
    if (strategy === 'summarise') return this.#summarise(long);
    if (strategy === 'api') return this.#compact(long);
    const lean = dropToolResults(long.messages, budget);
    const left = lean?.messages ?? long.messages;
    if (lean && budget.sizeOf(left.slice(budget.first)) <= budget.tokens && long.reason === 'tokens')
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
      this.#budget(long.messages, long.instructionTokens, long.marginTokens),
      summary,
    );
  }

  async #summarise(long: LongHistory): Promise<Made> {
    const cutBehind = (summary: Summary): Cut | null => this.#cutBehind(long, summary);
    return this.#standIn(long, cutBehind, () => this.#askSummary(long));
  }

  /** The API summarises what would go, and that alone: the rest stays word for word. */
  async #compact(long: LongHistory): Promise<Made> {
    const { limits, summaryTokens } = this.#options;
    const cutBehind = (summary: Summary): Cut => keepBehindBlock(long.messages, summary);
    return this.#standIn(long, cutBehind, async () => {
      const blockTokens = Math.min(summaryTokens, limits.lowTokens / 4);
      const budget = this.#budget(long.messages, blockTokens + long.instructionTokens, long.marginTokens);
      const point = compactionPoint(long.messages, budget);
      if (point === null) return { problem: 'there is nothing that it could stand for' };
      const older = long.messages.slice(0, point);
      if (this.promptTokens(older) > fitTokens(limits, 0)) return { problem: OVER_THE_LIMIT };
      return this.#summaries.make(older, []);
    });
  }

  /** Puts a summary in the place of what goes: the one that was made ahead, else a new one, else none. */
  async #standIn(
    long: LongHistory,
    cutBehind: (summary: Summary) => Cut | null,
    ask: () => Promise<SummaryResult>,
  ): Promise<Made> {
    const { strategy, limits } = this.#options;
    const { highTokens, lowTokens } = limits;
    const ahead = await this.#summaries.takeAhead();
    const early = ahead ? cutBehind(ahead) : null;
    // What was said since it was made stays, so that less goes than otherwise: half the way down is still a large cut.
    if (ahead && early && this.promptTokens(early.messages) <= (lowTokens + highTokens) / 2)
      return { cut: early, strategy, fallback: null, summaryPicoUsd: ahead.costPicoUsd };
    const result = await ask();
    const cut = 'summary' in result ? cutBehind(result.summary) : null;
    const most = fitTokens(limits, long.marginTokens) - long.instructionTokens;
    const isShort = cut !== null && this.promptTokens(cut.messages) <= most;
    if ('summary' in result && isShort)
      return { cut, strategy, fallback: null, summaryPicoUsd: result.summary.costPicoUsd };
    const why = 'problem' in result ? result.problem : 'what came after it was too long still';
    const fallback = `no summary could take their place, so the oldest turns were dropped: ${why}`;
    const dropped = dropOldest(
      long.messages,
      this.#budget(long.messages, long.instructionTokens, long.marginTokens),
    );
    return { cut: dropped, strategy: 'drop-oldest', fallback, summaryPicoUsd: 0n };
  }

  /**
   * A summary of all that was said before, where the request for it fits under the limit; else of what was sent last, which
   * is in the cache to the last block.
   */
  async #askSummary({ history, said, tokens, sentMessages }: LongHistory): Promise<SummaryResult> {
    const { sizes } = this.#requests;
    const { summaryRequest, limits } = this.#options;
    const results = pendingCalls(history).length > 0 ? said.content.filter(isToolResult) : [];
    const added = sizes.sum([...results, summaryRequest], 'high');
    if (tokens - sizes.sum(said.content, 'high') + added <= limits.highTokens)
      return this.#summaries.make(history, results);
    const sent = history.slice(0, sentMessages);
    const sentTokens = this.promptTokens(sent) + sizes.of(summaryRequest).high;
    if (sent.length > 0 && sentTokens <= limits.highTokens) return this.#summaries.make(sent, []);
    return { problem: OVER_THE_LIMIT };
  }
}
