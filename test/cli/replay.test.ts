import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-replay-'));
const row = (timestamp: number, ids: readonly number[]): string =>
  JSON.stringify({ timestamp, input_length: ids.length * 512 - 100, output_length: 10, hash_ids: ids });
const rows = [row(0, [1, 2, 3]), row(60_000, [1, 2, 3, 4]), row(4_000_000, [1, 2, 3, 4, 5])];

function write(name: string, lines: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, lines.join('\n'));
  return file;
}

describe('replay', () => {
  it('prints a table with ratios, the bound and what it assumes', async () => {
    const { code, stdout, stderr } = await runCli(['replay', write('good.jsonl', rows)]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('good.jsonl: 3 requests, one price for all models');
    expect(stdout).toMatch(/│ automatic-5m .*│ +0\.9\d+ │/);
    expect(stdout).toMatch(/│ lower bound .*│ +1\.00 │/);
    expect(stdout).toContain('The lower bound:');
  });

  it('--json is one document', async () => {
    const { code, stdout } = await runCli(['replay', write('json.jsonl', rows), '--json']);
    const result = JSON.parse(stdout) as {
      policies: { name: string }[];
      lowerBound: { costRatio: number };
    } & Record<string, unknown>;
    expect(code).toBe(0);
    expect(result).toMatchObject({ trace: 'json.jsonl', requests: 3, model: 'theory' });
    expect(result.policies.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'none',
        'automatic-5m',
        'automatic-1h',
        'system-5m',
        'layers',
        'article',
        'cachewright',
      ]),
    );
    expect(Object.keys(result.policies[0] ?? {})).toEqual([
      'name',
      'costRatio',
      'costUsd',
      'readTokens',
      'write5mTokens',
      'write1hTokens',
      'uncachedTokens',
      'pings',
      'pingUsd',
    ]);
    expect(result.lowerBound.costRatio).toBeGreaterThan(0);
  });

  it('takes prices and policies as told', async () => {
    const args = ['replay', 'synthetic:fan-out?hours=2&seed=3', '--json', '--policies', 'layers,none'];
    const { stdout } = await runCli([...args, '--model', 'claude-opus-5-5', '--read', '0.2']);
    const result = JSON.parse(stdout) as { model: string; policies: { name: string }[] };
    expect([result.model, result.policies.map(({ name }) => name)]).toEqual([
      'claude-opus-5-5',
      ['layers', 'none'],
    ]);
  });

  it('writes a page', async () => {
    const file = join(folder, 'report.html');
    const { code } = await runCli(['replay', 'synthetic:chats?hours=2', '--html', file]);
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/i);
  });

  it('says which lines it left out, and refuses them with --strict', async () => {
    const file = write('bad.jsonl', [rows[0] ?? '', '{"timestamp": 1', ...rows.slice(1)]);
    const loose = await runCli(['replay', file, '--json']);
    expect(loose.code).toBe(0);
    expect(loose.stderr).toMatch(/1 line was left out:\n.*bad\.jsonl:2: /);
    const strict = await runCli(['replay', file, '--strict']);
    expect([strict.code, strict.stdout]).toEqual([1, '']);
    expect(strict.stderr).toContain('bad.jsonl');
  });

  it.each([
    ['a file that does not exist', ['nowhere.jsonl'], 2, /nowhere\.jsonl does not exist/],
    ['a folder', [folder], 2, /is a folder/],
    ['a workload that does not exist', ['synthetic:moon'], 2, /no workload is named 'moon'/],
    ['a policy that does not exist', ['synthetic:rag', '--policies', 'best'], 2, /no policy is named "best"/],
    ['two traces, one of them made', ['synthetic:rag', 'x.jsonl'], 2, /stands alone/],
    ['a price that is none', ['synthetic:rag', '--read', 'cheap'], 2, /must be a number/],
    ['a file without requests', [write('empty.jsonl', [])], 1, /empty\.jsonl/],
  ])('refuses %s', async (_what, args, code, message) => {
    const result = await runCli(['replay', ...args]);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(message);
  });

  it('says where a file cannot be written', async () => {
    const file = join(folder, 'nowhere', 'report.html');
    const { code, stderr } = await runCli(['replay', 'synthetic:rag?hours=1', '--html', file]);
    expect([code, existsSync(file)]).toEqual([1, false]);
    expect(stderr).toContain(`${file} cannot be written`);
  });
});
