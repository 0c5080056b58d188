import {
  defaultCacheRules,
  defaultCatalogue,
  type CacheRules,
  type Catalogue,
  type JsonObject,
  type Level,
  type Ttl,
} from '../core/index.ts';
import {
  systemClock,
  systemRandom,
  systemTimers,
  type Clock,
  type Random,
  type Timers,
} from '../runtime/index.ts';
import { createBudget, type Budget } from './budget.ts';
import type { Fallback } from './choose-form.ts';
import { createWarmLedger, type WarmLedger } from './ledger.ts';
import { defaultRetry, type RetryOptions } from './waiting.ts';

/** One request as it is to be sent. */
export interface WarmRequest {
  readonly body: JsonObject;
  /** The body as JSON, keys in the order of the source, which is part of the prompt (spec 1.3). */
  readonly text: string;
  /** Headers of the prompt; credentials are the sender's. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when the run is cancelled: then reject. */
  readonly signal: AbortSignal;
}

/**
 * Sends one request to `/v1/messages`, once, and gives the answered message; at least its `usage`. Rejects otherwise;
 * `status`, and `headers` or `retryAfterMs`, of the error are looked at, as the official SDK's errors have them.
 */
export type SendWarm = (request: WarmRequest) => Promise<unknown>;

/** Options of `warmer()`. */
export interface WarmerOptions {
  /** @example ({ body, signal }) => client.messages.create(body, { signal, maxRetries: 0 }) */
  readonly send: SendWarm;
  /** Requests under way at once. @default 4 */
  readonly concurrency: number;
  /** TTL of every entry. @default the client's own markers, and 5m where a marker is added */
  readonly ttl: Ttl | null;
  /** The last level that other requests share. @default all of a prompt, or up to its last marker */
  readonly shared: Level | null;
  /** What may be spent on output where `max_tokens: 0` is not possible. @default 'cheap': one token */
  readonly fallback: Fallback;
  /** What may be spent. @default everything */
  readonly budget: Budget;
  /** Where requests are recorded. @default a ledger in memory */
  readonly ledger: WarmLedger;
  readonly retry: Partial<RetryOptions>;
  readonly catalogue: Catalogue;
  /** For lifetimes of entries. @default 300 s and 3,600 s */
  readonly rules: CacheRules;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** Options with nothing left open. */
export interface ResolvedOptions extends WarmerOptions {
  readonly retry: RetryOptions;
}

const CONCURRENCY_MAX = 1000;

function checkWhole(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new RangeError(`${name} must be a whole number from 1 to ${most}, got ${value}`);
}

/** @throws RangeError for a number that makes no sense, by its name. */
export function resolveOptions(given: Pick<WarmerOptions, 'send'> & Partial<WarmerOptions>): ResolvedOptions {
  const options = {
    concurrency: 4,
    ttl: null,
    shared: null,
    fallback: 'cheap',
    budget: createBudget([]),
    ledger: createWarmLedger(),
    catalogue: defaultCatalogue,
    rules: defaultCacheRules,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    ...given,
    retry: { ...defaultRetry, ...given.retry },
  } as const;
  checkWhole('concurrency', options.concurrency, CONCURRENCY_MAX);
  checkWhole('retry.triesMax', options.retry.triesMax, CONCURRENCY_MAX);
  return options;
}
