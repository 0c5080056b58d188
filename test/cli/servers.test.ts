import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { runCli, startCli } from './run-cli.ts';

const REQUEST = {
  model: 'claude-sonnet-5-5',
  max_tokens: 50,
  system: 'You know every rule of this handbook. '.repeat(200),
  messages: [{ role: 'user', content: 'Which rule is first?' }],
};

async function ask(url: string): Promise<{ cache_read_input_tokens: number }> {
  const headers = { 'content-type': 'application/json', 'x-api-key': 'sk-ant-secret' };
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers,
    body: JSON.stringify(REQUEST),
  });
  return ((await response.json()) as { usage: { cache_read_input_tokens: number } }).usage;
}

function writeConfig(config: unknown): string {
  const file = join(mkdtempSync(join(tmpdir(), 'cachewright-')), 'config.json');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
  return file;
}

describe('serve', () => {
  it('starts an emulator inside, says where everything listens, saves, and ends with 0 on SIGTERM', async () => {
    const args = [
      'serve',
      '--upstream',
      'emulator',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--log-level',
      'silent',
      '--data-dir',
      mkdtempSync(join(tmpdir(), 'cachewright-servers-')),
    ];
    const serve = await startCli(args, ['gateway', 'admin', 'emulator']);
    await ask(serve.urls['gateway'] ?? '');
    expect((await ask(serve.urls['gateway'] ?? '')).cache_read_input_tokens).toBeGreaterThan(1000);
    const summary = (await (await fetch(`${serve.urls['admin']}/api/v1/summary`)).json()) as {
      requests: number;
    };
    expect(summary.requests).toBe(2);
    expect(await serve.stop('SIGTERM')).toBe(0);
  });

  it('takes options from the environment and a file, the command line first', async () => {
    const config = writeConfig({
      upstream: 'emulator',
      mode: 'observe',
      port: 0,
      adminPort: 0,
      logLevel: 'silent',
    });
    const serve = await startCli(['serve', '--config', config, '--mode', 'off'], ['gateway', 'admin'], {
      CACHEWRIGHT_MODE: 'optimize',
    });
    const admin = (await (await fetch(`${serve.urls['admin']}/`)).json()) as { mode: string };
    expect(admin.mode).toBe('off');
    expect(await serve.stop('SIGINT')).toBe(0);
  });

  it('with a token for the admin listener asks for it, and logs it nowhere', async () => {
    const args = [
      'serve',
      '--upstream',
      'emulator',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--admin-host',
      '0.0.0.0',
    ];
    const env = { CACHEWRIGHT_ADMIN_TOKEN: 'hunter2', CACHEWRIGHT_LOG_LEVEL: 'debug' };
    const serve = await startCli(args, ['gateway', 'admin'], env);
    const url = (serve.urls['admin'] ?? '').replace('0.0.0.0', '127.0.0.1');
    expect((await fetch(`${url}/readyz`)).status).toBe(401);
    const headers = { authorization: 'Bearer hunter2' };
    expect((await fetch(`${url}/readyz`, { headers })).status).toBe(200);
    await ask(serve.urls['gateway'] ?? '');
    serve.signal('SIGTERM');
    const { code, stderr } = await serve.ended;
    expect([code, stderr.includes('hunter2')]).toEqual([0, false]);
  });

  it('answers 502 in the form of the API when the upstream is not there', async () => {
    const args = ['serve', '--upstream', 'http://127.0.0.1:1', '--port', '0', '--admin-port', '0'];
    const serve = await startCli(args, ['gateway', 'admin']);
    const response = await fetch(`${serve.urls['gateway']}/v1/messages`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } });
    await serve.stop('SIGTERM');
  });

  it('says in one sentence that a port is taken, and exits with 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const result = await runCli(['serve', '--upstream', 'emulator', '--port', String(port)]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toBe(
      `cachewright: 127.0.0.1:${port} is already in use: stop what listens there or choose another port\n`,
    );
    taken.close();
  });

  it('--check tells a reachable upstream from one that is not', async () => {
    expect(await runCli(['serve', '--check', '--upstream', 'emulator'])).toMatchObject({ code: 0 });
    const result = await runCli(['serve', '--check', '--upstream', 'http://name:secret@127.0.0.1:1']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^cachewright: the upstream http:\/\/127\.0\.0\.1:1 cannot be reached: .*\n$/,
    );
    expect(result.stderr).not.toContain('secret');
  });

  it.each([
    ['a flag that does not exist', ['serve', '--prot', '1'], /unknown option '--prot'/],
    ['a port that is none', ['serve', '--port', '70000'], /0 to 65535/],
    ['a mode that is none', ['serve', '--mode', 'fast'], /off, observe, optimize/],
    ['an upstream that is no URL', ['serve', '--upstream', 'api.anthropic.com'], /http or https URL/],
    ['a file that is not there', ['serve', '--config', '/nowhere.json'], /cannot be read/],
    ['a file that is no JSON', ['serve', '--config', writeConfig('{')], /is no JSON/],
    ['a file with an unknown member', ['serve', '--config', writeConfig({ prot: 1 })], /prot/],
    [
      'a file with a bad price',
      ['serve', '--config', writeConfig({ models: [{ id: 'x', prices: [{}] }] })],
      /models\.0\.prices\.0/,
    ],
    ['an admin listener open to all', ['serve', '--admin-host', '0.0.0.0'], /give it an --admin-token/],
    ['a command that does not exist', ['sevre'], /unknown command 'sevre'/],
  ])('%s is wrong usage: a sentence and exit code 2', async (_name, args, sentence) => {
    const result = await runCli(args);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(sentence);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });
});

describe('emulate', () => {
  it('prints its line, answers, and ends with 0', async () => {
    const emulate = await startCli(
      ['emulate', '--port', '0', '--clock', 'manual', '--tokenizer', 'words'],
      ['emulator'],
    );
    await ask(emulate.urls['emulator'] ?? '');
    const moved = await fetch(`${emulate.urls['emulator']}/_emulator/clock`, {
      method: 'POST',
      body: '{"advanceMs":5}',
    });
    expect(await moved.json()).toEqual({ nowMs: 5 });
    expect(await emulate.stop('SIGTERM')).toBe(0);
  });
});

describe('demo', () => {
  it('--once --json ends with one document that shows a saving', async () => {
    const args = ['demo', '--once', '--json', '--port', '0', '--admin-port', '0', '--emulator-port', '0'];
    const result = await runCli(args);
    expect(result.code).toBe(0);
    const report = JSON.parse(result.stdout) as {
      requests: number;
      hitRatio: number;
      savedUsd: { noCaching: number };
    };
    expect(report.requests).toBeGreaterThan(40);
    expect(report.hitRatio).toBeGreaterThan(0.9);
    expect(report.savedUsd.noCaching).toBeGreaterThan(0.3);
  });

  it('--once prints a table without colours into a pipe', async () => {
    const result = await runCli([
      'demo',
      '--once',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--emulator-port',
      '0',
    ]);
    expect(result.stdout).toContain('read from cache');
    expect(result.stdout).toMatch(/saved\s+\$0\.\d+/);
    expect(result.stdout).not.toContain('\u001b');
  });
});
