import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { buildDashboard } from './build-dashboard.mjs';
import { listFiles } from './files.mjs';
import { withLock } from './process-lock.mjs';
import { runScript, toolScript } from './tools.mjs';

const STAMP = '.built-from';
const PARTIAL = '.dist-partial';
const BUILD_INPUTS = ['package.json', 'tsconfig.base.json', 'tsconfig.build.json'];

/** @typedef {{ isCaptured?: boolean, isAlways?: boolean }} BuildOptions `isAlways`: even when nothing has changed. */

/**
 * Makes `dist/` from `src/`: what the compiler emits, and every other file as it is; and `dist/dashboard` from `web/`.
 * The new `dist/` replaces the old one in one step; when compiling or bundling fails the old one stays.
 *
 * @param {string} root Folder of the repository.
 * @param {BuildOptions} [options]
 * @returns {Promise<import('./child.mjs').ChildResult>} What the compiler said.
 */
export function build(root, { isCaptured = false, isAlways = false } = {}) {
  return withLock(lockPath(root), async (addHolder) => {
    const stamp = hashInputs(root);
    if (!isAlways && readStamp(join(root, 'dist', STAMP)) === stamp)
      return { code: 0, output: '', interruptedBy: null };
    const partial = join(root, PARTIAL);
    rmSync(partial, { recursive: true, force: true });
    const compile = ['-p', 'tsconfig.build.json', '--outDir', partial];
    const tsc = toolScript(root, 'typescript', 'tsc');
    const result = await runScript(root, tsc, compile, { isCaptured, onStart: addHolder });
    if (result.code !== 0) return result;
    copyAssets(root, partial);
    const page = await bundleDashboard(root, join(partial, 'dashboard'), { isCaptured, onStart: addHolder });
    if (page.code !== 0) return { ...page, output: result.output + page.output };
    writeFileSync(join(partial, STAMP), stamp);
    replaceFolder(partial, join(root, 'dist'));
    return result;
  });
}

/**
 * Makes `dist/dashboard` alone, and only when `web/` has changed: for tests, and for work on the pages.
 *
 * @param {string} root Folder of the repository.
 * @returns {Promise<import('./child.mjs').ChildResult>} What the bundler said.
 */
export function refreshDashboard(root) {
  return withLock(lockPath(root), async (addHolder) => {
    const target = join(root, 'dist', 'dashboard');
    const isFresh =
      existsSync(target) && readStamp(dashboardStampPath(root)) === hashFiles(root, listFiles(root, 'web'));
    if (isFresh) return { code: 0, output: '', interruptedBy: null };
    const partial = join(root, `${PARTIAL}-dashboard`);
    const result = await bundleDashboard(root, partial, { isCaptured: true, onStart: addHolder });
    if (result.code === 0) replaceFolder(partial, target);
    return result;
  });
}

/** @param {string} root @param {string} target @param {import('./child.mjs').ChildOptions} options */
async function bundleDashboard(root, target, options) {
  const stamp = hashFiles(root, listFiles(root, 'web'));
  const result = await buildDashboard(root, target, options);
  if (result.code === 0) writeFileSync(dashboardStampPath(root), stamp);
  return result;
}

/** @param {string} root */
const lockPath = (root) => join(root, '.node', 'build.lock');

/** Beside `dist/`, so that no package has it. @param {string} root */
const dashboardStampPath = (root) => join(root, '.node', 'dashboard-built-from');

/** Whether the compiler is installed, and for this platform. @param {string} root */
export function hasCompiler(root) {
  const platform = `@typescript/typescript-${process.platform}-${process.arch}`;
  return ['typescript', platform].every((name) =>
    existsSync(join(root, 'node_modules', name, 'package.json')),
  );
}

/** @param {string} path */
function readStamp(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** @param {string} root */
function hashInputs(root) {
  const sources = listFiles(root, 'src').filter((path) => !path.endsWith('.test.ts'));
  return hashFiles(root, [...BUILD_INPUTS, ...sources, ...listFiles(root, 'web')]);
}

/** @param {string} root @param {string[]} paths */
function hashFiles(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

/** @param {string} root @param {string} target */
function copyAssets(root, target) {
  const assets = listFiles(root, 'src').filter((path) => !path.endsWith('.ts') && !path.endsWith('.md'));
  for (const path of assets) {
    const copy = join(target, path.slice('src/'.length));
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(join(root, path), copy);
  }
  const program = join(target, 'cli', 'main.js');
  if (existsSync(program)) chmodSync(program, 0o755);
}

/** @param {string} fresh @param {string} target */
function replaceFolder(fresh, target) {
  const old = `${fresh}-old`;
  rmSync(old, { recursive: true, force: true });
  if (existsSync(target)) renameSync(target, old);
  mkdirSync(dirname(target), { recursive: true });
  renameSync(fresh, target);
  rmSync(old, { recursive: true, force: true });
}
