import { once } from 'node:events';
import { mkdtempSync, rmSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCli, startCli, type RunningCli } from '../cli/run-cli.ts';

const KEY = 'sk-test-very-secret';
let folder = '';
let emulator: RunningCli | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-probe-'));
});

afterEach(async () => {
  await emulator?.stop('SIGTERM');
  emulator = null;
  rmSync(folder, { recursive: true });
});

function probe(url: string, ...more: readonly string[]): ReturnType<typeof runCli> {
  const args = ['--upstream', url, '--model', 'claude-sonnet-4-5', '--data-dir', folder, ...more];
  return runCli(['probe', ...args], { env: { ANTHROPIC_API_KEY: KEY } });
}

describe('cachewright probe', () => {
  it('finds what an emulator was started with, says the cost first, and keeps the answers', async () => {
    const open = 'readRefreshes=hit,entriesAre=layered,earlyEvictionMs=null';
    emulator = await startCli(['emulate', '--port', '0', '--clock', 'manual', '--open', open], ['emulator']);
    const only = 'readRefreshes,entriesAre,readUpgradesTtl';
    const url = emulator.urls['emulator'] ?? '';
    const result = await probe(url, '--emulator-clock', '--yes', '--json', '--only', only);
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(
      /^3 questions to claude-sonnet-4-5, each 2 times: 18 requests, at most \$0\.\d+, about 14 min/,
    );
    const printed = JSON.parse(result.stdout) as {
      file: string;
      spentUsd: number;
      answers: { value: unknown }[];
    };
    expect(printed.answers.map(({ value }) => value)).toEqual(['layered', false, 'hit']);
    expect(printed.spentUsd).toBeGreaterThan(0);
    const [file = ''] = readdirSync(join(folder, 'profiles'));
    const kept = readFileSync(join(folder, 'profiles', file), 'utf8');
    expect(JSON.parse(kept)).toMatchObject({ version: 1, answers: printed.answers });
    expect(kept + result.stdout + result.stderr).not.toContain(KEY);
  });

  it('sends nothing without --yes where nobody can be asked', async () => {
    const { code, stderr } = await probe('http://127.0.0.1:9');
    expect(code).toBe(2);
    expect(stderr).toContain('run it with --yes');
  });

  it.each([
    [['--upstream', 'ftp://x', '--model', 'm', '--yes'], 'is no http(s) URL'],
    [
      ['--upstream', 'http://127.0.0.1:9', '--model', 'm', '--only', 'wrong'],
      '--only wrong: questions are entriesAre',
    ],
    [
      ['--upstream', 'http://127.0.0.1:9', '--model', 'm', '--api-key-env', 'NO_SUCH_KEY'],
      'NO_SUCH_KEY holds no API key',
    ],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await runCli(['probe', ...args], { env: { ANTHROPIC_API_KEY: KEY } });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('fails with the reason where no question could be asked', async () => {
    emulator = await startCli(['emulate', '--port', '0', '--clock', 'manual'], ['emulator']);
    const url = emulator.urls['emulator'] ?? '';
    const result = await probe(url, '--emulator-clock', '--yes', '--max-usd', '0', '--only', 'readRefreshes');
    expect(result.code).toBe(1);
    expect(result.stdout).toContain('the budget is used up');
    expect(result.stderr).toContain('no question was answered');
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([301, 302, 303, 307, 308])(
    'does not take the key along when redirected with %i',
    async (status) => {
      const other = await listen((_request, response) => response.end('{}'));
      const upstream = await listen((_request, response) => {
        response.writeHead(status, { location: `${other.url}/v1/messages?from=upstream` }).end();
      });
      try {
        const result = await probe(upstream.url, '--yes', '--repeat', '1', '--only', 'outputFormatLevel');
        expect(result.code).toBe(1);
        expect(result.stdout).toContain(
          `the service answered ${status}: a redirect to ${other.url}, which is`,
        );
        expect(result.stdout).not.toContain('from=upstream');
        expect(upstream.count()).toBe(1);
        expect(other.count()).toBe(0);
      } finally {
        await upstream.close();
        await other.close();
      }
    },
  );
});

interface Listener {
  readonly url: string;
  readonly count: () => number;
  readonly close: () => Promise<void>;
}

/** A service that answers every request alike, and counts them. */
async function listen(answer: RequestListener): Promise<Listener> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    count: () => requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
