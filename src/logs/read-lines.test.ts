import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { afterAll, describe, expect, test } from 'vitest';

import { readLines, UnreadableFileError, type Line, type LineLimits } from './read-lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function linesOf(bytes: Buffer | string, limits?: LineLimits): Promise<Line[]> {
  const path = join(folder, 'lines');
  writeFileSync(path, bytes);
  const lines: Line[] = [];
  for await (const line of readLines(path, limits)) lines.push(line);
  return lines;
}

const texts = (lines: readonly Line[]): string[] => lines.map((line) => line.text);

describe('readLines', () => {
  test.each([
    ['plain', Buffer.from('a\nb\n')],
    ['with a byte order mark', Buffer.from('\ufeffa\nb\n')],
    ['with carriage returns', Buffer.from('a\r\nb\r\n')],
    ['gzip', gzipSync('a\nb\n')],
    ['zstd', zstdCompressSync('a\nb\n')],
    ['UTF-16, low byte first', Buffer.from('\ufeffa\nb\n', 'utf16le')],
    ['UTF-16, high byte first', Buffer.from('\ufeffa\nb\n', 'utf16le').swap16()],
  ])('reads a file that is %s', async (_name, bytes) => {
    const lines = await linesOf(bytes);
    expect(texts(lines)).toEqual(['a', 'b']);
    expect(lines.map((line) => line.number)).toEqual([1, 2]);
  });

  test('tells a last line that may be cut off', async () => {
    const lines = await linesOf('{"a":1}\n{"b"');
    expect(lines.map((line) => line.isTerminated)).toEqual([true, false]);
  });

  test('counts blank lines', async () => {
    expect((await linesOf('a\n\nb\n')).at(-1)).toMatchObject({ number: 3, text: 'b' });
  });

  test('gives nothing for an empty file', async () => {
    expect(await linesOf('')).toEqual([]);
  });

  test('skips over a line that is too long, and goes on', async () => {
    const [first, second] = await linesOf(`${'x'.repeat(1_000_000)}\nok\n`, { lineBytesMax: 1000 });
    expect(first).toMatchObject({ text: '', problem: expect.stringContaining('1000000 bytes') });
    expect(second).toMatchObject({ number: 2, text: 'ok', problem: null });
  });

  test('puts together lines and characters that lie across reads', async () => {
    const long = 'ä'.repeat(400_001);
    expect(texts(await linesOf(`${long}\n${long}\n`))).toEqual([long, long]);
  });

  test('says that a binary file is no text', async () => {
    await expect(linesOf(Buffer.from([0x50, 0x4b, 0, 0, 1]))).rejects.toThrow(UnreadableFileError);
  });

  test('says that an archive is broken', async () => {
    await expect(linesOf(gzipSync('a\n'.repeat(1000)).subarray(0, 20))).rejects.toThrow(/broken gzip/);
  });
});
