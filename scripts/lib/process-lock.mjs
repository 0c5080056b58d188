import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from './problem.mjs';

const POLL_MS = 200;
const WAIT_MS = 600_000;
// Between creating the file and writing the number into it the holder cannot be told from a dead one.
const FRESH_MS = 2_000;

/** The lock for everything that npm puts into the repository. @param {string} root */
export function installLockPath(root) {
  return join(root, '.node', 'install.lock');
}

/**
 * Runs `work` while no other process runs anything under the same lock file. The file names the processes that hold
 * it, so a lock left behind by a killed one is taken over.
 *
 * @template T
 * @param {string} path
 * @param {(addHolder: (pid: number) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  await acquire(path);
  try {
    return await work((pid) => writeFileSync(path, `${process.pid} ${pid}`));
  } finally {
    rmSync(path, { force: true });
  }
}

/** @param {string} path */
async function acquire(path) {
  for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += POLL_MS) {
    if (tryAcquire(path)) return;
    if (isAbandoned(path)) rmSync(path, { force: true });
    else await sleep(POLL_MS);
  }
  throw new Problem(
    `Another process has been installing or building for ten minutes; if that is not so, remove ${path}.`,
  );
}

/** @param {string} path */
function tryAcquire(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path */
function isAbandoned(path) {
  try {
    const holders = readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number);
    if (holders.length === 0) return Date.now() - statSync(path).mtimeMs > FRESH_MS;
    return !holders.some((pid) => pid !== process.pid && isAlive(pid));
  } catch {
    // Gone since we looked: the next try decides.
    return false;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, but belongs to somebody else.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
