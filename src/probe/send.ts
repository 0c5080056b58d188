import { billTokens, isObject, standardPricing, type ModelFacts, type PicoUsd } from '../core/index.ts';
import { readUsage } from '../wire/index.ts';
import type { ProbeClock, SendCall } from './scheduler.ts';
import type { ApiCall } from './types.ts';

/** What a transport gives back. */
export interface RawReply {
  readonly status: number;
  /** From `retry-after`; null where it is not given. */
  readonly retryAfterMs: number | null;
  readonly text: string;
}

/** Does one HTTP exchange. */
export type Transport = (call: ApiCall) => Promise<RawReply>;

/** A call that the service will not take, or that would cost more than was allowed. */
class ProbeRefusal extends Error {
  override readonly name = 'ProbeRefusal';
}

const TRIES_MAX = 6;
const FIRST_PAUSE_MS = 2000;

/** Bodies are common words of six letters, mostly one token each: they have fewer tokens than this for each character. */
const TOKENS_PER_CHARACTER = 0.25;

/** What answers are cut at is never more than this where a body does not say. */
const OUTPUT_TOKENS = 16;

/** What one web search adds at most: results in the prompt, and its fee of a cent (spec 9). */
const SEARCH_TOKENS = 40_000;
const SEARCH_PICO_USD = 10_000_000_000n;

/** The most that a call can cost: all of its body written, for one hour where a marker in it says so. */
export function worstCost(model: ModelFacts, call: ApiCall, atMs: number): PicoUsd {
  if (call.method === 'GET' || call.path.endsWith('/count_tokens')) return 0n;
  const text = JSON.stringify(call.body ?? {});
  const body = isObject(call.body) ? call.body : {};
  const outputTokens = typeof body['max_tokens'] === 'number' ? body['max_tokens'] : OUTPUT_TOKENS;
  const hasSearch = text.includes('"web_search_');
  const most = Math.ceil(text.length * TOKENS_PER_CHARACTER) + (hasSearch ? SEARCH_TOKENS : 0);
  const isLong = text.includes('"ttl":"1h"');
  const [write5mTokens, write1hTokens] = isLong ? [0, most] : [most, 0];
  const tokens = { uncachedTokens: 0, readTokens: 0, write5mTokens, write1hTokens, outputTokens };
  const search = hasSearch ? SEARCH_PICO_USD : 0n;
  return billTokens(model, tokens, standardPricing(atMs)).totalPicoUsd + search;
}

/** What has been spent so far, and the most that may be. */
export interface Budget {
  readonly maxPicoUsd: PicoUsd;
  spentPicoUsd: PicoUsd;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function errorOf(raw: RawReply): string {
  const json = parse(raw.text);
  const error = isObject(json) && isObject(json['error']) ? json['error'] : {};
  const message = typeof error['message'] === 'string' ? error['message'] : 'no message';
  return `the service answered ${raw.status}: ${message.slice(0, 200)}`;
}

function canRetry(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Tries again after 429, 408 and 5xx, waiting as long as asked, else longer each time. Once that was in vain, later
 * calls are tried once only until one succeeds: a service that is down is not waited for again and again.
 */
function patient(transport: Transport, clock: ProbeClock): Transport {
  let triesMax = TRIES_MAX;
  return async (call) => {
    for (let tries = 1; ; tries += 1) {
      const raw = await transport(call);
      if (raw.status < 300) {
        triesMax = TRIES_MAX;
        return raw;
      }
      if (!canRetry(raw.status)) throw new ProbeRefusal(errorOf(raw));
      if (tries >= triesMax) {
        triesMax = 1;
        throw new ProbeRefusal(errorOf(raw));
      }
      await clock.wait(raw.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (tries - 1));
    }
  };
}

/** Sends calls within a budget: none whose worst cost goes beyond it. */
export function createSender(
  transport: Transport,
  clock: ProbeClock,
  model: ModelFacts,
  budget: Budget,
): SendCall {
  const exchange = patient(transport, clock);
  return async (call) => {
    const worst = worstCost(model, call, clock.nowMs());
    if (budget.spentPicoUsd + worst > budget.maxPicoUsd) {
      throw new ProbeRefusal('the budget is used up');
    }
    const raw = await exchange(call);
    const atMs = clock.nowMs();
    const json = parse(raw.text);
    const usage = isObject(json) ? readUsage(json['usage']) : null;
    const spent = usage ? billTokens(model, usage, standardPricing(atMs)).totalPicoUsd : worst;
    budget.spentPicoUsd = budget.spentPicoUsd + spent;
    return { atMs, json, text: raw.text, usage };
  };
}
