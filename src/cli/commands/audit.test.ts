import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { runProgram } from '../program.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-audit-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const usage = (index: number, second: number, read: number, write1h: number): string =>
  JSON.stringify({
    s: 'e1',
    a: null,
    i: index,
    prev: index === 0 ? null : index - 1,
    t_req: second,
    t_first: second + 2,
    t_last: second + 5,
    model: 'claude-opus-4-5',
    usage: { input: 3, write: write1h, read, write5m: 0, write1h, output: 10 },
  });
const LOG = `${usage(0, 0, 0, 20_000)}\n${usage(1, 60, 20_000, 400)}\n${usage(2, 4000, 0, 21_000)}\n`;
const file = join(folder, 'usage.jsonl');
writeFileSync(file, LOG);

let out = '';
let err = '';

beforeEach(() => {
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

const run = async (...args: readonly string[]): Promise<number> =>
  runProgram(['node', 'cachewright', 'audit', ...args]);

describe('audit', () => {
  test('prints one screen', async () => {
    expect(await run(file)).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(50);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    expect(out).toMatch(/expired +\$0\.20/);
    expect(out).toMatch(/32\.6 % {2}20,000 of 61,409 input tokens/);
    expect(out).toContain('a 5m write would have done');
  });

  test('prints one JSON document', async () => {
    expect(await run(file, '--json', '--day', '2026-03-01')).toBe(0);
    const report = JSON.parse(out) as {
      calls: number;
      parts: { cost: { picoUsd: string } }[];
      paid: { picoUsd: string };
    };
    expect(report.calls).toBe(3);
    const sum = report.parts.reduce((total, part) => total + BigInt(part.cost.picoUsd), 0n);
    expect(String(sum)).toBe(report.paid.picoUsd);
  });

  test('writes a page', async () => {
    const page = join(folder, 'audit.html');
    expect(await run(file, '--html', page)).toBe(0);
    expect(readFileSync(page, 'utf8')).toContain('<!doctype html>');
    expect(await run(file, '--html', join(folder, 'nowhere', 'audit.html'))).toBe(1);
    expect(err).toContain('cannot be written');
  });

  test('a file that is missing is wrong usage', async () => {
    expect(await run(join(folder, 'missing.jsonl'))).toBe(2);
    expect(err).toMatch(/missing\.jsonl does not exist\n$/);
  });

  test('a file without calls fails, and says why', async () => {
    const prose = join(folder, 'prose.jsonl');
    writeFileSync(prose, 'hello\n');
    expect(await run(prose)).toBe(1);
    expect(err).toMatch(/is no log of calls \(line 1: it is no JSON\)/);
    expect(await run(file, prose)).toBe(1);
    expect(out).toContain('Files to look at');
  });

  test('a folder without logs fails', async () => {
    mkdirSync(join(folder, 'empty'));
    expect(await run(join(folder, 'empty'))).toBe(1);
    expect(err).toContain('holds no .jsonl');
  });

  test('without a file it reads transcripts only when told to', async () => {
    vi.stubEnv('CLAUDE_CONFIG_DIR', join(folder, 'claude'));
    expect(await run()).toBe(2);
    expect(err).toContain('has no transcripts in');
    mkdirSync(join(folder, 'claude', 'projects', 'one'), { recursive: true });
    writeFileSync(join(folder, 'claude', 'projects', 'one', 'a.jsonl'), LOG);
    expect(await run()).toBe(2);
    expect(err).toContain('add --yes');
    expect(out).toBe('');
    expect(await run('--yes')).toBe(0);
    expect(out).toContain('3 calls');
  });

  test('a day is a day', async () => {
    expect(await run(file, '--day', 'soon')).toBe(2);
  });
});
