import type { Message } from '@anthropic-ai/sdk/resources';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import {
  billTokens,
  defaultCatalogue,
  estimateBlock,
  resolveModel,
  standardPricing,
  totalInputTokens,
} from '../../src/core/index.ts';
import { readUsage } from '../../src/wire/index.ts';
import { startServers, type Route, type Servers } from './servers.ts';
import { holdConversation, writeHandbook } from './ten-turns.ts';

/** The bill through the gateway over the bill without it, output included: the promise for plain clients. */
const SHARE_MAX = 0.35;
/** A day on which the prices of today hold. */
const PRICED_AT_MS = Date.UTC(2026, 10, 22);
const PAUSE_MS = 45_000;

let servers: Servers;

beforeAll(async () => {
  // The SDK warns of every request to a model that is about to retire.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  servers = await startServers({ tokenizer: 'estimate' });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await servers.close();
});
beforeEach(() => servers.reset());

interface Bill {
  readonly picoUsd: bigint;
  readonly readTokens: number;
  /** Everything that went in and came out, whatever it cost. */
  readonly sizes: readonly (readonly [inputTokens: number, outputTokens: number])[];
}

function billFor(model: string, answers: readonly Message[]): Bill {
  const { facts } = resolveModel(model);
  const usages = answers.flatMap(({ usage }) => readUsage(usage) ?? []);
  const costs = usages.map((usage) => billTokens(facts, usage, standardPricing(PRICED_AT_MS)).totalPicoUsd);
  return {
    picoUsd: costs.reduce((sum, cost) => sum + cost, 0n),
    readTokens: usages.reduce((sum, usage) => sum + usage.readTokens, 0),
    sizes: usages.map((usage) => [totalInputTokens(usage), usage.outputTokens]),
  };
}

/** A handbook of about so many tokens as the model counts them. */
function handbookFor(model: string, tokensMin: number): string {
  const { tokenizer } = resolveModel(model).facts;
  return writeHandbook((text) => estimateBlock({ type: 'text', text }, tokenizer).tokens >= tokensMin);
}

/** About 3,000 tokens; where the model caches nothing so short, a little more than its minimum. */
function systemFor(model: string): string {
  return handbookFor(model, Math.max(3_000, resolveModel(model).facts.minCacheableTokens * 1.1));
}

async function billOf(
  route: Route,
  model: string,
  isStream = false,
  system = systemFor(model),
): Promise<Bill> {
  const answers = await holdConversation({
    client: servers.client(route, { apiKey: `sk-ant-${route}` }),
    model,
    system,
    isStream,
    script: (entry) => servers.script(entry),
    pause: () => servers.advance(PAUSE_MS),
  });
  return billFor(model, answers);
}

/** What the gateway leaves of a bill. */
function shareOf(gatewayed: Bill, plain: Bill): number {
  expect(gatewayed.sizes).toEqual(plain.sizes);
  return Number(gatewayed.picoUsd) / Number(plain.picoUsd);
}

const STREAMED = ['claude-sonnet-5-5', 'claude-opus-5-5', 'claude-haiku-4-5', 'claude-sonnet-4-5'];

describe('ten turns of a client that sets no marker', () => {
  test('are billed in full without the gateway', async () => {
    const bill = await billOf('emulator', 'claude-sonnet-5-5');
    expect(bill.readTokens).toBe(0);
    expect(bill.sizes).toHaveLength(13);
    expect(bill.sizes[0]?.[0]).toBeGreaterThan(3_000);
    expect(bill.sizes.at(-1)?.[0]).toBeLessThan(7_000);
  });

  test.each(defaultCatalogue.map(({ id }) => id))('cost little through the gateway: %s', async (model) => {
    const share = shareOf(await billOf('gateway', model), await billOf('emulator', model));
    expect(share).toBeLessThanOrEqual(SHARE_MAX);
  });

  test.each(STREAMED)('cost little through the library, streamed or not: %s', async (model) => {
    const plain = await billOf('emulator', model);
    for (const isStream of [false, true]) {
      await servers.reset();
      expect(shareOf(await billOf('library', model, isStream), plain)).toBeLessThanOrEqual(SHARE_MAX);
    }
  });

  test.each(STREAMED)('cost as little when they are streamed: %s', async (model) => {
    const streamed = await billOf('gateway', model, true);
    await servers.reset();
    expect(streamed.picoUsd).toBe((await billOf('gateway', model)).picoUsd);
    expect(shareOf(streamed, await billOf('emulator', model, true))).toBeLessThanOrEqual(SHARE_MAX);
  });

  test('never cost more than without, where they begin below what the model caches', async () => {
    const model = 'claude-haiku-4-5';
    const system = handbookFor(model, 1_500);
    const gatewayed = await billOf('gateway', model, false, system);
    const plain = await billOf('emulator', model, false, system);
    expect(plain.sizes[0]?.[0]).toBeLessThan(4_096);
    expect(shareOf(gatewayed, plain)).toBeLessThan(1);
  });
});
