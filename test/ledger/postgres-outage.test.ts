import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, vi } from 'vitest';

import { startEmulator } from '../../src/emulator/index.ts';
import { openPostgresLedger } from '../../src/ledger/index.ts';
import { startTestGateway } from '../support/gateway.ts';
import { hasPostgres, startPostgres } from '../support/postgres.ts';

/** A minute at an effort of 30. */
const OUTAGE_MS = 2_000 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const CLIENTS = 4;

interface Answered {
  readonly tookMs: readonly number[];
  readonly refused: number;
}

/** Some clients that ask one thing after another for so long. */
async function askFor(durationMs: number, url: string): Promise<Answered> {
  const untilMs = performance.now() + durationMs;
  const tookMs: number[] = [];
  let refused = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const began = performance.now();
      const response = await fetch(`${url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'sk-ant-test' },
        body: JSON.stringify({
          model: 'claude-sonnet-5-5',
          max_tokens: 5,
          messages: [{ role: 'user', content: 'hello' }],
        }),
      });
      await response.text();
      if (response.status !== 200) refused += 1;
      tookMs.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, ask));
  return { tookMs, refused };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

it.runIf(hasPostgres)(
  `a server that is away for ${OUTAGE_MS} ms under load: no request notices, and nothing is lost`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cachewright-outage-'));
    const server = await startPostgres();
    const told: string[] = [];
    const ledger = await openPostgresLedger(folder, { url: server.url, tell: (text) => told.push(text) });
    const emulator = await startEmulator({ port: 0 });
    const gateway = await startTestGateway(emulator.url, { engine: { ledger } });
    try {
      const warm = await askFor(200, gateway.url);
      const before = await askFor(1_000, gateway.url);
      await server.kill();
      const during = await askFor(OUTAGE_MS, gateway.url);
      await ledger.flush();
      const { waiting, dropped, problem } = ledger.health();
      expect(dropped).toBe(0);
      expect(problem).toContain('127.0.0.1');
      expect(waiting).toBeGreaterThanOrEqual(during.tookMs.length);
      expect(statSync(join(folder, 'ledger-spool.jsonl')).size).toBeGreaterThan(0);
      await server.start();
      const after = await askFor(500, gateway.url);
      await vi.waitFor(async () => {
        await ledger.flush();
        expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
      }, 60_000);
      expect([before, during, after].map(({ refused }) => refused)).toEqual([0, 0, 0]);
      // Medians of one run: what else the machine does meets both alike.
      expect(medianOf(during.tookMs) / medianOf(before.tookMs)).toBeLessThan(2);
      const records = await ledger.summary();
      const ids = new Set<string>();
      for await (const { id } of ledger.export()) ids.add(id);
      expect(ids.size).toBe(records.requests);
      expect(records.requests).toBe(
        [warm, before, during, after].reduce((sum, { tookMs }) => sum + tookMs.length, 0),
      );
      expect(statSync(join(folder, 'ledger-spool.jsonl')).size).toBe(0);
      expect(told).toEqual([expect.stringContaining('wait in a file'), 'records are stored again']);
    } finally {
      await gateway.close();
      await emulator.close();
      await ledger.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  OUTAGE_MS + 120_000,
);
