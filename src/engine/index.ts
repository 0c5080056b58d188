/**
 * What happens to one request between its bytes coming in and its record in the ledger, with whoever sends
 * the bytes as a parameter.
 */

import { createSecretKey } from 'node:crypto';

import { createBodyReader } from '../wire/index.ts';
import { analyse, type Analysis, type Skipped } from './analysis.ts';
import { createCacheModel } from './cache-model.ts';
import { createEstimateMemory } from './estimates.ts';
import type { EngineContext, EngineCounters } from './context.ts';
import { openExchange, type Exchange } from './exchange.ts';
import { engineOptions, type EngineOptions } from './options.ts';
import { createPromptMemory } from './prompt-memory.ts';
import { createRefusedPlans } from './refused-plans.ts';
import type { IncomingMessageRequest } from './request-facts.ts';

export type { Analysis, Skipped } from './analysis.ts';
export type { EngineCounters } from './context.ts';
export type { Exchange, ResponseFacts } from './exchange.ts';
export { MODES, type EngineOptions, type Mode } from './options.ts';
export {
  OWN_HEADER_PREFIX,
  OWN_HEADERS,
  type Headers,
  type IncomingMessageRequest,
} from './request-facts.ts';

/** Handles requests for messages. */
export interface Engine {
  readonly options: EngineOptions;
  readonly counters: Readonly<EngineCounters>;
  /** Opens one request; never throws. */
  open(request: IncomingMessageRequest): Exchange;
}

/**
 * An engine with its own view of the cache, ledger and memory of refused plans.
 *
 * @example
 * const exchange = createEngine({ mode: 'observe' }).open({ path: '/v1/messages', headers, body });
 * send(exchange.bytes);
 */
export function createEngine(options: Partial<EngineOptions> = {}): Engine {
  const resolved = engineOptions(options);
  const context: EngineContext = {
    options: resolved,
    cacheModel: createCacheModel(resolved.rules),
    refusedPlans: createRefusedPlans(),
    counters: { failedAnalyses: 0, failedAccounts: 0, refusedPlans: 0 },
    estimates: createEstimateMemory(),
    reader: createBodyReader(),
    memory: createPromptMemory(),
    scopeKey: createSecretKey(resolved.secret),
    calibration: {},
  };
  return {
    options: resolved,
    counters: context.counters,
    open: (request) => openExchange(context, request),
  };
}

/**
 * Reads one request and plans its breakpoints without sending anything: what `plan` and `explain` show.
 *
 * @example analyseRequest(Buffer.from(text)) // { plan, prompt, chain, ... } or { skipReason }
 */
export function analyseRequest(body: Buffer, options: Partial<EngineOptions> = {}): Analysis | Skipped {
  const context = {
    options: engineOptions(options),
    calibration: {},
    estimates: createEstimateMemory(),
    reader: createBodyReader(),
    memory: createPromptMemory(),
  };
  const request = { path: '/v1/messages', headers: {}, body };
  return analyse(request, '', context.options.clock.nowMs(), context);
}
