import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { FamilyAdvice } from '../../src/planner/index.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-optimize-'));
const START_MS = Date.UTC(2026, 10, 2);
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

function write(name: string, lines: readonly unknown[]): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

/** A captured request with 3,000 words that all share and a question of its own; billed as if nothing were cached. */
function capture(atMs: number, question: string): object {
  const system = 'word '.repeat(3_000);
  return {
    method: 'POST',
    path: '/v1/messages',
    t: new Date(atMs).toISOString(),
    body: {
      model: 'claude-sonnet-4-5',
      max_tokens: 16,
      system,
      messages: [{ role: 'user', content: question }],
    },
    response: { status: 200, body: { usage: { input_tokens: 3_010, output_tokens: 5 } } },
  };
}

const every = (minutes: number, count: number, fromMs = START_MS): readonly object[] =>
  Array.from({ length: count }, (_, turn) =>
    capture(fromMs + turn * minutes * MINUTE_MS, `question ${turn}`),
  );

interface Output {
  readonly files: number;
  readonly calls: number;
  readonly notes: readonly { readonly path: string; readonly note: string }[];
  readonly families: readonly FamilyAdvice[];
}

async function optimizeJson(...args: readonly string[]): Promise<Output> {
  const { code, stdout, stderr } = await runCli(['optimize', ...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Output;
}

describe('optimize', () => {
  it('advises an hour for requests every 20 minutes, and nothing for two a day', async () => {
    const steady = write('apps/steady/calls.jsonl', every(20, 72));
    const rare = write('apps/rare/calls.jsonl', every(720, 6));
    const { files, calls, families } = await optimizeJson(join(folder, 'apps'));
    expect([files, calls]).toEqual([2, 78]);
    expect(families.map(({ family, breakpoints }) => [family, breakpoints])).toEqual([
      [join(steady, '..'), [{ place: 'system-end', ttl: '1h' }]],
      [join(rare, '..'), []],
    ]);
    const [month] = families.map((each) => each.month);
    // 2,160 requests of 3,010 tokens at $3 a million, as they were billed.
    expect(month?.withoutCachingUsd).toBeCloseTo(2_160 * 3_010 * 3e-6, 1);
    expect(month?.savingOnBill?.usd).toBeCloseTo(month?.saving.usd ?? 0, 6);
    expect(month!.saving.lowUsd!).toBeLessThanOrEqual(month!.saving.usd);
    expect(month!.saving.highUsd!).toBeGreaterThanOrEqual(month!.saving.usd);
  });

  it('says it for people too, and the same every time', async () => {
    const file = write('people/calls.jsonl', every(20, 72));
    const [one, two] = [await runCli(['optimize', file]), await runCli(['optimize', file])];
    expect([one.code, one.stderr]).toEqual([0, '']);
    expect(one.stdout).toBe(two.stdout);
    expect(one.stdout).toContain('set 1h at system-end');
    expect(one.stdout).toMatch(
      /a month without caching \$19\.\d\d.*saves \$17\.\d\d \(nine tenths of such months/,
    );
    expect(one.stdout).not.toContain('question');
  });

  it('takes a file, a folder or everything for a family', async () => {
    write('by/a.jsonl', every(20, 4));
    write('by/b.jsonl', every(20, 4, START_MS + 5 * MINUTE_MS));
    const named = async (by: string): Promise<readonly string[]> =>
      (await optimizeJson(join(folder, 'by'), '--by', by)).families.map(({ family }) => family).toSorted();
    expect(await named('file')).toEqual([join(folder, 'by/a.jsonl'), join(folder, 'by/b.jsonl')]);
    expect(await named('folder')).toEqual([join(folder, 'by')]);
    expect(await named('all')).toEqual(['all']);
  });

  it('reads usage alone, in any order, each call once', async () => {
    const message = (turn: number): object => ({
      type: 'assistant',
      sessionId: 's',
      uuid: `u${turn}`,
      requestId: `r${turn}`,
      timestamp: new Date(START_MS + turn * 2 * MINUTE_MS).toISOString(),
      message: {
        id: `m${turn}`,
        model: 'claude-sonnet-4-5',
        role: 'assistant',
        content: [],
        usage: { input_tokens: 4_000 + 100 * turn, output_tokens: 5 },
      },
    });
    const turns = Array.from({ length: 40 }, (_, turn) => turn);
    const file = write('usage/session.jsonl', turns.map(message));
    write('usage/again.jsonl', turns.toReversed().map(message));
    const { families } = await optimizeJson(file, '--by', 'all');
    expect(families[0]).toMatchObject({ requests: 40, breakpoints: [{ place: 'tail', ttl: '5m' }] });
    const { families: twice } = await optimizeJson(join(folder, 'usage'), '--by', 'all');
    expect(twice[0]?.requests).toBe(40);
  });

  it('believes of the gateway’s records only what was read', async () => {
    const record = (turn: number, usage: object): object => ({
      id: `req_${turn}`,
      atMs: START_MS + turn * MINUTE_MS,
      scope: 'scope',
      tags: [],
      path: '/v1/messages',
      model: 'claude-sonnet-4-5',
      modelNote: null,
      mode: 'optimize',
      status: 200,
      messageId: null,
      stopReason: 'end_turn',
      usage: {
        uncachedTokens: 0,
        readTokens: 0,
        write5mTokens: 0,
        write1hTokens: 0,
        outputTokens: 5,
        ...usage,
      },
      cost: {
        uncachedPicoUsd: '0',
        readPicoUsd: '0',
        write5mPicoUsd: '0',
        write1hPicoUsd: '0',
        outputPicoUsd: '0',
        toolFeesPicoUsd: '0',
        totalPicoUsd: '0',
      },
      prediction: null,
      savings: null,
      misses: [],
      plan: null,
      skipReason: null,
      isResent: false,
      isPartial: false,
      error: null,
      firstByteMs: 300,
      totalMs: 900,
    });
    const different = write(
      'gateway/different.jsonl',
      Array.from({ length: 100 }, (_, turn) => record(turn, { uncachedTokens: 2_000 + turn })),
    );
    expect((await optimizeJson(different)).families[0]).toMatchObject({ requests: 100, breakpoints: [] });
    const shared = write(
      'gateway/shared.jsonl',
      Array.from({ length: 100 }, (_, turn) =>
        record(turn, { uncachedTokens: 50, [turn === 0 ? 'write5mTokens' : 'readTokens']: 8_000 }),
      ),
    );
    expect((await optimizeJson(shared)).families[0]).toMatchObject({
      breakpoints: [{ place: 'shared', ttl: '5m' }],
    });
  });

  it('holds an earlier advice against what was billed since', async () => {
    const file = write('check/calls.jsonl', every(20, 72));
    const advice = join(folder, 'advice.json');
    const { stdout: json } = await runCli(['optimize', file, '--json']);
    writeFileSync(advice, json);
    const since = every(20, 72, START_MS + DAY_MS).map((call, turn) => ({
      ...call,
      response: {
        status: 200,
        body: {
          usage:
            turn === 0
              ? {
                  input_tokens: 10,
                  cache_creation_input_tokens: 3_000,
                  cache_creation: { ephemeral_1h_input_tokens: 3_000, ephemeral_5m_input_tokens: 0 },
                  output_tokens: 5,
                }
              : { input_tokens: 10, cache_read_input_tokens: 3_000, output_tokens: 5 },
        },
      },
    }));
    write('check/calls.jsonl', [...every(20, 72), ...since]);
    const { stdout, code } = await runCli(['optimize', file, '--check', advice, '--json']);
    expect(code).toBe(0);
    const { checks } = JSON.parse(stdout) as { checks: { requests: number; savingUsd: number }[] };
    expect(checks).toHaveLength(1);
    expect(checks[0]).toMatchObject({ family: join(folder, 'check'), requests: 72 });
    // 72 requests in the 24 hours from the last one advised on to the last one billed.
    const savedUsd = (72 * 3_010 - (72 * 10 + 71 * 300 + 6_000)) * 3e-6 * 30;
    expect(checks[0]?.savingUsd).toBeCloseTo(savedUsd, 6);
    const { stdout: said } = await runCli(['optimize', file, '--check', advice]);
    expect(said).toMatch(/saves \$\d+\.\d\d a month where \$\d+\.\d\d were projected/);
  });

  it('names what cannot be read, and fails where it was named', async () => {
    const good = write('mixed/good.jsonl', [...every(20, 8), 'no object']);
    const bad = write('mixed/bad.jsonl', ['nothing known']);
    const folded = await optimizeJson(join(folder, 'mixed'));
    expect(folded.notes).toEqual([
      { path: bad, note: 'holds no log of calls' },
      { path: good, note: '1 of 9 lines passed over' },
    ]);
    expect((await runCli(['optimize', good, bad])).code).toBe(1);
    const none = await runCli(['optimize', bad]);
    expect([none.code, none.stderr]).toEqual([
      1,
      `cachewright: ${bad} holds no log of calls: there is nothing to optimise\n`,
    ]);
    const missing = await runCli(['optimize', join(folder, 'no such file')]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('does not exist');
  });

  it('refuses an advice that is none, or that nothing was billed for', async () => {
    const file = write('old/calls.jsonl', every(20, 8));
    const notAdvice = write('old/not-advice.json', [{ families: 7 }]);
    const refused = await runCli(['optimize', file, '--check', notAdvice]);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      `cachewright: ${notAdvice} is no output of cachewright optimize --json\n`,
    ]);
    const advice = join(folder, 'old/advice.json');
    writeFileSync(advice, (await runCli(['optimize', file, '--json'])).stdout);
    const nothing = await runCli(['optimize', file, '--check', advice]);
    expect(nothing.code).toBe(1);
    expect(nothing.stderr).toContain('nothing was billed');
    expect((await runCli(['optimize', file, '--day', 'today'])).code).toBe(2);
    expect((await runCli(['optimize'])).code).toBe(2);
  });
});
