import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { CleanUp } from '../support/gateway.ts';
import { getJson, sendJson } from '../support/http-client.ts';
import { runCli, startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-serve-alerts-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

const OWN = ['serve', '--upstream', 'emulator', '--port', '0', '--admin-port', '0', '--log-level', 'silent'];
const SYSTEM = Array.from({ length: 3_000 }, (_, word) => `word${word % 89}`).join(' ');

async function serve(more: readonly string[]): Promise<RunningCli> {
  const running = await startCli([...OWN, '--data-dir', folder, ...more], ['emulator', 'gateway', 'admin']);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running;
}

/** Somebody who is posted to, and what came. */
async function startReceiver(): Promise<{
  readonly url: string;
  readonly events: Record<string, unknown>[];
}> {
  const events: Record<string, unknown>[] = [];
  const server = createServer((incoming, outgoing) => {
    void json(incoming).then((event) => {
      events.push(event as Record<string, unknown>);
      outgoing.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.add(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, events };
}

async function ask({ urls }: RunningCli): Promise<void> {
  const body = {
    model: 'claude-opus-5-5',
    max_tokens: 20,
    system: [{ type: 'text', text: SYSTEM, cache_control: { type: 'ephemeral' } }],
    messages: [{ role: 'user', content: 'What is word7?' }],
  };
  const headers = ['x-api-key', 'k', 'anthropic-version', '2023-06-01'];
  const answer = await sendJson(urls['gateway'] ?? '', body, { path: '/v1/messages', headers });
  expect(answer.status).toBe(200);
}

it('posts what nothing explains and what passes a budget, and shows both', { timeout: 60_000 }, async () => {
  const receiver = await startReceiver();
  const running = await serve(['--webhook', receiver.url, '--budget-day', '0.00001']);
  await ask(running);
  await sendJson(running.urls['emulator'] ?? '', { usage: 'as-if-evicted' }, { path: '/_emulator/script' });
  await ask(running);
  const admin = running.urls['admin'] ?? '';
  const { value: alerts } = await getJson(admin, '/api/v1/alerts');
  expect(alerts).toMatchObject({ firing: [], alerts: [{ rule: 'spend-day', state: 'firing' }] });
  const { value: integrity } = await getJson(admin, '/api/v1/integrity');
  expect(integrity).toMatchObject({
    checked: 2,
    fitting: 1,
    findings: [{ code: 'read_less', cause: 'unexplained' }],
  });
  running.signal('SIGTERM');
  await running.ended;
  expect(receiver.events.map(({ type, rule, code }) => [type, rule ?? code])).toEqual([
    ['alert', 'spend-day'],
    ['integrity', 'read_less'],
  ]);
});

it.each([
  [['--webhook', 'ftp://example.com/secret'], /--webhook: the URL of a webhook begins with http/],
  [['--budget-day', 'much'], /--budget-day.*number of dollars/],
])('%j is refused in words', { timeout: 30_000 }, async (flags, words) => {
  const { code, stderr } = await runCli([...OWN, '--data-dir', folder, '--check', ...flags]);
  expect(code).toBe(2);
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain('secret');
});
