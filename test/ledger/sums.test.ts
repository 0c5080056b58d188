import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { defaultCatalogue, toUsd } from '../../src/core/index.ts';
import { accountFor } from '../../src/engine/account.ts';
import {
  BUCKET_MS,
  createMemoryLedger,
  openPostgresLedger,
  openSqliteLedger,
  type Ledger,
} from '../../src/ledger/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import type { BilledUsage } from '../../src/wire/index.ts';
import { startTestGateway } from '../support/gateway.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { recordOf, usageOf } from '../support/record.ts';
import { billBySpec, hasFastMode, listedModels, type Modifiers, type PricedTokens } from './spec-prices.ts';

/** 100,000 at an effort of 25. */
const USAGES = Math.ceil(5_000 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const SEED = 20_261_123;
const WEB_SEARCH_PICO_USD = 10_000_000_000n;
const FROM_MS = Date.UTC(2026, 7, 1);
const DAYS = 120;

const random = seededRandom(SEED);
const whole = (below: number): number => Math.floor(random() * below);
function pick<Item>(items: readonly Item[]): Item {
  return items[whole(items.length)] as Item;
}

function randomTokens(): PricedTokens {
  const size = pick([10, 1_000, 30_000, 900_000]);
  return {
    uncachedTokens: whole(size),
    readTokens: whole(size),
    write5mTokens: whole(size),
    write1hTokens: whole(size),
    outputTokens: whole(60_000),
  };
}

function randomModifiers(): Modifiers {
  const isBatch = random() < 0.3;
  return { isBatch, isFast: !isBatch && random() < 0.4, isUs: random() < 0.4 };
}

/** What one model comes to, by the list. */
interface Expected {
  requests: number;
  picoUsd: bigint;
  savedPicoUsd: bigint;
}

const expected = new Map<string, Expected>();

/** A usage as the wire gives it, with what it costs by the list added to what is expected. */
function randomUsage(id: string, atMs: number): BilledUsage {
  const how = randomModifiers();
  const tokens = randomTokens();
  const webSearches = pick([0, 0, 3]);
  const others = listedModels.filter((other) => !how.isFast || hasFastMode(other));
  const iterations =
    random() < 0.2
      ? [
          { type: 'message', model: null, ...tokens },
          { type: 'fallback_message', model: pick(others), ...randomTokens() },
        ]
      : null;
  const bills = (iterations ?? [{ model: null, ...tokens }]).map((part) =>
    billBySpec(part.model ?? id, part, atMs, how),
  );
  const known = expected.get(id) ?? { requests: 0, picoUsd: 0n, savedPicoUsd: 0n };
  const sum = bills.reduce((total, { picoUsd }) => total + picoUsd, 0n);
  expected.set(id, {
    requests: known.requests + 1,
    picoUsd: known.picoUsd + sum + BigInt(webSearches) * WEB_SEARCH_PICO_USD,
    savedPicoUsd:
      known.savedPicoUsd + bills.reduce((total, { uncachedPicoUsd }) => total + uncachedPicoUsd, -sum),
  });
  const usage = usageOf(tokens);
  return {
    ...usage,
    serviceTier: how.isBatch ? 'batch' : 'standard',
    speed: how.isFast ? 'fast' : null,
    inferenceGeo: how.isUs ? 'us' : null,
    serverToolUse: { ...usage.serverToolUse, webSearchRequests: webSearches },
    iterations,
  };
}

const records = Array.from({ length: USAGES }, (_, index) => {
  const model = pick(listedModels);
  const atMs = FROM_MS + whole(DAYS * 86_400_000);
  const usage = randomUsage(model, atMs);
  const account = accountFor(usage, model, null, null, atMs, defaultCatalogue);
  return recordOf({ id: `r${index}`, atMs, model, tags: [`t${index % 3}`], ...account });
});

const total = (pickSum: (sums: Expected) => bigint): bigint =>
  [...expected.values()].reduce((sum, own) => sum + pickSum(own), 0n);

async function expectSums(ledger: Ledger): Promise<void> {
  for (const [index, record] of records.entries()) {
    ledger.add(record);
    // More than may wait would be lost, and counted as such.
    if (index % 10_000 === 0) await ledger.flush();
  }
  await ledger.flush();
  expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
  const summary = await ledger.summary();
  expect(summary.requests).toBe(USAGES);
  expect(summary.costPicoUsd).toBe(total(({ picoUsd }) => picoUsd).toString());
  expect(summary.savedUsd.noCaching).toBe(toUsd(total(({ savedPicoUsd }) => savedPicoUsd)));
  for (const [model, { requests, picoUsd }] of expected)
    expect(await ledger.summary({ model })).toMatchObject({ requests, costPicoUsd: picoUsd.toString() });
  // A split at any moment, in the middle of a bucket, loses nothing.
  const atMs = FROM_MS + Math.floor(DAYS / 2) * 86_400_000 + 12_345;
  const [before, after] = [await ledger.summary({ toMs: atMs }), await ledger.summary({ fromMs: atMs })];
  expect(BigInt(before.costPicoUsd) + BigInt(after.costPicoUsd)).toBe(BigInt(summary.costPicoUsd));
  for (const bucketMs of [BUCKET_MS, 86_400_000]) {
    const rows = await ledger.timeline({}, bucketMs);
    for (const [model, { picoUsd, savedPicoUsd }] of expected) {
      const own = rows.filter((row) => row.model === model);
      expect(own.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n)).toBe(picoUsd);
      expect(own.reduce((sum, row) => sum + row.savedPicoUsd.noCaching, 0n)).toBe(savedPicoUsd);
    }
  }
}

describe(`${USAGES} usages of all models, days and modifiers (seed ${SEED})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-sums-'));
  let server: PostgresServer | null = null;
  beforeAll(async () => {
    if (hasPostgres) server = await startPostgres();
  });
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are of every model that there is', () => {
    expect(listedModels).toEqual(expect.arrayContaining(defaultCatalogue.map(({ id }) => id)));
  });

  it('add up to the pico-dollar in memory', async () => {
    await expectSums(createMemoryLedger(USAGES));
  });

  it('add up to the pico-dollar in SQLite, and over the admin API', async () => {
    const ledger = await openSqliteLedger(folder);
    await expectSums(ledger);
    const gateway = await startTestGateway('http://127.0.0.1:9', { engine: { ledger } });
    const answer = await fetch(`${gateway.admin.url}/api/v1/summary`);
    expect(await answer.json()).toEqual(await ledger.summary());
    await gateway.close();
    await ledger.close();
  }, 300_000);

  it.runIf(hasPostgres)(
    'add up to the pico-dollar in Postgres',
    async () => {
      const ledger = await openPostgresLedger(folder, { url: server?.url ?? '' });
      await expectSums(ledger);
      await ledger.close();
    },
    300_000,
  );
});
