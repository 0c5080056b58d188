import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installLockPath, withLock } from './process-lock.mjs';
import { runNpm } from './npm.mjs';

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockEntry */
/** @typedef {{ platform: string, arch: string, libc: string | undefined }} Host */

/**
 * Installs what package-lock.json names, unless it is there already.
 *
 * @param {string} root Folder of the repository.
 * @param {(sentence: string) => void} say
 */
export async function ensureDependencies(root, say) {
  if (isInstalled(root)) return;
  await withLock(installLockPath(root), async (addHolder) => {
    // Another process may have done it while we waited for the lock.
    if (isInstalled(root)) return;
    say('Installing dependencies with npm ci (once; half a minute) ...');
    rmSync(stampPath(root), { force: true });
    rmSync(hiddenLockPath(root), { force: true });
    await runNpm({
      node: process.execPath,
      args: ['ci', '--ignore-scripts', '--include=dev', '--include=optional'],
      cwd: root,
      failure: 'The dependencies of Cachewright could not be installed',
      onStart: addHolder,
    });
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    writeFileSync(stampPath(root), stampFor(root));
  });
}

/**
 * Whether node_modules holds what the lock file asks for: either we installed it from this very lock file, or npm's
 * own record of what it installed (written last, so never by an interrupted install) says so.
 *
 * @param {string} root
 */
export function isInstalled(root) {
  if (existsSync(stampPath(root)) && readFileSync(stampPath(root), 'utf8') === stampFor(root)) return true;
  if (!existsSync(hiddenLockPath(root))) return false;
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(hiddenLockPath(root));
  return (
    missingPackages(wanted, installed, hostOf()).length === 0 &&
    Object.keys(installed).every((path) => existsSync(join(root, path, 'package.json')))
  );
}

/**
 * The packages of the lock file that are not installed as it says. A package for another platform is not missing;
 * one for this platform is, even though it is optional: an old Node leaves those out, and the tools then do not run.
 *
 * @param {Record<string, LockEntry>} wanted
 * @param {Record<string, LockEntry>} installed
 * @param {Host} host
 */
export function missingPackages(wanted, installed, host) {
  return Object.entries(wanted)
    .filter(([path]) => path !== '')
    .filter(
      ([path, entry]) =>
        installed[path]?.version !== entry.version || installed[path]?.integrity !== entry.integrity,
    )
    .filter(([path, entry]) => path in installed || isNeeded(entry, host))
    .map(([path]) => path);
}

/** @param {LockEntry} entry @param {Host} host */
function isNeeded(entry, host) {
  if (!entry.optional && !entry.devOptional) return true;
  // Without a platform there is no telling whether npm had a reason to leave an optional package out.
  if (entry.os === undefined && entry.cpu === undefined) return false;
  return fits(entry.os, host.platform) && fits(entry.cpu, host.arch) && fits(entry.libc, host.libc);
}

/** @param {string[] | undefined} allowed @param {string | undefined} actual */
function fits(allowed, actual) {
  return allowed === undefined || actual === undefined || allowed.includes(actual);
}

/** @returns {Host} */
function hostOf() {
  return {
    platform: process.platform,
    arch: process.arch,
    libc: process.platform === 'linux' ? linuxLibc() : undefined,
  };
}

function linuxLibc() {
  // Otherwise the report asks the name server for the names of our own addresses.
  Object.assign(process.report, { excludeNetwork: true });
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  return report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** @param {string} path @returns {Record<string, LockEntry>} */
function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/** @param {string} root */
function stampFor(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${process.platform}-${process.arch} ${lock}`;
}

/** @param {string} root */
function stampPath(root) {
  return join(root, 'node_modules', '.installed-from-lock');
}

/** @param {string} root */
function hiddenLockPath(root) {
  return join(root, 'node_modules', '.package-lock.json');
}
