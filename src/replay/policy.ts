import type { OpenQuestions } from '../core/index.ts';
import type { Trace } from './trace/trace.ts';

/** Classes of TTL as numbers, for columns. */
export const TTL_5M = 0;
export const TTL_1H = 1;

/** Where the breakpoints of one request or ping go; one object is filled again and again. */
export interface PlacementBuffer {
  /** 0 to 4. */
  count: number;
  /** Prefixes on the request's own path, shortest first. */
  readonly prefixIds: Int32Array;
  /** `TTL_5M` or `TTL_1H`; every `TTL_1H` before every `TTL_5M` (spec 4.6). */
  readonly ttls: Uint8Array;
}

/** What the cache did for one request or ping; one object is filled again and again. */
export interface ReplayOutcome {
  readTokens: number;
  write5mTokens: number;
  write1hTokens: number;
  uncachedTokens: number;
  /** The longest prefix read; `NO_PREFIX` when nothing was. */
  hitPrefixId: number;
}

/** Prices of one model in units of one uncached input token, its minimum, and a token's price in dollars. */
export interface ReplayPrices {
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly minCacheableTokens: number;
  readonly inputUsdPerToken: number;
  readonly outputUsdPerToken: number;
}

/** What a policy may know besides the requests. */
export interface PolicyContext {
  /** By the trace's model numbers. */
  readonly prices: readonly ReplayPrices[];
  /** Tokens that a ping costs beyond the prefix that it reads, uncached. */
  readonly pingOverheadTokens: number;
  /** How the service keeps entries above shorter ones (spec 15). */
  readonly entriesAre: OpenQuestions['entriesAre'];
  /** Whether the simulated cache could serve a prefix at a time: a policy that keeps its own books need not ask. */
  isReadable(prefixId: number, atMs: number): boolean;
  /** When the longest-lived entry of a prefix ends, by class; -Infinity without one. */
  expiresMs(prefixId: number, ttl: number): number;
}

/** Sends a ping: `max_tokens: 0` over an already seen prefix, marked there. Its outcome is valid until the next one. */
export type SendPing = (prefixId: number, ttl: number, model: number) => Readonly<ReplayOutcome>;

/** A policy on its way through one trace. Requests come in the order of their numbers. */
export interface PolicyRun {
  /** Fills in the breakpoints of a request that is sent now. Only a clairvoyant policy looks at later requests. */
  place(request: number, placements: PlacementBuffer, sendMs: number): void;
  /** Learns what became of a request, right after it. */
  observe?(request: number, outcome: Readonly<ReplayOutcome>): void;
  /** When it wants to be woken next, for pings; Infinity: never. */
  nextWakeMs?(): number;
  wake?(nowMs: number, sendPing: SendPing): void;
  /** The gate: when the request should go out, now or later; asked when it comes, and again when that time has come. */
  sendAtMs?(request: number, nowMs: number): number;
}

/** A rule for breakpoints, TTLs and pings that can be run on any trace. */
export interface ReplayPolicy {
  readonly name: string;
  /** One sentence for people. */
  readonly summary: string;
  readonly isClairvoyant: boolean;
  start(trace: Trace, context: PolicyContext): PolicyRun;
}
