import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCli, type CliResult } from '../cli/run-cli.ts';
import { getJson } from '../support/http-client.ts';
import { KEY, MODEL, startEmulated, text, type Emulated } from './emulated.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
let folder = '';
let emulated: Emulated;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-warm-'));
  emulated = await startEmulated();
});

afterEach(async () => {
  await emulated.close();
  rmSync(folder, { recursive: true });
});

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function warm(...args: readonly string[]): Promise<CliResult> {
  return runCli(['warm', '--upstream', emulated.url, ...args], { env: { ANTHROPIC_API_KEY: KEY } });
}

const bodyOf = (seed: string): object => ({ model: MODEL, system: text(700, seed) });

interface Report {
  readonly prompts: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly rounds: number;
  readonly requests: number;
  readonly costUsd: number;
  readonly results: readonly {
    readonly id: string;
    readonly status: string;
    readonly warmUntil: string | null;
  }[];
}

describe('cachewright warm', () => {
  it('warms requests of every form, and prints one document', async () => {
    const single = write('single.json', JSON.stringify(bodyOf('a'), null, 2));
    const list = write('list.json', JSON.stringify([bodyOf('b'), { id: 'named', body: bodyOf('c') }]));
    const lines = [bodyOf('d'), { custom_id: 'batch-1', params: bodyOf('e') }].map((line) =>
      JSON.stringify(line),
    );
    const jsonl = write('lines.jsonl.gz', gzipSync(`${lines.join('\n')}\n`));
    const batch = write(
      'batch.json',
      JSON.stringify({ requests: [{ custom_id: 'batch-2', params: bodyOf('f') }] }),
    );
    const capture = {
      t: '2026-11-22T00:00:00Z',
      method: 'POST',
      path: '/v1/messages?beta=true',
      headers: { 'x-api-key': 'other' },
    };
    const captures = write(
      'captures.jsonl',
      [
        { ...capture, body: { ...bodyOf('g'), messages: [{ role: 'user', content: 'hi' }] } },
        { ...capture, path: '/v1/messages/count_tokens', body: bodyOf('h') },
      ]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    );
    const { code, stdout, stderr } = await warm(single, list, jsonl, batch, captures, '--json');
    expect(code).toBe(0);
    expect(stderr).toBe('captured requests that are for no message, and so passed over: 1\n');
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({ prompts: 7, requests: 7, rounds: 1, counts: { wrote: 7 } });
    expect(report.costUsd).toBeGreaterThan(0);
    expect(report.results.map(({ id }) => id.replace(`${folder}/`, ''))).toEqual([
      'single.json',
      'list.json#1',
      'named',
      'lines.jsonl.gz:1',
      'batch-1',
      'batch-2',
      'captures.jsonl:1',
    ]);
    expect(await emulated.entries()).toHaveLength(8);
  });

  it('keeps the order of keys that JavaScript would move', async () => {
    const schema = '{"type":"object","properties":{"10":{"type":"string"},"2":{"type":"string"}}}';
    const body = `{"model":"${MODEL}","tools":[{"name":"t","description":"${text(700)}","input_schema":${schema}}]}`;
    let sent = '';
    const server = createServer((request, response) => {
      void request.toArray().then((chunks: Buffer[]) => {
        sent = Buffer.concat(chunks).toString('utf8');
        response.end(JSON.stringify({ usage: { input_tokens: 1, cache_creation_input_tokens: 700 } }));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const content of [body, `[${body}]`, `{"requests":[{"custom_id":"x","params":${body}}]}`]) {
      const { code } = await warm(write('keys.json', content), '--upstream', url, '--json');
      expect(code).toBe(0);
      expect(sent).toContain(schema);
    }
    server.close();
  });

  it('says for people what became of prompts, and exits with 1 where some failed', async () => {
    await emulated.script([
      { status: 400, error: 'invalid_request_error', message: `the key ${KEY} is bad` },
    ]);
    const path = write('lines.jsonl', ['a', 'b'].map((seed) => JSON.stringify(bodyOf(seed))).join('\n'));
    const { code, stdout, stderr } = await warm(path, '--concurrency', '1');
    expect(code).toBe(1);
    expect(stdout).toContain('wrote');
    expect(stdout).toContain('lines.jsonl:1: failed: answered 400: the key [credential] is bad');
    expect(stdout).toMatch(/2 requests, 0 of them again; 700 tokens written, 0 read; \$0\.00\d+/);
    expect(stderr).toBe('cachewright: 1 of 2 prompts are not warm\n');
    expect(stdout + stderr).not.toContain(KEY);
  });

  it('sends nothing in a dry run, and needs no key for it', async () => {
    const path = write('single.json', JSON.stringify(bodyOf('a')));
    const args = ['warm', path, '--upstream', emulated.url, '--dry-run', '--ttl', '1h'];
    const { code, stdout } = await runCli([...args, '--json'], { env: { ANTHROPIC_API_KEY: '' } });
    expect(code).toBe(0);
    const preview = JSON.parse(stdout) as Report & { readonly expectedUsd: number };
    expect(preview).toMatchObject({ prompts: 1, requests: 1, results: [{ fate: 'send', maxTokens: 0 }] });
    expect(preview.results[0]).toMatchObject({ breakpoints: [{ path: 'system.0', ttl: '1h' }] });
    expect(preview.expectedUsd).toBeGreaterThan(0);
    const people = await runCli(args, { env: { ANTHROPIC_API_KEY: '' } });
    expect(people.stdout).toContain('1 request, about $');
    expect(await emulated.entries()).toEqual([]);
  });

  it('spends no more than the budget', async () => {
    const path = write('lines.jsonl', ['a', 'b', 'c'].map((seed) => JSON.stringify(bodyOf(seed))).join('\n'));
    const dry = JSON.parse((await warm(path, '--dry-run', '--json')).stdout) as {
      readonly results: readonly { readonly worstUsd: number }[];
    };
    // Enough for each of them alone, and not for what is left once one has been paid.
    const budget = Math.max(...dry.results.map(({ worstUsd }) => worstUsd)) + 0.001;
    const { code, stdout } = await warm(path, '--budget', String(budget), '--concurrency', '1', '--json');
    const report = JSON.parse(stdout) as Report;
    expect(code).toBe(1);
    expect(report.costUsd).toBeLessThanOrEqual(budget);
    expect(report.counts).toMatchObject({ wrote: 1, 'over-budget': 2 });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('repeats until %s, and ends with the report', async (signal) => {
    const path = write('single.json', JSON.stringify(bodyOf('a')));
    const args = [MAIN, 'warm', path, '--upstream', emulated.url, '--every', '1s', '--json'];
    const child = spawn(process.execPath, args, { env: { ...process.env, ANTHROPIC_API_KEY: KEY } });
    const exit = once(child, 'close') as Promise<[number]>;
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    let stderr = '';
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        if (stderr.includes('round 2')) resolve();
      });
    });
    child.kill(signal);
    const [code] = await exit;
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.rounds).toBeGreaterThanOrEqual(2);
    // An entry that lives longer than until the round after the next is not asked for again.
    expect(report).toMatchObject({ prompts: 1, requests: 1, counts: { 'still-warm': 1 } });
    expect(stderr).toMatch(/^round 1: 1 written, 0 renewed, 0 still warm; \$0\.00\d+$/m);
    const { value } = await getJson(emulated.url, '/_emulator/entries');
    expect(value).toMatchObject({ inFlight: 0 });
  });

  it.each([
    [['missing.json'], 'missing.json does not exist'],
    [['empty.json'], 'empty.json is empty'],
    [['broken.json'], 'broken.json is no JSON'],
    [['lines.jsonl'], 'lines.jsonl:2 is no JSON'],
    [['other.json'], 'other.json is neither a Messages request, a captured one, nor a batch'],
    [['large.json'], 'large.json has 9223372036854775807, which cannot be sent as it is'],
    [['none.json'], 'there is nothing to warm'],
    [['fine.json', '--every', '5'], 'a time is 1s or more'],
    [['fine.json', '--concurrency', '0'], 'it must be from 1 to 1000'],
    [['fine.json', '--upstream', 'ftp://x'], 'is no http(s) URL'],
    [['fine.json', '--api-key-env', 'NO_SUCH_KEY'], 'NO_SUCH_KEY holds no API key'],
  ])('refuses %j', async ([name = '', ...more], message) => {
    write('empty.json', ' \n');
    write('broken.json', '{"model":');
    write('lines.jsonl', `${JSON.stringify(bodyOf('a'))}\n{"model"\n`);
    write('other.json', '{"model":"x"}');
    write('large.json', `{"tools":[{"input_schema":{"maximum":9223372036854775807}}]}`);
    write('none.json', '{"method":"GET","path":"/v1/models"}');
    write('fine.json', JSON.stringify(bodyOf('a')));
    const { code, stderr } = await warm(join(folder, name), ...more);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(await emulated.entries()).toEqual([]);
  });
});
