import {
  noTokens,
  toUsd,
  totalInputTokens,
  type CacheEntry,
  type PicoUsd,
  type TokenCounts,
} from '../core/index.ts';
import type { HistoryMessage } from './message.ts';
import type { ConversationTotals } from './options.ts';
import type { Settings } from './settings.ts';

/** Sums that are kept with a conversation. */
export interface Sums {
  readonly turns: number;
  readonly summaries: number;
  readonly cuts: number;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
}

/** All that a conversation is; what is saved. */
export interface ConversationState {
  readonly settings: Settings;
  readonly messages: readonly HistoryMessage[];
  /** Instructions that follow what is said next. */
  readonly instructions: readonly string[];
  /** What it has written to the cache and may still read. */
  readonly entries: readonly CacheEntry[];
  /** Tokens of the whole prompt as last billed, with the answer; null where that is not known, as before the first bill. */
  readonly promptTokens: number | null;
  /** Billed tokens per estimated one. */
  readonly ratio: number;
  /** Length of the history that was sent last. */
  readonly sentMessages: number;
  readonly sums: Sums;
}

const noSums: Sums = { turns: 0, summaries: 0, cuts: 0, tokens: noTokens, costPicoUsd: 0n };

export function newState(settings: Settings): ConversationState {
  return {
    settings,
    messages: [],
    instructions: [],
    entries: [],
    promptTokens: null,
    ratio: 1,
    sentMessages: 0,
    sums: noSums,
  };
}

export function addTokens(a: TokenCounts, b: TokenCounts): TokenCounts {
  return {
    uncachedTokens: a.uncachedTokens + b.uncachedTokens,
    readTokens: a.readTokens + b.readTokens,
    write5mTokens: a.write5mTokens + b.write5mTokens,
    write1hTokens: a.write1hTokens + b.write1hTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}

export function toTotals({ turns, summaries, cuts, tokens, costPicoUsd }: Sums): ConversationTotals {
  const input = totalInputTokens(tokens);
  const hitRatio = input === 0 ? 0 : tokens.readTokens / input;
  return { turns, summaries, cuts, tokens, costUsd: toUsd(costPicoUsd), hitRatio };
}
