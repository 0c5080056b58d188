/** What a bound needs of a model's prices, in uncached input tokens. */
export interface BoundPrices {
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly minCacheableTokens: number;
}

/** How long entries live after the latest request that wrote or read them, ms. */
export interface Lifetimes {
  readonly live5mMs: number;
  readonly live1hMs: number;
}

/** Pings that carry a prefix over a gap when an entry ends exactly `lifetimeMs` after each of them. */
export function pingsToBridge(gapMs: number, lifetimeMs: number): number {
  return gapMs <= lifetimeMs ? 0 : Math.ceil(gapMs / lifetimeMs) - 1;
}

/** Pings when the entry lives 5 minutes first and an hour from the first ping on; at least that one. */
export function pingsToUpgrade(gapMs: number, { live5mMs, live1hMs }: Lifetimes): number {
  return 1 + pingsToBridge(gapMs - live5mMs, live1hMs);
}
