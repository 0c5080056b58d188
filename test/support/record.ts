import type { CostParts } from '../../src/core/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';

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
    miss: null,
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
