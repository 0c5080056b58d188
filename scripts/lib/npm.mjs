import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { exitCodeOf, runChild } from './child.mjs';
import { Problem } from './problem.mjs';

// npm's defaults retry for more than a minute before they admit that there is no network.
const NETWORK_FLAGS = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=4000'];
const QUIET_FLAGS = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];

/**
 * Runs npm's own script under the given Node, whichever Node `npm` would start with, and throws a `Problem` that
 * begins with `failure` when npm fails.
 *
 * @param {{ node: string, args: string[], cwd: string, failure: string, onStart?: (pid: number) => void }} call
 */
export async function runNpm({ node, args, cwd, failure, onStart }) {
  const command = [findNpmScript(), ...args, ...NETWORK_FLAGS, ...QUIET_FLAGS];
  const { code, output, interruptedBy } = await runChild(node, command, { cwd, isCaptured: true, onStart });
  if (interruptedBy !== null) {
    throw new Problem('Interrupted; run the same command again to go on.', exitCodeOf(interruptedBy));
  }
  if (code !== 0) throw new Problem(`${failure} (npm says ${npmReason(output)}); ${npmAdvice(output)}.`);
}

/** Where npm's script is: named by the npm that started us, else beside this Node, else behind `npm` in PATH. */
function findNpmScript() {
  const script = candidateScripts().find((path) => path.endsWith('npm-cli.js') && existsSync(path));
  if (script === undefined) throw new Problem('npm was not found beside Node; install npm and try again.');
  return script;
}

function candidateScripts() {
  const besideNode = dirname(process.execPath);
  const inPackage = ['node_modules', 'npm', 'bin', 'npm-cli.js'];
  return [
    process.env['npm_execpath'] ?? '',
    join(besideNode, ...inPackage),
    join(besideNode, '..', 'lib', ...inPackage),
    ...pathFolders().flatMap((folder) => [realPath(join(folder, 'npm')), join(folder, ...inPackage)]),
  ];
}

function pathFolders() {
  return (process.env['PATH'] ?? process.env['Path'] ?? '').split(delimiter);
}

/** @param {string} path */
function realPath(path) {
  return existsSync(path) ? realpathSync(path) : '';
}

/** @param {string} output What npm wrote. @returns {string} Its error code, else its first error line. */
export function npmReason(output) {
  const errors = output.split('\n').filter((line) => /^npm (error|ERR!) /.test(line));
  const texts = errors.map((line) => line.replace(/^npm (error|ERR!) /, '').trim());
  const code = texts.find((text) => /^code \S+$/.test(text));
  return code?.slice('code '.length) ?? texts[0] ?? 'nothing';
}

/** @param {string} output @returns {string} What to do about a failure with this output. */
function npmAdvice(output) {
  const isNetwork = /\b(ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|FETCH_ERROR)\b/.test(
    output,
  );
  return isNetwork
    ? "check the network or npm's registry setting and run the command again"
    : 'run "npm ci --ignore-scripts" to see the whole message';
}
