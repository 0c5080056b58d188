// The way into every npm script: makes sure of a Node that is new enough and of the dependencies, then does the task.
// It must run on a Node that is too old and without node_modules: nothing but Node's own modules, and plain syntax.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCompiler } from './lib/build.mjs';
import { runChild } from './lib/child.mjs';
import { ensureDependencies } from './lib/dependencies.mjs';
import { environmentFor, getNode } from './lib/get-node.mjs';
import { isNewEnough } from './lib/node-version.mjs';
import { Problem } from './lib/problem.mjs';
import { TASKS, TASKS_WITH_TALLY } from './lib/tasks.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [taskName = '', ...args] = process.argv.slice(2);

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  process.stderr.write(`${error.message}\n`);
  if (TASKS_WITH_TALLY.includes(taskName)) process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = error.exitCode;
}

async function main() {
  // Some tools colour their output even into a file.
  if (!process.stdout.isTTY && process.env['FORCE_COLOR'] === undefined) process.env['NO_COLOR'] ??= '1';
  const task = TASKS[taskName];
  if (task === undefined)
    throw new Problem(`Usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')} [ARGUMENTS]`, 2);
  // The compiler runs on an old Node as well, so a build needs no network where it is installed.
  if (taskName === 'build' && hasCompiler(root)) return task(root, args);
  if (!isNewEnough(process.version)) return runUnderNewNode();
  await ensureDependencies(root, say);
  return task(root, args);
}

async function runUnderNewNode() {
  const node = await getNode(root, say);
  const script = fileURLToPath(import.meta.url);
  const { code } = await runChild(node.path, [script, taskName, ...args], { env: environmentFor(node.path) });
  return code;
}

/** @param {string} sentence */
function say(sentence) {
  process.stderr.write(`${sentence}\n`);
}
