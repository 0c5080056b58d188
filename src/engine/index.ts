/**
 * What happens to one request between its bytes coming in and its record in the ledger, with whoever sends
 * the bytes as a parameter.
 */

import { createSecretKey } from 'node:crypto';

import type { TrafficFinding } from '../planner/index.ts';
import { defaultGateOptions, Gate, type GateTotals } from '../warming/index.ts';
import { createBodyReader } from '../wire/index.ts';
import { analyse, type Analysis, type Skipped } from './analysis.ts';
import { createCacheModel } from './cache-model.ts';
import { createEstimateMemory } from './estimates.ts';
import type { EngineContext, EngineCounters } from './context.ts';
import { createKeepAlive, type EngineKeepAlive } from './keep-alive.ts';
import { openExchange } from './exchange.ts';
import type { Exchange } from './exchange-port.ts';
import { createFindingsWatch } from './findings.ts';
import { openKept, watchBodies } from './kept-bodies.ts';
import { createMissWatch } from './misses.ts';
import { engineOptions, type EngineOptions } from './options.ts';
import { watchPast } from './past.ts';
import { createPromptMemory } from './prompt-memory.ts';
import { createRefusedPlans } from './refused-plans.ts';
import type { IncomingMessageRequest } from './request-facts.ts';
import { createUnsentRequests, type UnsentRequests } from './unsent.ts';

export { analyseSuccessive, type SuccessiveAnalysis } from './analyse-successive.ts';
export type { Analysis, Skipped } from './analysis.ts';
export type { TrafficFinding } from '../planner/index.ts';
export type { EngineCounters } from './context.ts';
export type { Exchange, ResponseFacts } from './exchange-port.ts';
export {
  keepLearnedState,
  type KeepStateOptions,
  type KeptState,
  type LearnedState,
} from './learned-state.ts';
export { keepStateOf, type StateOptions } from './learned-state-store.ts';
export type { GateLeases, GateOptions, GateTotals } from '../warming/index.ts';
export { KEEP_ALIVE_STATES, type KeepAliveState, type Keeper } from '../warming/index.ts';
export type { EngineKeepAlive, KeepAliveOptions } from './keep-alive.ts';
export {
  createResponseTier,
  type CachedAnswer,
  type PurgeTarget,
  type ResponseRule,
  type ResponseSummary,
  type ResponseTier,
  type ResponseTierOptions,
  type UpstreamAnswer,
} from './responses.ts';
export { MODES, type EngineOptions, type Mode } from './options.ts';
export {
  OWN_HEADER_PREFIX,
  OWN_HEADERS,
  type Headers,
  type IncomingMessageRequest,
} from './request-facts.ts';
export type { UnsentRequest, UnsentRequests } from './unsent.ts';
export {
  shareLearnedState,
  type SharedLearning,
  type SharedState,
  type ShareStateOptions,
} from './shared-state.ts';

/** Handles requests for messages. */
export interface Engine {
  readonly options: EngineOptions;
  readonly counters: Readonly<EngineCounters>;
  /** What keeps requests from being read from the cache, as far as the requests themselves show it; the dearest first. */
  findings(): readonly TrafficFinding[];
  /** What holding requests back has done so far. */
  gate(): GateTotals;
  /** Pings beside the requests: to be given a sender by whoever sends requests. */
  readonly keepAlive: EngineKeepAlive;
  /** Opens one request; never throws. */
  open(request: IncomingMessageRequest): Exchange;
  /** Requests that are answered without being sent. */
  readonly unsent: UnsentRequests;
  /** Is told what such a request said; null where bodies are not kept. */
  readonly keepUnsent: ((id: string, request: IncomingMessageRequest) => void) | null;
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
  const cacheModel = createCacheModel(resolved.rules);
  const findings = createFindingsWatch(resolved.rules);
  const memory = createPromptMemory();
  const hasPast = watchPast(resolved);
  const context: EngineContext = {
    options: resolved,
    cacheModel,
    keepAlive: createKeepAlive(resolved.keepAlive, resolved, cacheModel),
    refusedPlans: createRefusedPlans(),
    findings,
    question: { isRefused: false },
    misses: createMissWatch({ rules: resolved.rules, memory, findings, hasPast }),
    gate: new Gate({ ...defaultGateOptions, ...resolved.gate }, resolved.timers),
    counters: { failedAnalyses: 0, failedAccounts: 0, refusedPlans: 0 },
    estimates: createEstimateMemory({ isSampled: true }),
    reader: createBodyReader(),
    memory,
    scopeKey: createSecretKey(resolved.secret),
    calibration: {},
  };
  const watch = watchBodies(context);
  return {
    options: resolved,
    counters: context.counters,
    findings: () => context.findings.list(),
    gate: () => context.gate.totals,
    keepAlive: context.keepAlive,
    open: watch ? openKept(context, watch) : (request) => openExchange(context, request),
    unsent: createUnsentRequests(context),
    keepUnsent: watch && ((id, request) => watch(id, request).end()),
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
