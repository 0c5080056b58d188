import { describe, expect, test } from 'vitest';
import { listFiles, listSourceFolders, readImportTable, readText } from './repository.ts';

const table = readImportTable();

describe('scripts/import-table.json', () => {
  test('has a row for every folder of src', () => {
    expect(listSourceFolders().filter((folder) => !table.has(folder))).toEqual([]);
  });

  test('names only folders that have a row', () => {
    const named = [...table.values()].flatMap((row) => row.imports);
    expect(named.filter((folder) => !table.has(folder))).toEqual([]);
  });

  test('has no loop, so that no folders can import each other', () => {
    const placed = new Set<string>();
    // Take away the rows all of whose imports are taken away already; what is left at the end is in a loop.
    for (let before = -1; before !== placed.size;) {
      before = placed.size;
      for (const [folder, row] of table) {
        if (row.imports.every((name) => placed.has(name))) placed.add(folder);
      }
    }
    expect([...table.keys()].filter((folder) => !placed.has(folder))).toEqual([]);
  });
});

describe('sources', () => {
  const sources = listFiles('src', 'test', 'scripts', 'bench', 'examples', 'web').filter((path) =>
    /\.(ts|tsx|mjs)$/.test(path),
  );

  test('keep to the size of a file one can read at a sitting', () => {
    const limit = (path: string): number =>
      /\.test\.\w+$/.test(path) || path.startsWith('test/') ? 600 : 300;
    const tooLong = sources.filter((path) => readText(path).trimEnd().split('\n').length > limit(path));
    expect(tooLong).toEqual([]);
  });

  test('keep the second implementation of the cache apart from the first', () => {
    const reference = sources.filter((path) => path.startsWith('test/model/reference'));
    expect(reference.filter((path) => /from '[./]*\/src\//.test(readText(path)))).toEqual([]);
  });

  test('switch no rule off', () => {
    const switches = /(oxlint|eslint)-disable|@ts-(ignore|nocheck)/;
    const own = 'test/house/rooms.test.ts';
    expect(sources.filter((path) => path !== own && switches.test(readText(path)))).toEqual([]);
  });
});
