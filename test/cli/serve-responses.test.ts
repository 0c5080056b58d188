import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { CleanUp } from '../support/gateway.ts';
import { hasMemcached, startMemcached } from '../support/memcached-server.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { HEADERS, request } from '../responses/upstream.ts';
import { runCli, startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-serve-responses-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

function configFile(config: unknown): string {
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

const OWN = ['serve', '--upstream', 'emulator', '--port', '0', '--admin-port', '0', '--log-level', 'silent'];

async function serve(more: readonly string[]): Promise<RunningCli> {
  const running = await startCli([...OWN, '--data-dir', folder, ...more], ['gateway', 'admin']);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running;
}

async function ask(
  { urls }: RunningCli,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<string | null> {
  const sent = { method: 'POST', body: request(more), headers: { ...HEADERS, ...headers } };
  const answer = await fetch(`${urls['gateway']}/v1/messages`, sent);
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  return answer.headers.get('cache-status');
}

it(
  'follows the rules of the configuration file, and drops what purge is told to',
  { timeout: 60_000 },
  async () => {
    const responses = [
      { tag: 'live', ttlS: 'off' },
      { model: 'claude-opus-*', ttlS: 90, temperatures: 'any' },
    ];
    const running = await serve(['--config', configFile({ responses })]);
    expect(await ask(running, { temperature: 1 })).toContain('stored');
    expect(await ask(running, { temperature: 1 })).toMatch(/hit; ttl=(8\d|9\d)/);
    expect(await ask(running, {}, { 'x-cachewright-tags': 'live' })).toContain('detail=off');
    expect(await ask(running, { model: 'claude-haiku-4-5' })).toContain('detail=off');
    const admin = ['--admin', running.urls['admin'] ?? ''];
    expect(await runCli(['purge', '--model', 'claude-opus-5-5', ...admin])).toMatchObject({
      code: 0,
      stdout: 'dropped here, and in every gateway on the same store within a second\n',
    });
    expect(await ask(running, { temperature: 1 })).toContain('fwd=miss');
    expect(await runCli(['purge', ...admin])).toMatchObject({ code: 2 });
    expect(await runCli(['purge', '--all', '--tag', 'x', ...admin])).toMatchObject({ code: 2 });
    expect(await runCli(['purge', '--all', '--admin', 'http://127.0.0.1:1'])).toMatchObject({ code: 1 });
  },
);

it.each([
  [[{ model: 'x' }], 'responses.0.ttlS: must be "off" or a number of seconds above 0'],
  [[{ ttlS: 5 }, { ttlS: 0 }], 'responses.1.ttlS: must be "off" or a number of seconds above 0'],
  [[{ ttlS: 5, modle: 'x' }], 'Unrecognized key: "modle"'],
  [[{ ttlS: 5, temperatures: 'low' }], 'responses.0.temperatures'],
  [{ ttlS: 5 }, 'responses: '],
])('refuses the rules %j', async (responses, sentence) => {
  const result = await runCli([
    ...OWN,
    '--data-dir',
    folder,
    '--config',
    configFile({ responses }),
    '--check',
  ]);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain(sentence);
});

it.skipIf(!hasMemcached)('says with --check whether Memcached answers', { timeout: 30_000 }, async () => {
  const memcached = await startMemcached();
  cleanUp.add({ close: () => memcached.kill() });
  const check = [...OWN, '--data-dir', folder, '--check', '--memcached'];
  expect((await runCli([...check, memcached.server])).code).toBe(0);
  const refused = await runCli([...check, '127.0.0.1:1']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('memcached 127.0.0.1:1');
  expect((await runCli([...check, 'nowhere'])).code).toBe(2);
});

it.skipIf(!hasRedis)(
  'keeps what a request asks for on the second level too, while the tier is off',
  { timeout: 60_000 },
  async () => {
    const redis = cleanUp.add(await startRedis());
    const wish = { 'x-cachewright-response-cache': '60' };
    const first = await serve(['--redis', redis.url]);
    const second = await serve(['--redis', redis.url]);
    expect(await ask(first)).toBeNull();
    expect(await ask(first, {}, wish)).toContain('stored');
    expect(await ask(second, {}, wish)).toContain('detail=store');
    expect(await ask(second)).toBeNull();
  },
);
