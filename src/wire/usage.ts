import { isObject, noTokens, type PricingContext, type TokenCounts } from '../core/index.ts';

/** `usage.cache_creation`: written tokens by TTL (spec 5.2). */
export interface WireCacheCreation {
  readonly ephemeral_5m_input_tokens: number;
  readonly ephemeral_1h_input_tokens: number;
}

/** One entry of `usage.iterations` (spec 5.3). */
export interface WireIteration {
  readonly type: string;
  readonly model?: string | null;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_creation?: WireCacheCreation | null;
}

/** `usage.server_tool_use`. */
export interface WireServerToolUse {
  readonly web_search_requests: number;
  readonly web_fetch_requests: number;
  readonly code_execution_requests?: number;
}

/** `usage` of a Messages response (spec 5.2). `input_tokens` is only what follows the last effective breakpoint. */
export interface WireUsage {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation?: WireCacheCreation | null;
  readonly output_tokens: number;
  readonly output_tokens_details?: { readonly thinking_tokens: number } | null;
  readonly server_tool_use?: WireServerToolUse | null;
  readonly service_tier?: 'standard' | 'priority' | 'batch' | null;
  readonly inference_geo?: string | null;
  readonly speed?: 'standard' | 'fast' | null;
  readonly iterations?: readonly WireIteration[] | null;
}

/** One billed step of a request; `type` is `message`, `compaction`, `advisor_message` or `fallback_message` today. */
export interface BilledIteration extends TokenCounts {
  readonly type: string;
  readonly model: string | null;
}

/** How often server tools ran. */
export interface ServerToolRequests {
  readonly webSearchRequests: number;
  readonly webFetchRequests: number;
  readonly codeExecutionRequests: number;
}

/** What a request was billed for. */
export interface BilledUsage extends TokenCounts {
  readonly serviceTier: string | null;
  readonly speed: string | null;
  readonly inferenceGeo: string | null;
  readonly serverToolUse: ServerToolRequests;
  /** Null where the response had none; where present, these are what costs money (spec 5.3). */
  readonly iterations: readonly BilledIteration[] | null;
}

const NO_USAGE: BilledUsage = {
  ...noTokens,
  serviceTier: null,
  speed: null,
  inferenceGeo: null,
  serverToolUse: { webSearchRequests: 0, webFetchRequests: 0, codeExecutionRequests: 0 },
  iterations: null,
};

/**
 * Reads a wire `usage`, or null where the value is not an object at all (no usage is not the same as a usage of zeros).
 * Absent, null and malformed counters are 0. Written tokens that no TTL claims count as 5m, the default TTL (spec 1.4).
 * Never throws.
 *
 * @example
 * readUsage({ input_tokens: 3, cache_read_input_tokens: 900, output_tokens: 5 })?.readTokens; // 900
 */
export function readUsage(value: unknown): BilledUsage | null {
  return isObject(value) ? overwriteUsage(NO_USAGE, value) : null;
}

/**
 * Lays the cumulative usage of a `message_delta` over what is known so far (null: nothing yet). What the delta has
 * overwrites, what it lacks stays, nothing is added (spec 5.4). The delta has only the total of written tokens: the part
 * known to be 1h stays so, the rest is 5m, for what a stream adds comes from the 5m breakpoints of server tools (spec 2.5).
 */
export function mergeUsage(known: BilledUsage | null, delta: unknown): BilledUsage | null {
  return isObject(delta) ? overwriteUsage(known ?? NO_USAGE, delta) : known;
}

function overwriteUsage(known: BilledUsage, wire: Record<string, unknown>): BilledUsage {
  return {
    ...readCounters(known, wire),
    serviceTier: readText(wire['service_tier']) ?? known.serviceTier,
    speed: readText(wire['speed']) ?? known.speed,
    inferenceGeo: readText(wire['inference_geo']) ?? known.inferenceGeo,
    serverToolUse: readServerToolUse(wire['server_tool_use']) ?? known.serverToolUse,
    iterations: readIterations(wire['iterations']) ?? known.iterations,
  };
}

function readCounters(known: TokenCounts, wire: Record<string, unknown>): TokenCounts {
  return {
    uncachedTokens: readCount(wire['input_tokens']) ?? known.uncachedTokens,
    readTokens: readCount(wire['cache_read_input_tokens']) ?? known.readTokens,
    ...readWrites(known, wire),
    outputTokens: readCount(wire['output_tokens']) ?? known.outputTokens,
  };
}

type Writes = Pick<TokenCounts, 'write5mTokens' | 'write1hTokens'>;

function readWrites(known: Writes, wire: Record<string, unknown>): Writes {
  const total = readCount(wire['cache_creation_input_tokens']);
  const split = wire['cache_creation'];
  if (isObject(split)) {
    const write5mTokens = readCount(split['ephemeral_5m_input_tokens']) ?? 0;
    const write1hTokens = readCount(split['ephemeral_1h_input_tokens']) ?? 0;
    return { write5mTokens: Math.max(write5mTokens, (total ?? 0) - write1hTokens), write1hTokens };
  }
  if (total === null) return { write5mTokens: known.write5mTokens, write1hTokens: known.write1hTokens };
  const write1hTokens = Math.min(known.write1hTokens, total);
  return { write5mTokens: total - write1hTokens, write1hTokens };
}

function readServerToolUse(value: unknown): ServerToolRequests | null {
  if (!isObject(value)) return null;
  return {
    webSearchRequests: readCount(value['web_search_requests']) ?? 0,
    webFetchRequests: readCount(value['web_fetch_requests']) ?? 0,
    codeExecutionRequests: readCount(value['code_execution_requests']) ?? 0,
  };
}

function readIterations(value: unknown): readonly BilledIteration[] | null {
  if (!Array.isArray(value)) return null;
  const entries: readonly unknown[] = value;
  return entries.filter(isObject).map((entry) => ({
    type: readText(entry['type']) ?? 'message',
    model: readText(entry['model']),
    ...readCounters(NO_USAGE, entry),
  }));
}

/** Null for whatever is not a whole number from 0. */
function readCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function readText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** What decides the price, from the answer's own usage. */
export function pricingOf(usage: BilledUsage, atMs: number): PricingContext {
  return {
    atMs,
    isBatch: usage.serviceTier === 'batch',
    inferenceGeo: usage.inferenceGeo,
    speed: usage.speed,
    platform: null,
    isRegionalEndpoint: false,
  };
}
