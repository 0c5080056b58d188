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
const segmented = write('segmented.json', {
  model: 'claude-opus-5-5',
  max_tokens: 100,
  tools: [{ name: 'find', description: 'Finds a rule.', input_schema: { type: 'object' } }],
  system: [
    { type: 'text', text: 'You know every rule.' },
    { type: 'text', text: handbook, cache_control: { type: 'ephemeral' } },
  ],
  messages: [{ role: 'user', content: 'Hello' }],
});
const refused = write('refused.json', {
  model: 'claude-opus-99',
  max_tokens: 100,
  system: [1, 2, 3, 4, 5].map((rule) => ({
    type: 'text',
    text: `${rule} ${handbook}`,
    cache_control: { type: 'ephemeral' },
  })),
  messages: [{ role: 'user', content: 'Hello' }],
});

interface PlanDocument {
  readonly model: string;
  readonly blocks: readonly { path: string; level: string; tokens: number }[];
  readonly breakpoints: readonly { path: string; ttl: string; reason: string; why: string }[];
  readonly expected: { costUsd: number; withoutCachingUsd: number };
  readonly findings: readonly { code: string; place: string | null; sentence: string }[];
}

describe('plan', () => {
  it('says where breakpoints go, why, and what that costs', async () => {
    const result = await runCli(['plan', first]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/│ system .*│ 5m .*cachewright/);
    expect(result.stdout).toMatch(/input cost: \$0\.\d+ first, \$0\.\d+ again within the TTL/);
  });

  it('draws the prompt: segments, tokens, what is cached for how long, how often it changes, markers', async () => {
    const { stdout } = await runCli(['plan', segmented]);
    const lines = stdout.split('\n');
    expect(lines[1]).toMatch(/^ {2}tools {5} +~\d+ {2}█+ +5m {2}seldom\? {6}tools\.0$/);
    expect(lines[2]).toMatch(
      /^ {2}system {4}~\d,\d+ {2}█{24} {2}5m {2}seldom\? +system\.0 to system\.1 {2}◀ 5m client$/,
    );
    expect(lines[3]).toMatch(/^ {2}messages +~\d+ {2}░+ +-- {2}every turn\? {2}messages\.0\.content$/);
    const { stdout: twice } = await runCli(['plan', segmented, segmented]);
    expect(twice.split('\n')[2]).toMatch(/5m {2}same in 1 {2}system\.0 to system\.1/);
    const { stdout: other } = await runCli(['plan', first, segmented]);
    expect(other.split('\n')[2]).toMatch(/5m {2}changed in 1 of 1 {2}system\.0 to system\.1/);
  });

  it('--json is one document', async () => {
    const plan = JSON.parse((await runCli(['plan', first, '--json'])).stdout) as PlanDocument;
    expect(Object.keys(plan)).toEqual(['model', 'blocks', 'breakpoints', 'expected', 'findings']);
    expect(plan.model).toBe('claude-opus-5-5');
    expect(plan.blocks.map(({ path, level }) => [path, level])).toEqual([
      ['system', 'system'],
      ['messages.0.content', 'messages'],
    ]);
    expect(plan.breakpoints).toEqual([
      {
        path: 'system',
        ttl: '5m',
        reason: 'system-end',
        why: expect.stringMatching(/same tools and system/),
      },
      { path: 'messages.0.content', ttl: '5m', reason: 'tail', why: expect.stringMatching(/the next turn/) },
    ]);
    const tokens = plan.blocks.reduce((sum, block) => sum + block.tokens, 0);
    expect(plan.expected.withoutCachingUsd).toBeCloseTo((tokens * 4) / 1e6, 9);
    expect(plan.expected.costUsd).toBeLessThan(plan.expected.withoutCachingUsd);
    expect(plan.findings).toEqual([
      { code: 'no-breakpoint', place: 'tools-end', sentence: expect.stringMatching(/^not at tools-end: /) },
    ]);
  });

  it('of several requests it plans the last, and tells what keeps it from reading what those before wrote', async () => {
    const { stdout } = await runCli(['plan', first, edited, '--json']);
    const plan = JSON.parse(stdout) as PlanDocument;
    expect(Object.keys(plan)).toEqual(['model', 'blocks', 'breakpoints', 'expected', 'findings']);
    const startByte = handbook.indexOf('150:');
    expect(plan.findings.filter(({ code }) => code !== 'no-breakpoint')).toEqual([
      {
        code: 'volatile-text',
        place: null,
        sentence: expect.stringContaining('in system, bytes'),
        advice: expect.stringContaining('block of its own'),
        path: 'system',
        ranges: [{ kind: 'text', startByte, endByte: startByte + 2 }],
        moved: [],
        seen: 1,
        requests: 2,
        lostTokens: expect.any(Number),
        costUsd: expect.any(Number),
      },
    ]);
    expect((await runCli(['plan', first, edited])).stdout).toContain('seen in 1 of 2 requests');
    const extended = JSON.parse((await runCli(['plan', first, second, '--json'])).stdout) as PlanDocument;
    expect(extended.findings.every(({ code }) => code === 'no-breakpoint')).toBe(true);
  });

  it("--json tells the client's markers and what is wrong with them", async () => {
    const read = async (file: string): Promise<PlanDocument> =>
      JSON.parse((await runCli(['plan', file, '--json'])).stdout) as PlanDocument;
    expect((await read(segmented)).breakpoints).toEqual([
      { path: 'system.1', ttl: '5m', reason: 'client', why: 'set by the client (explicit)' },
    ]);
    const { findings, breakpoints } = await read(refused);
    expect(findings.map(({ code }) => code)).toContain('markers-refused');
    expect(findings.map(({ code }) => code)).toContain('model-unknown');
    expect(breakpoints).toEqual([]);
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
