/** Prices of one model in units of one uncached input token, and its minimum. */
export interface PlanPrices {
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly minCacheableTokens: number;
}

/** What a breakpoint is for. */
export type PlaceName = 'tools-end' | 'system-end' | 'documents-end' | 'shared' | 'tail' | 'read';

/**
 * `lone`: a single message, without tools, system prompt and turns before; most such requests are asked once.
 * `left`: the client marks what stands before the conversation and leaves the conversation alone; it may know why.
 */
export type TailKind = 'plain' | 'lone' | 'left';

/** A part of the prompt that changes more seldom than what follows. */
export interface LayerEnd {
  readonly place: 'tools-end' | 'system-end' | 'documents-end';
  readonly length: number;
}

/**
 * A request as the learned planner sees it: a chain of prefixes, each named by a number that no other prefix has. All
 * arrays count by block, and hold at least `length` elements.
 */
export interface PlannedRequest {
  readonly atMs: number;
  readonly length: number;
  /** Of 48 bits: larger ones may be taken for others. */
  readonly keys: ArrayLike<number>;
  /** Tokens up to and including each block. */
  readonly cumulativeTokens: ArrayLike<number>;
  /** Lookback positions (spec 2.2). */
  readonly positions: ArrayLike<number>;
  /** The most that those tokens may count, for the model's minimum. */
  readonly cumulativeHighTokens: ArrayLike<number>;
  /** Layers that have blocks, with the number of blocks up to their ends; ascending. */
  readonly layers: readonly LayerEnd[];
  /** Whether a person or a tool spoke last: it decides how soon the next turn comes. */
  readonly newest: 'user' | 'tool';
  /** What the request itself says of whether it will go on. */
  readonly tail: TailKind;
  /** What requests of one application share: a number for their tools and system. */
  readonly application: number;
  readonly prices: PlanPrices;
  /** 20 (spec 2.2); Infinity where blocks are not known. */
  readonly lookbackPositions: number;
  /** May a breakpoint stand on this block? */
  canMark(index: number): boolean;
}

/** Where a breakpoint should stand, for how long its entry should live, and what speaks for it. */
export interface PlannedBreakpoint {
  readonly index: number;
  readonly isHour: boolean;
  readonly place: PlaceName;
  /** Probabilities that the next use comes within five minutes and within the hour. */
  readonly within5m: number;
  readonly within1h: number;
}
