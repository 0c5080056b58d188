import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { afterAll, describe, expect, test } from 'vitest';

import { nothingKnown, type RequestRecord } from '../ledger/index.ts';
import { auditLogs, type AuditResult } from './run-audit.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const folder = mkdtempSync(join(tmpdir(), 'cachewright-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DAY_MS = Date.UTC(2026, 4, 1);
const SECRET = 'the secret of the prompt';

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const audit = async (...paths: readonly string[]): Promise<AuditResult> =>
  auditLogs(paths, { dayMs: DAY_MS });

const jsonl = (...values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

const usageLine = (index: number, read: number, written: number): object => ({
  s: 'e1',
  a: null,
  u: 'u1',
  d: 'd1',
  i: index,
  prev: index === 0 ? null : index - 1,
  t_req: index * 30,
  t_first: index * 30 + 2,
  t_last: index * 30 + 5,
  model: 'claude-opus-4-5-20251101',
  cc: '2.0.1',
  usage: { input: 3, write: written, read, write5m: written, write1h: 0, output: 10 },
  inp: [],
  out: [],
});

const USAGE = jsonl(usageLine(0, 0, 20_000), usageLine(1, 20_000, 400), usageLine(2, 20_400, 300));

describe('forms of logs', () => {
  test.each([
    ['plain', Buffer.from(USAGE)],
    ['gzip', gzipSync(USAGE)],
    ['zstd', zstdCompressSync(USAGE)],
    ['UTF-16', Buffer.from(`\ufeff${USAGE}`, 'utf16le')],
    ['with carriage returns', Buffer.from(`\ufeff${USAGE.replaceAll('\n', '\r\n')}`)],
    ['without a last line end', Buffer.from(USAGE.trimEnd())],
  ])('usage lines, %s', async (_name, bytes) => {
    const { report, unreadable } = await audit(write('usage.jsonl', bytes));
    expect(unreadable).toEqual([]);
    expect(report).toMatchObject({ calls: 3, conversations: 1, fromMs: null, notes: [] });
    expect(report.hitRatio.byTokens).toMatchObject({ numerator: 40_400, denominator: 61_109 });
    expect(report.hitRatio.byRequests).toMatchObject({ numerator: 2, denominator: 3 });
  });

  test('transcripts, with what a resumed session repeats', async () => {
    const line = (type: string, id: string, parent: string | null, second: number, read: number): object => ({
      type,
      uuid: id,
      parentUuid: parent,
      sessionId: 's1',
      requestId: `r${id}`,
      timestamp: new Date(DAY_MS + second * 1000).toISOString(),
      message:
        type === 'user'
          ? { role: 'user', content: SECRET }
          : {
              id: `m${id}`,
              model: 'claude-opus-4-5',
              content: [{ type: 'text', text: SECRET }],
              usage: {
                input_tokens: 3,
                cache_read_input_tokens: read,
                cache_creation_input_tokens: 9000,
                output_tokens: 5,
              },
            },
    });
    const first = [line('user', '1', null, 0, 0), line('assistant', '2', '1', 3, 0)];
    const resumed = [...first, line('user', '3', '2', 60, 0), line('assistant', '4', '3', 65, 9000)];
    const paths = [
      write('first.jsonl', jsonl({ type: 'summary', summary: SECRET }, ...first)),
      write('resumed.jsonl', jsonl(...resumed.map((own) => ({ ...own, sessionId: 's2' })))),
    ];
    const { report } = await audit(...paths);
    expect(report).toMatchObject({ calls: 2, repeatedCalls: 1, fromMs: DAY_MS, toMs: DAY_MS + 60_000 });
    expect(report.parts.map((part) => part.name).toSorted()).toEqual([
      'new_content',
      'output',
      'read',
      'start',
    ]);
    expect(JSON.stringify(report)).not.toContain(SECRET);
  });

  test("the gateway's records keep their own bill and reason", async () => {
    const usage = {
      uncachedTokens: 5,
      readTokens: 0,
      write5mTokens: 2000,
      write1hTokens: 0,
      outputTokens: 7,
      serviceTier: null,
      speed: null,
      inferenceGeo: null,
      serverToolUse: { webSearchRequests: 0, webFetchRequests: 0, codeExecutionRequests: 0 },
      iterations: null,
    };
    const cost = {
      uncachedPicoUsd: 1n,
      readPicoUsd: 0n,
      write5mPicoUsd: 70n,
      write1hPicoUsd: 0n,
      outputPicoUsd: 600n,
      serverToolsPicoUsd: 5000n,
      totalPicoUsd: 5671n,
    };
    const record: Partial<RequestRecord> = {
      id: 'one',
      atMs: DAY_MS,
      scope: 'a',
      model: 'claude-opus-5-5',
      usage,
      cost,
      prediction: null,
      savings: { noCachingPicoUsd: 0n, clientPicoUsd: 0n, automaticPicoUsd: 29n },
      misses: [{ reason: 'expired', tokens: 2005, costPicoUsd: 60n, evidence: nothingKnown }],
      firstByteMs: 900,
    };
    const text = (value: object): string =>
      JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
    const predicted = { ...record, id: 'two', misses: [], prediction: { ...usage, readTokens: 1500 } };
    const { report } = await audit(
      write(
        'export.jsonl',
        `${text(record)}\n${text(predicted)}\n${text({ ...record, id: 'three', usage: null, cost: null })}\n`,
      ),
    );
    const tokens = Object.fromEntries(report.parts.map((part) => [part.name, part.tokens]));
    expect(report).toMatchObject({ calls: 2, paid: { picoUsd: '11342' } });
    expect(tokens).toEqual({ expired: 2005, unknown: 1500, new_content: 505, output: 14, server_tools: 0 });
    const automatic = report.policies.find((policy) => policy.name === 'automatic-5m');
    expect(automatic?.cost.picoUsd).toBe('11400');
  });

  test('captured requests are billed by the model, and the level that changed is told', async () => {
    const words = 'word '.repeat(9000);
    const capture = (second: number, tool: string, turns: number): object => ({
      t: new Date(DAY_MS + second * 1000).toISOString(),
      method: 'POST',
      path: '/v1/messages',
      headers: {},
      body: {
        model: 'claude-opus-5-5',
        max_tokens: 10,
        tools: [{ name: tool, input_schema: { type: 'object' } }],
        messages: Array.from({ length: turns }, (_, turn) => ({
          role: turn % 2 === 0 ? 'user' : 'assistant',
          content: [
            {
              type: 'text',
              text: `${words}${SECRET}${turn}`,
              ...(turn === turns - 1 ? { cache_control: { type: 'ephemeral' } } : {}),
            },
          ],
        })),
      },
      response: { status: 200 },
    });
    const failed = { ...capture(70, 'run', 3), response: { status: 529 } };
    const counting = { ...capture(70, 'run', 3), path: '/v1/messages/count_tokens' };
    const { report } = await audit(
      write(
        'captures.jsonl',
        jsonl(capture(0, 'run', 1), capture(60, 'run', 3), failed, counting, capture(90, 'walk', 3)),
      ),
    );
    expect(report).toMatchObject({ calls: 3, estimatedCalls: 3, conversations: 1 });
    const parts = report.parts.filter((part) => part.tokens > 0).map((part) => part.name);
    expect(parts.toSorted()).toEqual(['changed_tools', 'new_content', 'read', 'start']);
    expect(JSON.stringify(report)).not.toContain(SECRET);
  });
});

describe('what cannot be read', () => {
  test.each<[string, string | Buffer, string]>([
    ['empty', '', 'is empty'],
    ['blank', '\n\n', 'is blank'],
    ['binary', Buffer.from([0x50, 0x4b, 0, 0, 1]), 'is no text file'],
    ['prose', 'hello\n', 'line 1: it is no JSON'],
    ['other JSON', '{"a":1}\n', 'line 1: it has none of the known forms'],
    ['a list', '[1]\n', 'line 1: it is no JSON object'],
    ['cut off in its only line', '{"s":"e1","us', 'cut off'],
  ])('%s', async (_name, content, problem) => {
    const { report, unreadable } = await audit(write('bad.jsonl', content));
    expect(report.calls).toBe(0);
    expect(report.hitRatio.byTokens.ratio).toBeNull();
    expect(unreadable).toMatchObject([{ note: expect.stringContaining(problem) }]);
  });

  test('a missing file', async () => {
    const { unreadable } = await audit(join(folder, 'missing.jsonl'));
    expect(unreadable).toMatchObject([{ note: 'does not exist' }]);
  });

  test('bad lines are passed over, and the first is named', async () => {
    const { report, unreadable } = await audit(
      write('mixed.jsonl', `${USAGE}garbage\n[]\n${USAGE.slice(0, 40)}`),
    );
    expect(unreadable).toEqual([]);
    expect(report.calls).toBe(3);
    expect(report.notes[0]?.note).toBe('2 of 6 lines passed over (first line 4: it is no JSON)');
  });

  test('a cut last line is told, and the rest counts', async () => {
    const { report } = await audit(write('cut.jsonl', USAGE.slice(0, -30)));
    expect(report).toMatchObject({ calls: 2, notes: [{ note: 'the last line is cut off: passed over' }] });
  });

  test('folders are searched, other files in them are left alone', async () => {
    mkdirSync(join(folder, 'tree', 'deeper'), { recursive: true });
    write('tree/readme.txt', 'hello');
    write('tree/deeper/usage.jsonl.gz', gzipSync(USAGE));
    const { report, unreadable } = await audit(join(folder, 'tree'));
    expect(report).toMatchObject({ files: 1, calls: 3 });
    expect(unreadable).toEqual([]);
  });
});

test('a long log with more conversations than are followed at once is billed to the last call', async () => {
  const conversations = Math.ceil(2500 * effort);
  const lines: string[] = [];
  for (let conversation = 0; conversation < conversations; conversation += 1) {
    lines.push(USAGE.replaceAll('"e1"', `"e${conversation}"`));
  }
  const { report } = await audit(write('long.jsonl', lines.join('')));
  expect(report).toMatchObject({ calls: conversations * 3, conversations, repeatedCalls: 0 });
  const sum = report.parts.reduce((total, part) => total + BigInt(part.cost.picoUsd), 0n);
  expect(sum).toBe(BigInt(report.paid.picoUsd));
});
