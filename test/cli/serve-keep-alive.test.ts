import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { CleanUp } from '../support/gateway.ts';
import { getJson, sendJson } from '../support/http-client.ts';
import { words } from '../support/messages.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { runCli, startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-keep-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

/** Every place in which a client may send something secret; all of them hold the word. */
const SECRET = 'hunter2';
const HEADERS = [
  'x-api-key',
  `sk-ant-${SECRET}`,
  'Authorization',
  `Bearer ${SECRET}`,
  'Cookie',
  `session=${SECRET}`,
];
const ORDER = { path: '/api/v1/keep-alive', headers: ['x-cachewright-admin', '1'] };

async function start(args: readonly string[], names: readonly string[]): Promise<RunningCli> {
  const running = await startCli(args, names);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running;
}

async function serve(more: readonly string[]): Promise<RunningCli> {
  const args = ['serve', '--upstream', 'emulator', '--port', '0', '--admin-port', '0', '--data-dir', folder];
  return start([...args, '--log-level', 'debug', ...more], ['gateway', 'admin']);
}

async function ask(url: string, more: readonly string[] = []): Promise<void> {
  const marked = { type: 'text', text: words(9_000), cache_control: { type: 'ephemeral', ttl: '1h' } };
  const body = {
    model: 'claude-opus-5-5',
    max_tokens: 10,
    system: [marked],
    messages: [{ role: 'user', content: SECRET }],
  };
  const { status } = await sendJson(url, body, { headers: [...HEADERS, ...more] });
  expect(status).toBe(200);
}

async function status(admin: string): Promise<ReturnType<typeof JSON.parse>> {
  return (await getJson(admin, '/api/v1/keep-alive')).value;
}

it('is off by default, on for a request that asks for it, and stopped by the kill switch', async () => {
  const { urls } = await serve([]);
  const [gateway = '', admin = ''] = [urls['gateway'], urls['admin']];
  await ask(gateway);
  expect(await status(admin)).toMatchObject({ state: 'off', kept: 0, heldBytes: 0 });
  await ask(gateway, ['x-cachewright-keepalive', 'on']);
  const held = await status(admin);
  expect(held).toMatchObject({ kept: 1, totals: { pings: 0, netUsd: 0 } });
  expect(held.heldBytes).toBeGreaterThan(9_000);
  expect((await sendJson(admin, { state: 'off' }, { ...ORDER, headers: [] })).status).toBe(403);
  expect((await sendJson(admin, { state: 'off' }, ORDER)).status).toBe(200);
  expect(await status(admin)).toMatchObject({ isKilled: true, kept: 0, heldBytes: 0 });
});

it.each([
  [['--keep-alive', 'maybe'], 'Allowed choices are off, observe, on'],
  [['--keep-alive-window', '0 8 * * *'], 'a cron expression, a length and a time zone'],
  [['--keep-alive-window', 'at eight; 10h; Europe/Berlin'], 'is no time of a calendar'],
  [['--keep-alive-hour', '-1'], '0 or more'],
])('refuses %j', async (flags, why) => {
  const { code, stderr } = await runCli([
    'serve',
    '--port',
    '0',
    '--admin-port',
    '0',
    '--data-dir',
    folder,
    ...flags,
  ]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
});

it.runIf(hasRedis)('leaves no credential in logs, on disk, in Redis or on the admin listener', async () => {
  const redis = cleanUp.add(await startRedis());
  const secretFile = join(folder, 'fleet-secret');
  writeFileSync(secretFile, 'ab'.repeat(32), { mode: 0o600 });
  const flags = ['--redis', redis.url, '--secret-file', secretFile, '--keep-alive', 'on'];
  const machines = [await serve(flags), await serve(flags)];
  for (const { urls } of machines) await ask(urls['gateway'] ?? '');
  const texts: string[] = [];
  for (const { urls } of machines) {
    const shown = await status(urls['admin'] ?? '');
    expect(shown).toMatchObject({ state: 'on', kept: 1, note: null });
    texts.push(JSON.stringify(shown));
    for (const path of ['/api/v1/summary', '/api/v1/requests', '/readyz'])
      texts.push(JSON.stringify((await getJson(urls['admin'] ?? '', path)).value));
  }
  const client = new Redis(redis.url, { lazyConnect: true });
  await client.connect();
  const keys = await client.keys('*:entry:*');
  expect(keys).toHaveLength(1);
  await client.save();
  client.disconnect();
  for (const file of readdirSync(redis.folder)) texts.push(readFileSync(join(redis.folder, file), 'latin1'));
  // What was ordered at one of them counts at both.
  await sendJson(machines[0]?.urls['admin'] ?? '', { state: 'off' }, ORDER);
  const other = machines[1]?.urls['admin'] ?? '';
  for (let shown = await status(other); shown.kept > 0;) shown = await status(other);
  for (const machine of machines) {
    machine.signal('SIGTERM');
    texts.push((await machine.ended).stderr);
  }
  for (const file of readdirSync(folder)) texts.push(readFileSync(join(folder, file), 'latin1'));
  expect(texts.join('\n')).toContain('cachewright');
  expect(texts.filter((text) => text.includes(SECRET))).toEqual([]);
});
