import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from './repository.ts';

// One line each, in a file of its own; what lint says about it is the expectation.
const FORBIDDEN: readonly (readonly [path: string, line: string, rule: string])[] = [
  ['src/core/value.ts', "export { wire } from '../wire/index.ts';", 'house(import-table)'],
  ['src/core/type.ts', "export type { Wire } from '../wire/index.ts';", 'house(import-table)'],
  ['src/core/all.ts', "export * from '../wire/index.ts';", 'house(import-table)'],
  ['src/core/deep.ts', "export { deep } from '../wire/inner/deep.ts';", 'house(import-table)'],
  ['src/core/inner/up.ts', "export { wire } from '../../wire/index.ts';", 'house(import-table)'],
  ['src/core/side-effect.ts', "import '../wire/index.ts';", 'house(import-table)'],
  ['src/core/lazy.ts', "export const lazy = () => import('../wire/index.ts');", 'house(import-table)'],
  ['src/core/template.ts', 'export const lazy = () => import(`../wire/index.ts`);', 'house(import-table)'],
  ['src/core/computed.ts', 'export const lazy = (path: string) => import(path);', 'house(import-table)'],
  ['src/core/import-type.ts', "export type Wire = import('../wire/index.ts').Wire;", 'house(import-table)'],
  ['src/core/self.ts', "export * from 'cachewright/wire';", 'house(import-table)'],
  ['src/core/builtin.ts', "export { sep } from 'node:path';", 'house(import-table)'],
  ['src/core/package.ts', "export { z } from 'zod';", 'house(import-table)'],
  ['src/planner/sideways.ts', "export { wire } from '../wire/index.ts';", 'house(import-table)'],
  ['src/runtime/back.ts', "export { core } from '../core/index.ts';", 'house(import-table)'],
  ['src/emulator/engine.ts', "export { engine } from '../engine/index.ts';", 'house(import-table)'],
  ['src/gateway/outside.ts', "export { root } from '../../test/house/repository.ts';", 'house(import-table)'],
  ['src/unheard-of/index.ts', "export { core } from '../core/index.ts';", 'house(import-table)'],
  ['src/index.ts', "export { main } from './cli/main.ts';", 'house(import-table)'],
  ['src/wire/clock.ts', 'export const now = Date.now();', 'eslint(no-restricted-globals)'],
  ['src/wire/clock-2.ts', 'export const now = performance.now();', 'eslint(no-restricted-globals)'],
  ['src/wire/timer.ts', 'setTimeout(() => undefined, 1);', 'eslint(no-restricted-globals)'],
  ['src/wire/environment.ts', 'export const home = process.env;', 'eslint(no-restricted-globals)'],
  ['src/wire/chance.ts', 'export const chance = Math.random();', 'eslint(no-restricted-properties)'],
  ['src/wire/chance-2.ts', "export { randomUUID } from 'node:crypto';", 'eslint(no-restricted-imports)'],
  [
    'src/wire/pause.ts',
    "export { setTimeout } from 'node:timers/promises';",
    'eslint(no-restricted-imports)',
  ],
  ['src/wire/anything.ts', 'export const value: any = 1;', 'typescript(no-explicit-any)'],
  [
    'src/wire/floating.ts',
    'export function run(): void {\n  Promise.resolve(1);\n}',
    'typescript(no-floating-promises)',
  ],
  ['src/wire/long.ts', 'export {};\n'.repeat(301), 'eslint(max-lines)'],
  [
    'src/wire/long-function.ts',
    `export function run(): void {\n${'  run();\n'.repeat(70)}}`,
    'eslint(max-lines-per-function)',
  ],
];

const ALLOWED: readonly (readonly [path: string, line: string])[] = [
  ['src/core/inner/sibling.ts', "export { core } from '../index.ts';"],
  ['src/core/core.test.ts', "export { wire } from '../wire/index.ts';\nexport const now = Date.now();"],
  ['src/wire/core.ts', "export { core } from '../core/index.ts';\nexport { createHash } from 'node:crypto';"],
  ['src/runtime/clock.ts', 'export const now = Date.now() + process.pid + Math.random();'],
  ['src/cli/main.ts', "export const run = () => import('../gateway/index.ts');"],
];

interface Finding {
  readonly code: string;
  readonly filename: string;
}

describe('lint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-lint-'));
  let findings: readonly Finding[] = [];

  beforeAll(() => {
    for (const path of ['.oxlintrc.json', 'tsconfig.base.json', 'tsconfig.json', 'scripts']) {
      cpSync(join(root, path), join(folder, path), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    for (const [path, line] of [...FORBIDDEN, ...ALLOWED]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), `${line}\n`);
    }
    findings = lint(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(FORBIDDEN)('catches %s', (path, _line, rule) => {
    expect(findings.filter((finding) => finding.filename === path).map((finding) => finding.code)).toContain(
      rule,
    );
  });

  test.each(ALLOWED)('lets %s be', (path) => {
    expect(findings.filter((finding) => finding.filename === path)).toEqual([]);
  });
});

function lint(folder: string): readonly Finding[] {
  const script = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const { stdout, stderr } = spawnSync(process.execPath, [script, '--type-aware', '--format=json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { readonly diagnostics: readonly Finding[] }).diagnostics;
}
