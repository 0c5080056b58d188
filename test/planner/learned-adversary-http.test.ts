import { Agent } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  addCosts,
  billUncached,
  defaultCatalogue,
  noTokens,
  resolveModel,
  standardPricing,
} from '../../src/core/index.ts';
import { startEmulator, type RunningServer } from '../../src/emulator/index.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/index.ts';
import { START_MS } from '../support/engine.ts';
import { CleanUp, startTestGateway } from '../support/gateway.ts';
import { getJson, sendJson } from '../support/http-client.ts';
import { adversaries, culprits, harmless, MODEL, type Traffic } from './adversarial-traffic.ts';

/** A number of requests that shows everything at full effort. */
const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const REQUESTS = EFFORT >= 20 ? 5000 : 160;

/** Above no caching by so much at most, where nothing can be reused. */
const MOST = 1.005;
/** Until it is known that nothing comes back, a few requests are written; of five thousand that must be nothing. */
const LEARNING_SHARE = REQUESTS >= 5000 ? 0 : 8 / REQUESTS;

interface Run {
  /** Input cost over that of no caching. */
  readonly costRatio: number;
  readonly findings: readonly Found[];
}

/** A finding as the admin listener answers it. */
interface Found {
  readonly code: string;
  readonly path: string | null;
  readonly seen: number;
  readonly requests: number;
  readonly costUsd: number;
  readonly costPicoUsd: string;
}

let cleanUp = new CleanUp();
let emulator: RunningServer;

beforeEach(async () => {
  cleanUp = new CleanUp();
  emulator = cleanUp.add(await startEmulator({ port: 0, clock: 'manual' }));
});
afterEach(() => cleanUp.run());

/** Input cost by what the emulator has billed. */
function ratioOf(ledger: MemoryLedger, requests: number): number {
  const { facts } = resolveModel(MODEL, defaultCatalogue);
  const records = ledger.list(requests);
  const bills = records.map(({ usage, cost }) => {
    if (!usage || !cost) throw new Error('a request without a bill');
    const plain = billUncached(
      facts,
      { ...usage, outputTokens: noTokens.outputTokens },
      standardPricing(START_MS),
    );
    return { paid: cost.totalPicoUsd - cost.outputPicoUsd, plain };
  });
  const paid = bills.reduce((sum, bill) => sum + bill.paid, 0n);
  return Number(paid) / Number(addCosts(bills.map(({ plain }) => plain)).totalPicoUsd);
}

/** Sends traffic through a gateway to the emulator, over HTTP, with both clocks at the time of the traffic. */
async function send({ gapMs, make }: Traffic, requests: number): Promise<Run> {
  let nowMs = START_MS;
  const ledger = createMemoryLedger();
  const clock = { nowMs: () => nowMs };
  const gateway = cleanUp.add(await startTestGateway(emulator.url, { engine: { clock, ledger } }));
  const agent = new Agent({ keepAlive: true });
  for (let request = 0; request < requests; request += 1) {
    const headers = ['x-api-key', 'one'];
    const { status } = await sendJson(gateway.url, make(request), { headers, agent });
    if (status !== 200) throw new Error(`answered ${status}`);
    nowMs += gapMs;
    await sendJson(emulator.url, { advanceMs: gapMs }, { path: '/_emulator/clock', agent });
  }
  agent.destroy();
  const { value } = await getJson(gateway.admin.url, '/api/v1/findings');
  return { costRatio: ratioOf(ledger, requests), findings: value.findings };
}

/** Five thousand requests take a minute and more. */
const TIMEOUT_MS = 900_000;

describe(`${REQUESTS} adversarial requests over HTTP`, { timeout: TIMEOUT_MS }, () => {
  test.each([
    ['every request unique', 'nothing-repeats', null],
    ['prefixes just beyond the hour', 'expires-before-reuse', 'system'],
    ['the order of tools churns', 'tool-order', 'tools'],
    ['a timestamp first in the system prompt', 'volatile-text', 'system'],
    ['distinct prefixes, ten a second', 'nothing-repeats', null],
  ])('%s: costs as much as without caching, and %s says why', async (name, code, path) => {
    const { costRatio, findings } = await send(adversaries()[name] as Traffic, REQUESTS);
    expect(costRatio).toBeLessThanOrEqual(MOST + LEARNING_SHARE);
    expect(findings.map((finding) => [finding.code, finding.path])).toContainEqual([code, path]);
    expect(new Set(findings.map((finding) => finding.code)).size).toBe(1);
  });
});

describe('other culprits over HTTP', () => {
  test.each([
    ['session', 'volatile-text', 'system.1.text'],
    ['schema', 'tool-keys', 'tools.3'],
    ['tools', 'tools-alternate', 'tools'],
    ['system', 'system-alternate', 'system.0'],
    ['thinking', 'settings-alternate', 'messages'],
    ['short', 'below-minimum', 'system'],
    ['marker', 'breakpoint-never-read', 'messages.0.content.0'],
    ['handbook', 'volatile-text', 'messages.0.content'],
  ])('%s: %s at %s', async (name, code, path) => {
    const { findings } = await send(culprits()[name] as Traffic, 60);
    const [first] = findings;
    expect([first?.code, first?.path]).toEqual([code, path]);
    expect(first?.seen).toBeGreaterThan(10);
    expect(first?.requests).toBeLessThanOrEqual(60);
    expect(first?.costUsd).toBeCloseTo(Number(first?.costPicoUsd) / 1e12, 9);
  });

  test('and none in harmless traffic', async () => {
    const { findings } = await send(harmless()['agents'] as Traffic, 60);
    expect(findings).toEqual([]);
  });
});
