import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { describeFileError, findLogs } from './find-logs.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-find-'));
afterAll(() => rmSync(folder, { recursive: true }));

mkdirSync(join(folder, 'b', 'c'), { recursive: true });
for (const name of [
  'z.jsonl',
  'a.txt',
  'b/one.JSONL',
  'b/two.jsonl.gz',
  'b/c/three.ndjson.zst',
  'b/four.json',
]) {
  writeFileSync(join(folder, name), '');
}
symlinkSync(folder, join(folder, 'b', 'circle'));

describe('findLogs', () => {
  test('walks folders in order, takes logs only, and follows no link to a folder', async () => {
    const { files, problems } = await findLogs([folder]);
    const names = files.map((file) => relative(folder, file));
    expect(names).toEqual(['b/c/three.ndjson.zst', 'b/one.JSONL', 'b/two.jsonl.gz', 'z.jsonl']);
    expect(problems).toEqual([]);
  });

  test('takes a named file whatever its name, and each once', async () => {
    const named = join(folder, 'a.txt');
    expect((await findLogs([named, named])).files).toEqual([named]);
  });

  test('says what is not there', async () => {
    const path = join(folder, 'missing');
    expect(await findLogs([path])).toEqual({ files: [], problems: [{ path, problem: 'does not exist' }] });
  });
});

test.each([
  ['EACCES', 'cannot be read: permission denied'],
  ['EIO', 'cannot be read (EIO)'],
])('%s is told in words', (code, sentence) => {
  expect(describeFileError(Object.assign(new Error(code), { code }))).toBe(sentence);
});
