import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultCatalogue,
  emptyCacheState,
  totalInputTokens,
  type CacheEntry,
  type CacheOutcome,
  type TokenCounts,
} from '../core/index.ts';
import { readUsage, type BilledUsage } from '../wire/index.ts';
import { nothingKnown, type Miss } from '../ledger/index.ts';
import { accountFor, scaleOutcome } from './account.ts';
import type { Forecast } from './cache-model.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MODEL = 'claude-opus-5-5';
/** 24 November 2026. */
const AT_MS = 1_795_480_000_000;

function outcome(more: Partial<CacheOutcome> = {}): CacheOutcome {
  const counters = {
    readTokens: 0,
    write5mTokens: 0,
    write1hTokens: 0,
    uncachedTokens: 0,
    totalTokens: 0,
    ...more,
  };
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = counters;
  const totalTokens = readTokens + write5mTokens + write1hTokens + uncachedTokens;
  return { hit: null, breakpoints: [], written: [], nearMiss: null, ...counters, totalTokens };
}

function forecastOf(sent: CacheOutcome, client = sent, automatic = sent): Forecast {
  const nothing = (): undefined => undefined;
  return {
    sent,
    own: sent,
    client,
    automatic,
    isInFlight: false,
    readEntry: sent.hit && entryUsed(240_000),
    asked: { startMs: AT_MS, state: emptyCacheState },
    begin: nothing,
    cancel: nothing,
    shorten: nothing,
  };
}

/** A five-minute entry that was last used so long before. */
function entryUsed(ageMs: number): CacheEntry {
  const usedMs = AT_MS - ageMs;
  const times = { readyMs: 0, expiresMs: usedMs + 300_000, usedMs };
  return { prefixId: 'p', partition: 'p', tokens: 1, ttl: '5m', restsOn: null, ...times };
}

function usageOf(more: Record<string, unknown>): BilledUsage {
  return readUsage({ input_tokens: 0, output_tokens: 0, ...more })!;
}

const account = (
  usage: BilledUsage,
  forecast: Forecast | null = null,
  modelId = MODEL,
  trace: Parameters<typeof accountFor>[3] = null,
): ReturnType<typeof accountFor> => accountFor(usage, modelId, forecast, trace, AT_MS, defaultCatalogue);

describe('an answer without usage', () => {
  it('has no money at all', () => {
    expect(accountFor(null, MODEL, null, null, AT_MS, defaultCatalogue)).toEqual({
      usage: null,
      cost: null,
      prediction: null,
      savings: null,
      misses: [],
    });
  });
});

describe('the cost', () => {
  it('is every counter at its own price, web searches included', () => {
    const usage = usageOf({
      input_tokens: 3,
      cache_read_input_tokens: 1_000,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      output_tokens: 7,
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 9 },
    });
    expect(account(usage).cost).toEqual({
      uncachedPicoUsd: 12_000_000n,
      readPicoUsd: 200_000_000n,
      write5mPicoUsd: 50_000_000n,
      write1hPicoUsd: 160_000_000n,
      outputPicoUsd: 140_000_000n,
      serverToolsPicoUsd: 20_000_000_000n,
      totalPicoUsd: 20_562_000_000n,
    });
  });

  it('takes tier, speed and geography from the answer', () => {
    const total = (more: Record<string, unknown>): bigint =>
      account(usageOf({ input_tokens: 1_000, ...more })).cost!.totalPicoUsd;
    expect(total({})).toBe(4_000_000_000n);
    expect(total({ service_tier: 'batch' })).toBe(2_000_000_000n);
    expect(total({ speed: 'fast' })).toBe(8_000_000_000n);
    expect(total({ inference_geo: 'us' })).toBe(4_400_000_000n);
  });

  it('of iterations is theirs, each at its model, and not that of their sum', () => {
    const iteration = (type: string, model: string | null, input: number, output: number): object => ({
      type,
      model,
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 0,
    });
    const usage = usageOf({
      input_tokens: 30,
      cache_read_input_tokens: 200,
      output_tokens: 3,
      server_tool_use: { web_search_requests: 1 },
      iterations: [
        iteration('message', null, 10, 1),
        iteration('message', MODEL, 20, 2),
        iteration('compaction', null, 5_000, 50),
        iteration('advisor_message', 'claude-fable-5-2', 1_000, 40),
      ],
    });
    const opus = (10n + 20n + 5_000n) * 4_000_000n + 300n * 200_000n + 53n * 20_000_000n;
    const fable = 1_000n * 8_000_000n + 100n * 200_000n + 40n * 40_000_000n;
    const { cost, savings } = account(usage);
    expect(cost?.totalPicoUsd).toBe(opus + fable + 10_000_000_000n);
    expect(cost?.serverToolsPicoUsd).toBe(10_000_000_000n);
    // What was read would have cost full price: 300 tokens of the one, 100 of the other.
    expect(savings?.noCachingPicoUsd).toBe(300n * 3_800_000n + 100n * 7_800_000n);
  });

  it('of no iterations is that of the whole', () => {
    expect(account(usageOf({ input_tokens: 10, iterations: [] })).cost?.totalPicoUsd).toBe(40_000_000n);
  });

  it('of a model that nobody knows is that of a neighbour', () => {
    expect(account(usageOf({ input_tokens: 10 }), null, 'claude-opus-9').cost?.totalPicoUsd).toBeGreaterThan(
      0n,
    );
    expect(account(usageOf({ input_tokens: 10 }), null, '').cost?.totalPicoUsd).toBeGreaterThan(0n);
  });
});

