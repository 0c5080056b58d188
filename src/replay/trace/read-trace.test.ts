import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, test } from 'vitest';

import { readTrace } from './read-trace.ts';
import { TraceError } from './trace-error.ts';
import type { Trace } from './trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-traces-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, bytes: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const linesOf = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

const mooncake = { timestamp: 5, input_length: 1100, output_length: 9, hash_ids: [1, 2, 3] };
const weka = {
  block_size: 64,
  hash_id_scope: 'local',
  tool_tokens: 256,
  system_tokens: 256,
  requests: [{ t: 0, model: 'a', in: 700, out: 1, p: 0, h: [[1, 10]] }],
};
const body = { model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hello' }] };
const timed = { t: '2026-11-22T18:32:21.369Z', body };
const capture = { ...timed, method: 'POST', path: '/v1/messages', headers: {}, response: { status: 200 } };

/** What of a trace must not depend on how its file was written. */
const contentOf = ({ trie, requests, models, format }: Trace): unknown => ({
  trie,
  requests,
  models,
  format,
});

describe('readTrace', () => {
  test.each([
    ['mooncake', mooncake, false],
    ['weka', weka, false],
    ['requests', timed, true],
    ['captures', capture, true],
  ])('tells %s by content, plain and compressed', async (format, record, hasLookbackLimit) => {
    const text = linesOf([record]);
    const plain = await readTrace([fileOf('trace', text)]);
    expect(plain).toMatchObject({
      format,
      hasLookbackLimit,
      name: 'trace',
      badLines: { count: 0, examples: [] },
    });
    expect(plain.requests.count).toBe(1);
    for (const bytes of [gzipSync(text), zstdCompressSync(text), Buffer.from(`\ufeff${text}`, 'utf16le')]) {
      expect(contentOf(await readTrace([fileOf('other', bytes)]))).toEqual(contentOf(plain));
    }
  });

  test('counts bad lines and says where the first ones are', async () => {
    const bad = Array.from({ length: 8 }, () => '{"timestamp":1}\n').join('');
    const path = fileOf('bad', `${linesOf([mooncake])}\nnot JSON\n${bad}[]\n{"timest`);
    const { requests, badLines } = await readTrace([path]);
    expect(requests.count).toBe(1);
    expect(badLines.count).toBe(11);
    expect(badLines.examples).toHaveLength(5);
    expect(badLines.examples[0]).toMatchObject({ file: path, lineNumber: 3 });
    expect(badLines.examples[1]).toEqual({
      file: path,
      lineNumber: 4,
      problem: "'input_length' is missing, not a whole number of 0 or more",
    });
  });

  test('refuses the first bad line when strict', async () => {
    const path = fileOf('strict', `${linesOf([mooncake])}{"timestamp":1}\n`);
    const reading = readTrace([path], { isStrict: true });
    await expect(reading).rejects.toThrow(TraceError);
    await expect(reading).rejects.toThrow(`${path}:2: 'input_length' is missing`);
  });

  test('says that the last line is cut off', async () => {
    const { badLines } = await readTrace([fileOf('cut', `${linesOf([mooncake])}{"timest`)]);
    expect(badLines.examples[0]?.problem).toMatch(/^no JSON object: .*; the line is cut off$/);
  });

  test.each([
    ['an empty file', '', 'trace holds no request'],
    [
      'lines of another kind',
      '{"a":1}\n',
      'neither a Mooncake request nor a WEKA session nor a Messages request',
    ],
    [
      'a long text',
      'hello\n'.repeat(100),
      'is no trace: its first 20 lines cannot be read; here: no JSON object',
    ],
    ['only failures', linesOf([{ ...capture, response: { status: 500 } }]), 'trace holds no request'],
  ])('refuses %s', async (_name, text, problem) => {
    await expect(readTrace([fileOf('trace', text)])).rejects.toThrow(problem);
  });

  test('leaves out a line of another form, in clear words', async () => {
    const { requests, badLines } = await readTrace([fileOf('mixed', linesOf([mooncake, weka, mooncake]))]);
    expect(requests.count).toBe(2);
    expect(badLines.examples[0]?.problem).toBe(
      'a WEKA session in a trace whose first line is a Mooncake request',
    );
  });

  test('takes captures among timed requests', async () => {
    const { requests, badLines } = await readTrace([fileOf('both', linesOf([timed, capture]))]);
    expect([requests.count, badLines.count]).toEqual([2, 0]);
  });

  test('reads several files as one trace, and tells how far it is', async () => {
    const paths = [fileOf('one', linesOf([weka, weka])), fileOf('two', linesOf([weka]))];
    const told: number[] = [];
    const total = linesOf([weka, weka, weka]).length;
    const { requests, name } = await readTrace(paths, {
      onProgress: (bytesRead, bytesTotal) => {
        expect(bytesTotal).toBe(total);
        told.push(bytesRead);
      },
    });
    expect(name).toBe('one, two');
    expect([...requests.startMs]).toEqual([0, 7_200_000, 14_400_000]);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(total);
  });
});

describe('Parquet', () => {
  async function parquetOf(name: string, query: string): Promise<string> {
    const path = join(folder, name);
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    await connection.run(`copy (${query}) to '${path}' (format parquet)`);
    connection.closeSync();
    instance.closeSync();
    return path;
  }

  test.each([
    ['mooncake', [mooncake, { ...mooncake, timestamp: 900 }]],
    ['weka', [weka]],
  ])('is the same trace as JSON Lines: %s', async (name, records) => {
    const lines = fileOf(`${name}.jsonl`, linesOf(records));
    const parquet = await parquetOf(`${name}.parquet`, `select * from read_json('${lines}')`);
    const told: number[] = [];
    const trace = await readTrace([parquet], { onProgress: (bytesRead) => told.push(bytesRead) });
    expect(contentOf(trace)).toEqual(contentOf(await readTrace([lines])));
    expect(trace.name).toBe(`${name}.parquet`);
    expect(told.at(-1)).toBeGreaterThan(0);
  });

  test('gives times as times', async () => {
    const text = JSON.stringify(body);
    const path = await parquetOf(
      'times.parquet',
      `select timestamp '2026-01-01 00:00:00' + to_seconds(90 * i) as t, '${text}' as body from range(2) r(i)`,
    );
    const { requests, format } = await readTrace([path]);
    expect(format).toBe('requests');
    expect([...requests.startMs]).toEqual([0, 90_000]);
  });

  test('says in which row a problem is', async () => {
    const path = await parquetOf(
      'rows.parquet',
      'select 1 as timestamp, 520 + 300 * i as input_length, 1 as output_length, [7, 8] as hash_ids from range(3) r(i)',
    );
    const { badLines } = await readTrace([path]);
    expect(badLines).toMatchObject({ count: 1, examples: [{ lineNumber: 3 }] });
    await expect(readTrace([path], { isStrict: true })).rejects.toThrow(
      `${path}:3: 2 hash ids for 1120 tokens`,
    );
  });

  test('refuses a broken file', async () => {
    const path = fileOf('broken.parquet', Buffer.from('PAR1 and nothing else'));
    await expect(readTrace([path])).rejects.toThrow(TraceError);
    await expect(readTrace([path])).rejects.toThrow('is a Parquet file that cannot be read');
  });
});

/** Traces and captures of real traffic, kept beside the repository and not part of it. */
const shared = new URL('../../../../shared/', import.meta.url);
const sharedPath = (name: string): string => fileURLToPath(new URL(name, shared));

describe('real traces', () => {
  test.skipIf(!existsSync(shared)).each([
    ['traces/weka_v8_dev.compact.jsonl.gz', 29_547, 539_859, 14_994_052],
    ['traces/mooncake_conversation_trace.jsonl.gz', 12_031, 170_899, 276_491],
    ['traces/mooncake_synthetic_trace.jsonl.gz', 3993, 40_148, 117_888],
  ])('%s', async (name, requestCount, prefixCount, visits) => {
    const path = sharedPath(name);
    const { requests, trie, badLines } = await readTrace([path], { isStrict: true });
    expect(badLines.count).toBe(0);
    expect([requests.count, trie.count]).toEqual([requestCount, prefixCount]);
    const depths = requests.prefixIds.map((prefixId) =>
      prefixId < 0 ? 0 : (trie.depths[prefixId] ?? 0) + 1,
    );
    expect(depths.reduce((sum, depth) => sum + depth, 0)).toBe(visits);
  });

  const captures = existsSync(shared)
    ? readdirSync(sharedPath('captures/')).filter((name) => name.endsWith('.gz'))
    : [];

  test.each(captures)('%s', async (name) => {
    const { requests, badLines, format } = await readTrace([sharedPath(`captures/${name}`)]);
    expect(format).toBe('captures');
    expect(requests.count).toBeGreaterThan(1);
    // Threads and batches are the only lines that cannot be replayed.
    for (const { problem } of badLines.examples) expect(problem).toMatch(/^a (message thread|batch): /);
  });
});
