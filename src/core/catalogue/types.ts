/** Prices of a model from one day on. Units: pico-dollars per token, which is USD per MTok x 10^6. */
export interface PriceRecord {
  /** First day (UTC, `YYYY-MM-DD`) on which this price holds; the earliest record also holds before it. */
  readonly validFrom: string;
  readonly inputPicoUsd: number;
  readonly outputPicoUsd: number;
  /** Cache read price as thousandths of the input price: 100, 50 or 25 (spec 9). */
  readonly readPerMille: number;
  /** 5-minute write price in thousandths of the input price. */
  readonly write5mPerMille: number;
  /** 1-hour write price in thousandths of the input price. */
  readonly write1hPerMille: number;
  /** Prices of the whole request, output included, once its prompt is longer than `aboveTokens` (spec 9.1). */
  readonly longPrompt: {
    readonly aboveTokens: number;
    readonly inputPicoUsd: number;
    readonly outputPicoUsd: number;
  } | null;
  /** Base prices in fast mode; cache multipliers apply on top (spec 9.3). */
  readonly fast: { readonly inputPicoUsd: number; readonly outputPicoUsd: number } | null;
}

/** How a model treats thinking blocks (spec 7). */
export interface ThinkingRules {
  /** `keep-all`: old thinking stays in context. `last-turn-only`: it is stripped once a new user turn begins (7.2). */
  readonly history: 'keep-all' | 'last-turn-only';
  /** What an omitted `thinking` means. */
  readonly whenOmitted: 'adaptive' | 'disabled';
  /** Blocks are bound to model and account: one that cannot be read is dropped (7.4). */
  readonly isBound: boolean;
}

/** Tokens the service adds to the prompt when tools are present, by `tool_choice` (spec 9.6). */
export interface ToolOverhead {
  readonly autoTokens: number;
  /** null: `any` and `tool` are refused by this model. */
  readonly forcedTokens: number | null;
}

export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max';
export type Family = 'fable' | 'mythos' | 'opus' | 'sonnet' | 'haiku';

/** Everything the cache model, the estimator and the bill need to know of one model. */
export interface ModelFacts {
  readonly id: string;
  /** Other ids of the same model; they share its cache. */
  readonly aliases: readonly string[];
  readonly family: Family;
  /** Major and minor version, for resolving unknown ids to the nearest. */
  readonly version: readonly [number, number];
  /** Smallest cumulative prefix that a breakpoint can cache (spec 3). */
  readonly minCacheableTokens: number;
  readonly prices: readonly PriceRecord[];
  readonly thinking: ThinkingRules;
  readonly defaultEffort: Effort;
  /** Thinking and effort are rendered before tools, so that a change loses every level (spec 6). */
  readonly rendersConfigAhead: boolean;
  readonly tokenizer: 'classic' | 'modern';
  readonly toolOverhead: ToolOverhead;
  /** `inference_geo: "us"` is accepted, and costs a tenth more (spec 9.4). */
  readonly hasGeoPricing: boolean;
}
