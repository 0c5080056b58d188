import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openLedgerFile, openPostgresReader } from '../../src/ledger/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { hasPostgres, startPostgres } from '../support/postgres.ts';
import { runCli, startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-serve-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

const PLACES = ['--upstream', 'emulator', '--port', '0', '--admin-port', '0'];

async function serve(more: readonly string[] = [], env: Record<string, string> = {}): Promise<RunningCli> {
  const args = ['serve', ...PLACES, '--data-dir', folder, ...more];
  const running = await startCli(args, ['gateway', 'admin'], env);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running;
}

async function ask(running: RunningCli, question: string): Promise<void> {
  const response = await fetch(`${running.urls['gateway']}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': 'sk-ant-secret',
      'x-cachewright-tags': 'cli',
    },
    body: JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 20,
      messages: [{ role: 'user', content: question }],
    }),
  });
  expect(response.status).toBe(200);
  await response.text();
}

interface ShownSummary {
  readonly requests: number;
  readonly costPicoUsd: string;
}

async function summaryOf(running: RunningCli): Promise<ShownSummary> {
  const response = await fetch(`${running.urls['admin']}/api/v1/summary?tag=cli`);
  return (await response.json()) as ShownSummary;
}

/** Asks until as many requests are in the summary, and says how long that took. */
async function untilCounted(running: RunningCli, requests: number): Promise<number> {
  const began = performance.now();
  while ((await summaryOf(running)).requests < requests)
    if (performance.now() - began > 20_000) throw new Error('they never came');
  return performance.now() - began;
}

describe('serve', () => {
  it('has a finished request in the summary within a second, and keeps all of them over a restart', async () => {
    const first = await serve();
    await ask(first, 'one');
    await untilCounted(first, 1);
    await ask(first, 'two');
    // By then the thread that reads has started; on a machine that does other things as well it takes longer than it should.
    expect(await untilCounted(first, 2)).toBeLessThan(5_000);
    const health = await fetch(`${first.urls['admin']}/readyz`);
    expect(await health.json()).toMatchObject({ ledger: { waiting: 0, dropped: 0, problem: null } });
    await ask(first, 'three');
    expect(await first.stop('SIGTERM')).toBe(0);
    const kept = await openLedgerFile(folder);
    expect(await kept.summary()).toMatchObject({ requests: 3 });
    const { costPicoUsd } = await kept.summary();
    await kept.close();
    const second = await serve();
    expect(await summaryOf(second)).toMatchObject({ requests: 3, costPicoUsd });
  });

  it('keeps records in memory, or none, where that is wanted', async () => {
    const memory = await serve(['--ledger', 'memory']);
    await ask(memory, 'one');
    await untilCounted(memory, 1);
    const off = await serve([], { CACHEWRIGHT_LEDGER: 'off' });
    await ask(off, 'one');
    expect(await summaryOf(off)).toMatchObject({ requests: 0 });
    expect(existsSync(join(folder, 'ledger.db'))).toBe(false);
  });

  it('does not touch the ledger of a newer version, and says so', async () => {
    const first = await serve();
    await first.stop('SIGTERM');
    const newer = new DatabaseSync(join(folder, 'ledger.db'));
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    const { code, stderr } = await runCli(['serve', ...PLACES, '--data-dir', folder]);
    expect(code).toBe(1);
    expect(stderr).toContain('newer version of Cachewright');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('refuses days and URLs that are none, without showing the latter', async () => {
    for (const args of [
      ['--ledger-days', '0'],
      ['--ledger', 'paper'],
      ['--postgres', 'no://u:hush@host/'],
    ]) {
      const { code, stderr } = await runCli(['serve', ...PLACES, '--data-dir', folder, '--check', ...args]);
      expect(code).toBe(2);
      expect(stderr).not.toContain('hush');
    }
  });
});

describe.runIf(hasPostgres)('serve --postgres', () => {
  it('keeps records there, is checked, and never shows the password', async () => {
    const server = cleanUp.add(await startPostgres());
    const url = await server.database('serve');
    const env = { CACHEWRIGHT_POSTGRES: url };
    const check = ['serve', ...PLACES, '--data-dir', folder, '--check'];
    expect(await runCli(check, { env })).toMatchObject({ code: 0 });
    const wrong = await runCli([
      ...check,
      '--postgres',
      url.replace(encodeURIComponent(server.password), 'hush-hush'),
    ]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('password authentication failed');
    expect(wrong.stderr).not.toContain('hush');
    const running = await serve([], env);
    await ask(running, 'one');
    await untilCounted(running, 1);
    await ask(running, 'two');
    expect(await running.stop('SIGTERM')).toBe(0);
    const kept = await openPostgresReader(url);
    expect(await kept.summary()).toMatchObject({ requests: 2 });
    await kept.close();
    expect(existsSync(join(folder, 'ledger.db'))).toBe(false);
  });
});
