import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-'));
const handbook = Array.from({ length: 200 }, (_, index) => `Rule ${index}: be brief and kind.`).join(' ');

function write(name: string, content: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  return file;
}

function request(system: string, ...texts: readonly string[]): object {
  const messages = texts.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }));
  return { model: 'claude-opus-5-5', max_tokens: 100, temperature: 1.0, system, messages };
}

const first = write('first.json', request(handbook, 'Hello'));
const second = write('second.json', request(handbook, 'Hello', 'Good morning', 'Which rule is last?'));
const edited = write('edited.json', request(handbook.replace('Rule 150:', 'Rule CL:'), 'Hello'));

describe('plan', () => {
  it('says where breakpoints go, why, and what that costs', async () => {
    const result = await runCli(['plan', first]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/│ system .*│ 5m .*cachewright/);
    expect(result.stdout).toMatch(/input cost: \$0\.\d+ first, \$0\.\d+ again within the TTL/);
  });

  it('--json is one document', async () => {
    const plan = JSON.parse((await runCli(['plan', first, '--json'])).stdout) as {
      breakpoints: { path: string; ttl: string; by: string }[];
      inputCostUsd: { uncached: number; firstRequest: number; sameAgainWithinTtl: number };
    };
    expect(plan.breakpoints.map(({ path, ttl, by }) => [path, ttl, by])).toEqual([
      ['system', '5m', 'cachewright'],
      ['messages.0.content', '5m', 'cachewright'],
    ]);
    const { uncached, firstRequest, sameAgainWithinTtl } = plan.inputCostUsd;
    expect(firstRequest / uncached).toBeCloseTo(1.25, 3);
    expect(sameAgainWithinTtl / uncached).toBeCloseTo(0.05, 3);
  });

  it('--apply changes nothing but markers, also from stdin', async () => {
    const body =
      '{ "model":"claude-opus-5-5","max_tokens": 1e2,\n "n":12345678901234567890, "system":"' +
      handbook +
      '","messages":[{"role":"user","content":"Hi"}] }';
    const result = await runCli(['plan', '-', '--apply'], { input: body });
    const marker = ',"cache_control":{"type":"ephemeral"}}]';
    const expected = body
      .replace(`"system":"${handbook}"`, `"system":[{"type":"text","text":"${handbook}"${marker}`)
      .replace('"content":"Hi"', `"content":[{"type":"text","text":"Hi"${marker}`);
    expect(result.stdout).toBe(expected);
  });

  it.each([
    ['no file', ['plan', join(folder, 'nowhere.json')], '', /nowhere\.json does not exist/],
    ['a folder', ['plan', folder], '', /is a folder/],
    ['malformed JSON', ['plan', '-'], '{"a":', /no JSON object/],
    ['no Messages request', ['plan', '-'], '{"a":1}', /no "messages" array/],
    ['--apply with --json', ['plan', first, '--apply', '--json'], '', /cannot be used with/],
    ['a missing argument', ['plan'], '', /missing required argument/],
  ])('%s is wrong usage', async (_name, args, input, sentence) => {
    const result = await runCli(args, { input });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(sentence);
  });
});

describe('explain', () => {
  it('says that a longer conversation reads what the shorter one wrote', async () => {
    const result = await runCli(['explain', first, second, '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({
      hit: true,
      reason: null,
      lostTokens: 0,
      breakpoints: 'cachewright',
    });
  });

  it('names the first byte that moved, and the price', async () => {
    const result = await runCli(['explain', first, edited, '--json']);
    const found = JSON.parse(result.stdout) as { a: { startByte: number; excerpt: string }; lostUsd: number };
    expect(found).toMatchObject({ hit: false, reason: 'system_changed', level: 'system', readTokens: 0 });
    expect(found.a.excerpt).toContain('Rule 150:');
    expect(found.lostUsd).toBeGreaterThan(0);
    const text = await runCli(['explain', first, edited]);
    expect(text.stdout).toMatch(/^miss: B reads 0 of/);
  });
});

it('--help shows every command, --version a version', async () => {
  const help = await runCli(['--help']);
  for (const name of ['serve', 'emulate', 'demo', 'plan', 'explain']) expect(help.stdout).toContain(name);
  expect(help.code).toBe(0);
  expect(await runCli(['--version'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});
