import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listFiles, readText, root } from './repository.ts';

const pages = [...readdirSync(root), ...listFiles('docs')].filter((path) => path.endsWith('.md'));
const scripts = (
  JSON.parse(readText('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
).scripts;

describe.each(pages)('%s', (page) => {
  const text = readText(page);

  test('links to files that exist', () => {
    const targets = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '');
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  test('names npm scripts that exist', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:]+)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
