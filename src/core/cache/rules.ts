/** Lifetime of an entry, chosen by the marker that writes it (spec 4.1). */
export type Ttl = '5m' | '1h';

/** The four-breakpoint limit of one request, top-level marker included (spec 1.6, 2.1). */
export const BREAKPOINTS_MAX = 4;

/** Positions a breakpoint looks at, itself being the first (spec 2.2). */
export const LOOKBACK_POSITIONS = 20;

/**
 * Questions about the service that no source settles (spec 15), one switch each. The defaults are
 * the ones of spec 15; change one to see what it would mean.
 */
export interface OpenQuestions {
  /** Do batch requests read and write the same entries as others? */
  readonly batchSharesEntries: boolean;
  /** Does `inference_geo` partition the cache? */
  readonly geographyInKey: boolean;
  /** Does the set of `anthropic-beta` values partition the cache? */
  readonly betaHeadersInKey: boolean;
  /** Does reading a 5m entry under a 1h marker make it a 1h entry? */
  readonly readUpgradesTtl: boolean;
  /** Does a breakpoint below the hit write its own missing entry again, free of charge? */
  readonly rewritesBelowHit: boolean;
  /** Which ends inside a collapsed run of tool blocks are tested: every one, or only the last. */
  readonly collapsedRunEnds: 'any' | 'last';
  /** Do the service's own breakpoints after server-tool results count toward four and TTL order? */
  readonly serverBreakpointsCount: boolean;
  /** Where thinking and effort are rendered: by model, or the same for all. */
  readonly configRender: 'model' | 'ahead' | 'messages';
  /** The level that a change of `output_config.format` loses. */
  readonly outputFormatLevel: 'system' | 'messages';
  /** The level at which the tokens that depend on `tool_choice` are rendered. */
  readonly toolChoiceOverheadLevel: 'system' | 'messages';
  /** How long a fingerprint for cache diagnostics is kept, in ms. */
  readonly fingerprintLifetimeMs: number;
  /** Entries are dropped this long after their last use although their TTL holds; null: never. */
  readonly earlyEvictionMs: number | null;
  /** What the long-prompt price step of Haiku 5.5 looks at: all input, or only what was not read. */
  readonly longPromptCounts: 'total-input' | 'not-read';
  /** Is a 1h entry readable when a 5m entry that it was written on top of has expired? */
  readonly entriesAre: 'self-contained' | 'layered';
  /** Which entries a read refreshes: every live one on its path, or only the one it hit. */
  readonly readRefreshes: 'path' | 'hit';
}

/** The defaults of spec 15. */
export const defaultOpenQuestions: OpenQuestions = {
  batchSharesEntries: true,
  geographyInKey: false,
  betaHeadersInKey: false,
  readUpgradesTtl: false,
  rewritesBelowHit: false,
  collapsedRunEnds: 'any',
  serverBreakpointsCount: false,
  configRender: 'model',
  outputFormatLevel: 'messages',
  toolChoiceOverheadLevel: 'messages',
  // Published only as "a short period" (spec 10.1): the lifetime of the longest entry.
  fingerprintLifetimeMs: 3_600_000,
  earlyEvictionMs: null,
  longPromptCounts: 'total-input',
  entriesAre: 'self-contained',
  readRefreshes: 'path',
};

/** Everything `cacheStep` needs to know besides state and request. */
export interface CacheRules {
  /** How long an entry of each TTL lives after a request that wrote or read it began, in ms (spec 4.1). */
  readonly ttlMs: { readonly [T in Ttl]: number };
  /** How much longer an entry stays readable in fact (spec 4.7), in ms. */
  readonly slackMs: number;
  readonly open: OpenQuestions;
}

/** The documented rules: 300 s, 3,600 s, no slack. */
export const defaultCacheRules: CacheRules = {
  ttlMs: { '5m': 300_000, '1h': 3_600_000 },
  slackMs: 0,
  open: defaultOpenQuestions,
};

/** Rules with every TTL divided by a factor, for tests in real time. */
export function scaleTtls(rules: CacheRules, factor: number): CacheRules {
  return { ...rules, ttlMs: { '5m': rules.ttlMs['5m'] / factor, '1h': rules.ttlMs['1h'] / factor } };
}
