import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';

import { runCli } from '../cli/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-fidelity-'));

afterAll(() => rmSync(folder, { recursive: true }));

function line(i: number, at: number, read: number, write: number): string {
  const usage = { input: 3, write, read, write5m: write, write1h: 0, output: 1 };
  const times = { t_req: at, t_first: at + 1, t_last: at + 2 };
  const who = { s: 's1', a: null, u: 'u1', d: 'd1', i, prev: i === 0 ? null : i - 1, cc: '2.1.37' };
  const parts = { inp: [['tool_result', 9]], out: [['tool_use', 9]] };
  return JSON.stringify({ ...who, ...times, model: 'claude-opus-4-6', usage, stop: null, ...parts });
}

const LINES = [line(0, 0, 0, 20_000), line(1, 10, 20_000, 500), line(2, 400, 0, 20_900)];

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('cachewright fidelity', () => {
  it('prints one document with the members of the contract', async () => {
    const path = file('usage.jsonl.gz', gzipSync(`${LINES.join('\n')}\n`));
    const { code, stdout, stderr } = await runCli(['fidelity', path, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      file: path,
      calls: 3,
      exact: 1,
      within1pct: 1,
      predictedReadTokens: 20_000,
      actualReadTokens: 20_000,
      absErrorShare: 0,
      baseline: { calls: 3, exact: 1 },
      misses: [],
      skippedLines: 0,
    });
  });

  it('tells people both predictors, the misses and the reliability', async () => {
    const path = file('missed.jsonl', [...LINES, line(3, 410, 0, 21_000)].join('\n'));
    const { code, stdout } = await runCli(['fidelity', path]);
    expect(code).toBe(0);
    expect(stdout).toContain('one-line predictor');
    expect(stdout).toMatch(/changed prefix or eviction .* 1 .* 25\.00 % .* 20,900 .* 100\.00 %/);
    expect(stdout).toMatch(/5m .* over 360 s .* 1 /);
  });

  it('skips lines that are no calls, or refuses them', async () => {
    const path = file('mixed.jsonl', [LINES[0], '{"s":', LINES[1], ''].join('\n'));
    const lenient = await runCli(['fidelity', path, '--json']);
    expect(JSON.parse(lenient.stdout)).toMatchObject({ calls: 2, skippedLines: 1 });
    expect(lenient.stderr).toContain('1 lines are no usage-form calls');
    const strict = await runCli(['fidelity', path, '--strict']);
    expect(strict.code).toBe(1);
    expect(strict.stderr).toContain(`${path}:2: no usage-form call`);
  });

  it.each([
    ['empty.jsonl', '', 1, 'holds no usage-form calls'],
    ['other.jsonl', '{"a":1}\n', 1, 'holds no usage-form calls'],
    ['broken.gz', gzipSync('x'.repeat(9_000)).subarray(0, 20), 2, 'broken.gz'],
  ])('says what is wrong with %s', async (name, content, exitCode, message) => {
    const { code, stderr } = await runCli(['fidelity', file(name, content)]);
    expect({ code, stderr }).toEqual({ code: exitCode, stderr: expect.stringContaining(message) });
  });

  it('says that a file does not exist', async () => {
    const { code, stderr } = await runCli(['fidelity', join(folder, 'none')]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('does not exist') });
  });
});
