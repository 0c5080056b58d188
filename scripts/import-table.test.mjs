import { describe, expect, test } from 'vitest';
import { folderOf, isGoverned, judgeImport } from './lib/import-table.mjs';

const table = {
  core: { imports: [], isPure: true },
  wire: { imports: ['core'] },
  '': { imports: ['core'] },
};

describe('folderOf', () => {
  test.each([
    ['src/core/cache/step.ts', 'core'],
    ['src/index.ts', ''],
    ['test/model/step.ts', undefined],
  ])('%s', (path, folder) => expect(folderOf(path)).toBe(folder));
});

describe('isGoverned', () => {
  test('leaves tests alone', () => expect(isGoverned('src/core/step.test.ts')).toBe(false));
  test('leaves what is not source alone', () => expect(isGoverned('scripts/run.mjs')).toBe(false));
  test('covers sources', () => expect(isGoverned('src/core/step.ts')).toBe(true));
});

describe('judgeImport', () => {
  test.each([
    ['src/wire/a.ts', '../core/index.ts'],
    ['src/wire/a.ts', './inner/b.ts'],
    ['src/wire/inner/a.ts', '../b.ts'],
    ['src/wire/a.ts', 'node:crypto'],
    ['src/wire/a.ts', 'zod'],
    ['src/index.ts', './core/index.ts'],
  ])('%s may import %s', (path, specifier) => expect(judgeImport(table, path, specifier)).toBeUndefined());

  test.each([
    ['src/core/a.ts', '../wire/index.ts', 'src/core may not import src/wire (it may import nothing)'],
    ['src/core/a/b.ts', '../../wire/index.ts', 'src/core may not import src/wire'],
    ['src/wire/a.ts', '../index.ts', 'it may import core'],
    ['src/core/a.ts', 'node:crypto', 'the Node module node:crypto'],
    ['src/core/a.ts', 'crypto', 'the Node module crypto'],
    ['src/core/a.ts', 'zod', 'the package zod'],
    ['src/wire/a.ts', 'cachewright', 'by relative path'],
    ['src/wire/a.ts', 'cachewright/core', 'by relative path'],
    ['src/wire/a.ts', '../../test/b.ts', 'outside src'],
    ['src/wire/a.ts', './a.test.ts', 'A test'],
    ['src/wire/a.ts', undefined, 'literal'],
    ['src/unheard-of/a.ts', './b.ts', 'has no row'],
  ])('%s may not import %s', (path, specifier, words) => {
    expect(judgeImport(table, path, specifier)).toContain(words);
  });
});
