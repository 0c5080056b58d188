import { noTokens, type CostParts, type TokenCounts } from '../../src/core/index.ts';
import type { OwnCost, RecordedUsage, RequestRecord } from '../../src/ledger/index.ts';

/** A cost whose only part is uncached input. */
export function costOf(totalPicoUsd: bigint): CostParts {
  return {
    uncachedPicoUsd: totalPicoUsd,
    readPicoUsd: 0n,
    write5mPicoUsd: 0n,
    write1hPicoUsd: 0n,
    outputPicoUsd: 0n,
    serverToolsPicoUsd: 0n,
    totalPicoUsd,
  };
}

/** A ping that nothing is known of, but for what the test says. */
export function ownCostOf(more: Partial<OwnCost> = {}): OwnCost {
  return {
    id: 'ping_1',
    atMs: 0,
    scope: 'scope',
    model: 'claude-opus-5-5',
    purpose: 'keep-alive',
    status: 200,
    tokens: noTokens,
    costPicoUsd: 0n,
    ...more,
  };
}

/** A usage of these counters alone. */
export function usageOf(tokens: TokenCounts): RecordedUsage {
  return {
    ...tokens,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
    serverToolUse: { webSearchRequests: 0, webFetchRequests: 0, codeExecutionRequests: 0 },
    iterations: null,
  };
}

/** A record of a request that nothing is known of, but for what the test says. */
export function recordOf(more: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id: 'req_1',
    atMs: 0,
    scope: 'scope',
    tags: [],
    path: '/v1/messages',
    model: 'claude-opus-5-5',
    modelNote: null,
    mode: 'optimize',
    status: 200,
    messageId: null,
    stopReason: null,
    usage: null,
    cost: null,
    prediction: null,
    savings: null,
    misses: [],
    shape: null,
    diagnostics: null,
    responses: null,
    plan: null,
    gate: null,
    skipReason: null,
    isResent: false,
    isPartial: false,
    error: null,
    firstByteMs: null,
    totalMs: null,
    ...more,
  };
}
