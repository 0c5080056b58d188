import type { Block, Breakpoint, PrefixId } from '../../core/index.ts';

/** Pico-dollars for one token of input. */
export interface InputRates {
  readonly uncachedPicoUsd: number;
  readonly readPicoUsd: number;
  readonly write5mPicoUsd: number;
  readonly write1hPicoUsd: number;
}

/** What became of the client's own breakpoints, according to the model of the cache. */
export interface ClientMarkers {
  readonly breakpoints: readonly Breakpoint[];
  /** Last block of what they let the request read; -1 when nothing. */
  readonly hitIndex: number;
}

/** A request as the watch sees it. Arrays count by block. */
export interface WatchedRequest {
  readonly scope: string;
  readonly model: string;
  readonly atMs: number;
  readonly blocks: readonly Block[];
  readonly prefixIds: readonly PrefixId[];
  readonly cumulativeTokens: readonly number[];
  /** The most that the whole prompt may count, for the model's minimum. */
  readonly highTokens: number;
  readonly minCacheableTokens: number;
  /** What was read, according to the model of the cache. */
  readonly readTokens: number;
  readonly client: ClientMarkers;
  readonly rates: InputRates;
}

/** Tokens of the prompt up to and including a block; 0 before the first. */
export function tokensUpTo({ cumulativeTokens }: WatchedRequest, index: number): number {
  return cumulativeTokens[index] ?? 0;
}

/** Tokens of one block. */
export function tokensOf(request: WatchedRequest, index: number): number {
  return tokensUpTo(request, index) - tokensUpTo(request, index - 1);
}

/** Number of blocks before the messages: they are what requests of one application share. */
export function headLengthOf({ blocks }: WatchedRequest): number {
  const first = blocks.findIndex((block) => block.level === 'messages');
  return first < 0 ? blocks.length : first;
}
