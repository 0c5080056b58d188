import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installLockPath, withLock } from './process-lock.mjs';
import { isNewEnough, OLDEST_NODE } from './node-version.mjs';
import { runNpm } from './npm.mjs';
import { Problem } from './problem.mjs';

const NODE_MAJOR = 24;

/** @typedef {{ path: string, version: string }} FoundNode */

/**
 * A Node that is new enough: npm has packages that hold nothing but a Node binary. It is put together in a folder
 * of its own and moved into place in one step, so that an interrupted download is never taken for a Node.
 *
 * @param {string} root Folder of the repository.
 * @param {(sentence: string) => void} say
 * @returns {Promise<FoundNode>}
 */
export async function getNode(root, say) {
  const tooOld = `Node ${process.versions.node} is too old for Cachewright (needs ${OLDEST_NODE})`;
  const present = readNode(root);
  if (present !== undefined) {
    say(`${tooOld}; continuing under Node ${present.version} from npm.`);
    return present;
  }
  say(`${tooOld}; fetching Node ${NODE_MAJOR} from npm and continuing under it ...`);
  await fetchNode(root, tooOld);
  const fetched = readNode(root);
  if (fetched === undefined) {
    throw new Problem(
      `The Node from npm does not run on this machine; install Node ${OLDEST_NODE} or newer.`,
    );
  }
  return fetched;
}

/** @param {string} root @param {string} tooOld */
async function fetchNode(root, tooOld) {
  const partial = join(root, '.node', 'partial');
  await withLock(installLockPath(root), async (addHolder) => {
    // Another process may have fetched it while we waited for the lock.
    if (readNode(root) !== undefined) return;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    await runNpm({
      node: process.execPath,
      args: [
        'install',
        '--no-save',
        '--no-package-lock',
        '--ignore-scripts',
        `--prefix=${partial}`,
        nodePackage(),
      ],
      cwd: partial,
      failure: `${tooOld} and a newer one could not be fetched from npm`,
      onStart: addHolder,
    });
    const target = join(root, '.node', 'node_modules');
    rmSync(target, { recursive: true, force: true });
    renameSync(join(partial, 'node_modules'), target);
    rmSync(partial, { recursive: true });
  });
}

/** The environment in which programs find this Node first. @param {string} nodePath @returns {NodeJS.ProcessEnv} */
export function environmentFor(nodePath) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  const separator = process.platform === 'win32' ? ';' : ':';
  return { ...process.env, [name]: [dirname(nodePath), process.env[name]].filter(Boolean).join(separator) };
}

function platformName() {
  return `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

function nodePackage() {
  return `${platformName()}@${NODE_MAJOR}`;
}

/** @param {string} root @returns {FoundNode | undefined} */
function readNode(root) {
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  const path = join(root, '.node', 'node_modules', platformName(), 'bin', file);
  if (!existsSync(path)) return undefined;
  const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim().replace(/^v/, '');
  return version && isNewEnough(version) ? { path, version } : undefined;
}
