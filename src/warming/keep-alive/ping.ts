import {
  billTokens,
  canonicalJson,
  noTokens,
  type Catalogue,
  type JsonObject,
  type PicoUsd,
  type TokenCounts,
} from '../../core/index.ts';
import { planPrompt, pricingFor, worstCost, type SendablePrompt } from '../plan-prompt.ts';
import { readWarmUsage } from '../read-reply.ts';
import type { PingOutcome } from './ping-ledger.ts';

/** A ping on its way. Its text and headers are for the service alone. */
export interface PingRequest {
  readonly path: string;
  /** Headers of the real request that it is made from, credentials included. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly text: string;
  /** Aborted by the kill switch: then reject. */
  readonly signal: AbortSignal;
}

/** What was answered, whatever the status. */
export interface PingAnswer {
  readonly status: number;
  /** What `retry-after` says; null without. */
  readonly retryAfterMs: number | null;
  /** The message; null where it is none. */
  readonly message: unknown;
}

/** Sends one request, once; rejects where nothing answered. */
export type SendPing = (request: PingRequest) => Promise<PingAnswer>;

/** A ping that can be sent. */
export interface Ping {
  readonly text: string;
  readonly worstPicoUsd: PicoUsd;
  /** What it costs if the prefix is there. */
  readonly expectedPicoUsd: PicoUsd;
  /** What a real request saves by reading the prefix instead of writing it. */
  readonly rewritePicoUsd: PicoUsd;
  readonly prompt: SendablePrompt;
}

/** Saved by whoever reads so many tokens where they would have had to be written again. */
function rewriteCost(prompt: SendablePrompt, tokens: number, atMs: number): PicoUsd {
  const pricing = pricingFor(prompt, atMs);
  const isLong = prompt.targets.at(-1)?.ttl === '1h';
  const written = isLong ? { ...noTokens, write1hTokens: tokens } : { ...noTokens, write5mTokens: tokens };
  const read = { ...noTokens, readTokens: tokens };
  const cost = billTokens(prompt.facts, written, pricing).totalPicoUsd;
  return cost - billTokens(prompt.facts, read, pricing).totalPicoUsd;
}

/**
 * Makes the ping of a request's body that is marked where the entry ends, and nowhere else: what comes after is left
 * out as far as it may be, and the cheapest form is taken that the API allows. A reason where there is none.
 */
export function makePing(
  body: JsonObject,
  catalogue: Catalogue,
  atMs: number,
): Ping | { readonly refusal: string } {
  const context = { catalogue, shared: null, ttl: null, fallback: 'cheap' } as const;
  const prompt = planPrompt({ body }, '', context);
  if ('refusal' in prompt) return { refusal: prompt.refusal.code.replaceAll('-', '_') };
  const { form } = prompt;
  const worstPicoUsd = worstCost(prompt, form.maxTokens, atMs);
  if (worstPicoUsd === null) return { refusal: 'cost_unbounded' };
  const { tokens } = prompt.prefix;
  const expected = { ...noTokens, readTokens: tokens, outputTokens: form.maxTokens };
  return {
    text: canonicalJson(form.body, true),
    worstPicoUsd,
    expectedPicoUsd: billTokens(prompt.facts, expected, pricingFor(prompt, atMs)).totalPicoUsd,
    rewritePicoUsd: rewriteCost(prompt, tokens, atMs),
    prompt,
  };
}

/** A ping's bill, or why it has none. */
export interface PingResult {
  readonly outcome: PingOutcome;
  readonly status: number;
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  readonly isBilled: boolean;
  readonly retryAfterMs: number | null;
}

const STATUS_UNAUTHORIZED = 401;
const STATUS_FORBIDDEN = 403;

/** Of these it is not known whether the service has done the work. */
function isUncertain(status: number): boolean {
  return (
    status === 0 || status === 408 || status === 502 || status === 504 || (status >= 520 && status <= 527)
  );
}

function outcomeOfStatus(status: number): PingOutcome {
  if (status === STATUS_UNAUTHORIZED || status === STATUS_FORBIDDEN) return 'refused';
  const isTransient = status === 0 || status === 408 || status === 409 || status === 429 || status >= 500;
  return isTransient || status < 300 ? 'failed' : 'invalid';
}

function withoutBill(
  ping: Ping,
  outcome: PingOutcome,
  status: number,
  retryAfterMs: number | null,
): PingResult {
  // An answer without a bill may have one all the same.
  const mayBeBilled = isUncertain(status) || status < 300;
  const costPicoUsd = mayBeBilled ? ping.worstPicoUsd : 0n;
  return { outcome, status, tokens: noTokens, costPicoUsd, isBilled: !mayBeBilled, retryAfterMs };
}

function outcomeOfTokens({ readTokens, write5mTokens, write1hTokens }: TokenCounts): PingOutcome {
  if (write5mTokens + write1hTokens > 0) return 'wrote';
  return readTokens > 0 ? 'renewed' : 'nothing';
}

/** Sends a ping and reads its bill. Never rejects. */
export async function sendPing(
  ping: Ping,
  send: () => Promise<PingAnswer>,
  signal: AbortSignal,
  atMs: number,
): Promise<PingResult> {
  try {
    const { status, retryAfterMs, message } = await send();
    const usage = status < 300 ? readWarmUsage(message) : null;
    if (!usage) return withoutBill(ping, outcomeOfStatus(status), status, retryAfterMs);
    const asked = pricingFor(ping.prompt, atMs);
    const pricing = {
      ...asked,
      speed: usage.speed ?? asked.speed,
      inferenceGeo: usage.inferenceGeo ?? asked.inferenceGeo,
    };
    const costPicoUsd = billTokens(ping.prompt.facts, usage.tokens, pricing).totalPicoUsd;
    const outcome = outcomeOfTokens(usage.tokens);
    return { outcome, status, tokens: usage.tokens, costPicoUsd, isBilled: true, retryAfterMs: null };
  } catch {
    return withoutBill(ping, signal.aborted ? 'aborted' : 'failed', 0, null);
  }
}

/** Why an entry is let go after a ping; one that was kept is not, and one that failed is tried again. */
export const LET_GO_AFTER: Readonly<Record<Exclude<PingOutcome, 'failed'>, string>> = {
  renewed: 'kept',
  wrote: 'kept',
  nothing: 'not_cached',
  refused: 'credential_refused',
  invalid: 'refused_by_service',
  aborted: 'stopped',
  would_renew: 'kept',
};
