import { isObject, totalInputTokens, type JsonObject, type TokenCounts, type Ttl } from '../core/index.ts';

/** What was billed, and what decides its price. */
export interface WarmUsage {
  readonly tokens: TokenCounts;
  readonly speed: string | null;
  readonly inferenceGeo: string | null;
}

function readCount(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

const readText = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function readWrites(usage: JsonObject): Pick<TokenCounts, 'write5mTokens' | 'write1hTokens'> {
  const total = readCount(usage['cache_creation_input_tokens']);
  const split = isObject(usage['cache_creation']) ? usage['cache_creation'] : {};
  const write1hTokens = readCount(split['ephemeral_1h_input_tokens']);
  const write5mTokens = Math.max(readCount(split['ephemeral_5m_input_tokens']), total - write1hTokens);
  return { write5mTokens, write1hTokens };
}

/** The usage of a message; null where it has none that could be a bill (spec 5.2). */
export function readWarmUsage(message: unknown): WarmUsage | null {
  const usage = isObject(message) ? message['usage'] : null;
  if (!isObject(usage)) return null;
  const tokens = {
    uncachedTokens: readCount(usage['input_tokens']),
    readTokens: readCount(usage['cache_read_input_tokens']),
    ...readWrites(usage),
    outputTokens: readCount(usage['output_tokens']),
  };
  if (totalInputTokens(tokens) === 0) return null;
  return { tokens, speed: readText(usage['speed']), inferenceGeo: readText(usage['inference_geo']) };
}

/** What a bill says became of the last shared block: it was written now, it was there already, or it is too short. */
export type Verified =
  | { readonly status: 'wrote'; readonly ttl: Ttl }
  | { readonly status: 'already-warm' }
  | { readonly status: 'below-minimum' };

/**
 * Judges by the bill alone. The last eligible breakpoint is either read or written (spec 4.5), and one that is too short
 * leaves both counters at 0 unless a shorter one counts, which it cannot.
 *
 * @param asked TTL of the last marker; the bill wins where it says otherwise
 */
export function verify({ write5mTokens, write1hTokens, readTokens }: TokenCounts, asked: Ttl): Verified {
  if (write5mTokens + write1hTokens === 0) {
    return { status: readTokens > 0 ? 'already-warm' : 'below-minimum' };
  }
  const isLong = write5mTokens === 0 || (asked === '1h' && write1hTokens > 0);
  return { status: 'wrote', ttl: isLong ? '1h' : '5m' };
}

/** Why a request was not answered with a message. */
export interface Failure {
  /** HTTP status; null where nothing answered. */
  readonly status: number | null;
  readonly retryAfterMs: number | null;
  readonly message: string;
}

const MESSAGE_LENGTH_MAX = 200;

/** What looks like a credential in a text that others wrote. */
const CREDENTIALS =
  /(?:x-api-key|authorization)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?[^\s"',]+|\bbearer\s+[^\s"',]+|\bsk-[\w-]{6,}/gi;

/** A text of others, short and without what looks like a credential. */
export function cleanText(text: string): string {
  return text.replaceAll(CREDENTIALS, '[credential]').slice(0, MESSAGE_LENGTH_MAX);
}

function headerOf(headers: unknown, name: string): string | null {
  if (headers instanceof Headers) return headers.get(name);
  return isObject(headers) ? readText(headers[name]) : null;
}

const SECOND_MS = 1000;

/** `retry-after` in seconds, or in ms as the official SDK knows it; null where it is neither. */
export function readRetryAfter(headers: unknown): number | null {
  const inMs = headerOf(headers, 'retry-after-ms');
  const inSeconds = headerOf(headers, 'retry-after');
  const ms = inMs === null ? (inSeconds === null ? Number.NaN : Number(inSeconds) * SECOND_MS) : Number(inMs);
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

/** Reads what a sender threw: the official SDK's errors, our own sender's, or any other. */
export function readFailure(error: unknown): Failure {
  const thrown = isObject(error) ? error : {};
  const status = typeof thrown['status'] === 'number' ? thrown['status'] : null;
  const given = thrown['retryAfterMs'];
  const retryAfterMs = typeof given === 'number' ? given : readRetryAfter(thrown['headers']);
  const message = error instanceof Error ? error.message : 'the sender failed';
  return { status, retryAfterMs, message: cleanText(message) };
}