const count = fc.nat(2_000_000);
const counters = fc.record({ input: count, read: count, write5m: count, write1h: count, output: count });

describe('the savings', () => {
  it('against no caching are exact, and negative where caching lost money', () => {
    fc.assert(
      fc.property(counters, ({ input, read, write5m, write1h, output }) => {
        const usage = usageOf({
          input_tokens: input,
          cache_read_input_tokens: read,
          cache_creation_input_tokens: write5m + write1h,
          cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
          output_tokens: output,
        });
        const { savings } = account(usage);
        expect(savings?.noCachingPicoUsd).toBe(
          BigInt(read) * 3_800_000n - BigInt(write5m) * 1_000_000n - BigInt(write1h) * 4_000_000n,
        );
      }),
      { numRuns },
    );
  });

  it('without a forecast claim nothing for us', () => {
    expect(account(usageOf({ cache_read_input_tokens: 10 })).savings).toEqual({
      noCachingPicoUsd: 38_000_000n,
      clientPicoUsd: 0n,
      automaticPicoUsd: 0n,
    });
  });

  it('against what was sent itself are nothing, whatever was billed', () => {
    const sent = outcome({ readTokens: 777, write5mTokens: 13, uncachedTokens: 5 });
    const { savings } = account(usageOf({ input_tokens: 999, cache_read_input_tokens: 1 }), forecastOf(sent));
    expect(savings).toMatchObject({ clientPicoUsd: 0n, automaticPicoUsd: 0n });
  });

  it('are signed', () => {
    const cheap = outcome({ readTokens: 1_000 });
    const dear = outcome({ write1hTokens: 1_000 });
    const usage = usageOf({ cache_read_input_tokens: 1_000 });
    expect(account(usage, forecastOf(cheap, dear, cheap)).savings).toMatchObject({
      clientPicoUsd: 7_800_000_000n,
      automaticPicoUsd: 0n,
    });
    expect(account(usage, forecastOf(dear, cheap, dear)).savings).toMatchObject({
      clientPicoUsd: -7_800_000_000n,
      automaticPicoUsd: 0n,
    });
  });
});

describe('the prediction', () => {
  it('is in billed tokens: estimates are scaled to the bill', () => {
    const sent = outcome({ readTokens: 500, write5mTokens: 300, write1hTokens: 150, uncachedTokens: 50 });
    const { prediction } = account(usageOf({ input_tokens: 2_000 }), forecastOf(sent));
    expect(prediction).toEqual({
      readTokens: 1_000,
      write5mTokens: 600,
      write1hTokens: 300,
      uncachedTokens: 100,
      estimatedTokens: 1_000,
      readLeftMs: null,
      readAgeMs: null,
      readTtl: null,
    });
  });

  it('says of the entry that is read how old it was, how long it had to live, and what it was written for', () => {
    const sent = outcome({ readTokens: 500, hit: { blockIndex: 0, tokens: 500 } });
    const { prediction } = account(usageOf({ cache_read_input_tokens: 500 }), forecastOf(sent));
    expect(prediction).toMatchObject({ readLeftMs: 60_000, readAgeMs: 240_000, readTtl: '5m' });
  });

  it('always adds up to the bill, and no part is negative', () => {
    const modelled = fc.record({
      readTokens: count,
      write5mTokens: count,
      write1hTokens: count,
      uncachedTokens: count,
    });
    fc.assert(
      fc.property(modelled, fc.nat(3_000_000), (parts, total) => {
        const scaled = scaleOutcome(outcome(parts), {
          ...usageOf({ input_tokens: total, output_tokens: 4 }),
        });
        expect(totalInputTokens(scaled)).toBe(total);
        expect(scaled.outputTokens).toBe(4);
        for (const value of Object.values(scaled)) expect(value).toBeGreaterThanOrEqual(0);
      }),
      { numRuns },
    );
  });

  it('of an empty prompt leaves everything uncached', () => {
    expect(scaleOutcome(outcome(), usageOf({ input_tokens: 10 }))).toMatchObject({
      readTokens: 0,
      uncachedTokens: 10,
    });
  });
});

describe('misses', () => {
  const found: Miss = { reason: 'expired', tokens: 1, costPicoUsd: 1n, evidence: nothingKnown };
  const seen: unknown[] = [];
  const trace = {
    misses: (_forecast: Forecast, billed: TokenCounts): readonly Miss[] => {
      seen.push(billed.uncachedTokens);
      return [found];
    },
  };
  const iteration = { type: 'message', input_tokens: 70, output_tokens: 1 };
  const ask = (usage: BilledUsage): readonly Miss[] =>
    account(usage, forecastOf(outcome()), MODEL, trace).misses;

  it('are asked for what one pass over the prompt was billed for', () => {
    expect(ask(usageOf({ input_tokens: 100 }))).toEqual([found]);
    const iterations = [iteration, { ...iteration, input_tokens: 90 }];
    expect(ask(usageOf({ input_tokens: 160, iterations }))).toEqual([found]);
    expect(seen).toEqual([100, 70]);
  });

  it('are not claimed where the bill is of several passes, nor without a forecast', () => {
    const searched = usageOf({ input_tokens: 100, server_tool_use: { web_search_requests: 1 } });
    expect(ask(searched)).toEqual([]);
    expect(account(usageOf({ input_tokens: 100 }), null, MODEL, trace).misses).toEqual([]);
  });
});
