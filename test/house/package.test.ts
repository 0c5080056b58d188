import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listSourceFolders, readImportTable, readText, root } from './repository.ts';

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readText('package.json')) as Manifest;

describe('package.json', () => {
  test('exports only files that the build makes', () => {
    const missing = Object.entries(manifest.exports).filter(([, target]) => !filesOf(target).every(isBuilt));
    expect(missing.map(([subpath]) => subpath)).toEqual([]);
  });

  test('exports every published folder', () => {
    const table = readImportTable();
    const published = listSourceFolders().filter((folder) => table.get(folder)?.isPublished === true);
    expect(published.filter((folder) => !(`./${folder}` in manifest.exports))).toEqual([]);
  });

  test('exports no folder that is for inside use', () => {
    const table = readImportTable();
    const folders = Object.keys(manifest.exports).filter(
      (subpath) => !['.', './package.json'].includes(subpath),
    );
    expect(folders.filter((subpath) => table.get(subpath.slice(2))?.isPublished !== true)).toEqual([]);
  });

  test('names a program that the build makes', () => {
    expect(Object.values(manifest.bin).every(isBuilt)).toBe(true);
  });

  test('pins every version', () => {
    const versions = { ...manifest.dependencies, ...manifest.devDependencies };
    const loose = Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });
});

describe('src/cli/main.ts', () => {
  test('imports nothing before it has looked at the version of Node', () => {
    // A static import would run first, and on an old Node break with a stack trace in place of our sentence.
    const early = readText('src/cli/main.ts').match(/^(import|export)\b(?! type\b)(?!\s*\().*$/gm);
    expect((early ?? []).filter((line) => line !== 'export {};')).toEqual([]);
  });
});

function filesOf(target: string | { readonly types: string; readonly default: string }): readonly string[] {
  return typeof target === 'string' ? [target] : [target.types, target.default];
}

/** Whether the build makes this file: `dist/` mirrors `src/`, and nothing else of `dist/` may be named. */
function isBuilt(file: string): boolean {
  if (file === './package.json') return true;
  const source = file.replace(/^\.\/dist\//, 'src/').replace(/(\.d\.ts|\.js)$/, '.ts');
  return source.startsWith('src/') && existsSync(join(root, source));
}
