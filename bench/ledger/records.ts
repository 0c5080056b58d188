import type { CostParts, TokenCounts } from '../../src/core/index.ts';
import type { Miss, RequestRecord } from '../../src/ledger/index.ts';
import { createId, createTimedId, seededRandom, type Random } from '../../src/runtime/index.ts';

const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-fable-5-2'];
const REASONS = ['expired', 'messages_changed', 'tools_changed', 'never_written', 'in_flight'] as const;

/** When the first record was made. */
export const FIRST_MS: number = Date.UTC(2026, 9, 20);

const SCOPES = 20;
const TAGS = 12;

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

function missesOf(random: Random, previousId: string): readonly Miss[] {
  if (random() > 0.2) return [];
  const evidence = {
    detail: null,
    level: 'messages' as const,
    path: `messages.${Math.floor(random() * 40)}.content.0`,
    byteRange: null,
    previousId,
    ageMs: Math.floor(random() * 1e6),
    minimumTokens: null,
  };
  return [{ reason: pick(REASONS, random), tokens: 4_000, costPicoUsd: 11_000_000_000n, evidence }];
}

/** Most entries are read within seconds, few after minutes; those of five minutes within five minutes. */
function agesOf(random: Random): { readonly readAgeMs: number; readonly readTtl: '5m' | '1h' } {
  const readAgeMs = Math.floor(3_600_000 ** random());
  return { readAgeMs, readTtl: readAgeMs < 300_000 && random() < 0.7 ? '5m' : '1h' };
}

const PLAN: RequestRecord['plan'] = {
  added: [
    { place: 'system', path: 'system.0', ttl: '5m', reason: 'it comes again within five minutes' },
    { place: 'last-message', path: 'messages.8.content.0', ttl: '5m', reason: 'the conversation goes on' },
  ],
  declined: [{ place: 'tools', reason: 'the system prompt covers it' }],
  isApplied: true,
};

function costOf(tokens: TokenCounts): CostParts {
  const parts = {
    uncachedPicoUsd: BigInt(tokens.uncachedTokens) * 2_000_000n,
    readPicoUsd: BigInt(tokens.readTokens) * 200_000n,
    write5mPicoUsd: BigInt(tokens.write5mTokens) * 2_500_000n,
    write1hPicoUsd: 0n,
    outputPicoUsd: BigInt(tokens.outputTokens) * 10_000_000n,
    serverToolsPicoUsd: 0n,
  };
  return { ...parts, totalPicoUsd: Object.values(parts).reduce((sum, part) => sum + part, 0n) };
}

/** Records as a busy installation has them: 20 scopes, 4 models, 12 tags of which most requests have one. */
export function* makeRecords(count: number, spanMs: number): Generator<RequestRecord> {
  const random = seededRandom(8);
  let previousId = '';
  for (let index = 0; index < count; index += 1) {
    const atMs = FIRST_MS + Math.floor((index * spanMs) / count);
    const id = createTimedId('req', random, atMs);
    const tokens = {
      uncachedTokens: Math.floor(random() * 200),
      readTokens: Math.floor(random() * 50_000),
      write5mTokens: Math.floor(random() * 3_000),
      write1hTokens: 0,
      outputTokens: Math.floor(random() * 900),
    };
    const cost = costOf(tokens);
    yield {
      id,
      atMs,
      scope: `scope_${Math.floor(random() * SCOPES)}_0123456789ab`,
      tags: random() < 0.7 ? [`team-${Math.floor(random() * TAGS)}`] : [],
      path: '/v1/messages',
      model: pick(MODELS, random),
      modelNote: null,
      mode: 'optimize',
      status: 200,
      messageId: createId('msg', random),
      stopReason: 'end_turn',
      usage: {
        ...tokens,
        serviceTier: 'standard',
        speed: null,
        inferenceGeo: null,
        serverToolUse: { webSearchRequests: 0, webFetchRequests: 0, codeExecutionRequests: 0 },
        iterations: null,
      },
      cost,
      prediction: {
        ...tokens,
        estimatedTokens: tokens.readTokens + 900,
        readLeftMs: 200_000,
        ...agesOf(random),
      },
      savings: {
        noCachingPicoUsd: cost.totalPicoUsd * 4n,
        clientPicoUsd: cost.totalPicoUsd - 5n,
        automaticPicoUsd: -1_000_003n,
      },
      misses: missesOf(random, previousId),
      shape: null,
      diagnostics: null,
      plan: PLAN,
      gate: null,
      responses: null,
      skipReason: null,
      isResent: false,
      isPartial: false,
      error: null,
      firstByteMs: Math.round(random() * 2_000),
      totalMs: 2_000 + Math.round(random() * 9_000),
    };
    previousId = id;
  }
}
