import { join } from 'node:path';
import { build } from './build.mjs';
import { CHECKS, checkTypes, runChecks } from './checks.mjs';
import { runChild } from './child.mjs';
import { runTests } from './run-tests.mjs';
import { addTallies, skipLines, tallyLine } from './tally.mjs';
import { runScript, toolScript } from './tools.mjs';

/** @typedef {(root: string, args: string[]) => Promise<number>} Task Gives the exit code. */

/** What `node scripts/run.mjs NAME` can do; package.json has a script for each. @type {Record<string, Task>} */
export const TASKS = {
  start,
  test,
  'check:full': (root, args) => {
    process.env['CACHEWRIGHT_EFFORT'] ??= '20';
    return test(root, args);
  },
  ci,
  check,
  build: async (root) => (await build(root, { isAlways: true })).code,
  'bench:dashboard': async (root, args) =>
    (await runScript(root, join(root, 'bench', 'dashboard', 'run.ts'), args)).code,
  'bench:gateway': async (root, args) => {
    const built = await build(root, { isCaptured: true });
    process.stderr.write(built.output);
    if (built.code !== 0) return 1;
    return (await runScript(root, join(root, 'bench', 'gateway', 'run.ts'), args)).code;
  },
  'bench:conversations': async (root, args) =>
    (await runScript(root, join(root, 'bench', 'conversations', 'run.ts'), args)).code,
  'bench:ledger': async (root, args) =>
    (await runScript(root, join(root, 'bench', 'ledger', 'run.ts'), args)).code,
  'bench:money': async (root, args) =>
    (await runScript(root, join(root, 'bench', 'money', 'run.ts'), args)).code,
  'bench:planner': async (root, args) => {
    const script = join(root, 'bench', 'planner', 'run.ts');
    return (await runChild(process.execPath, ['--expose-gc', script, ...args], { cwd: root })).code;
  },
  'bench:replay': async (root, args) =>
    (await runScript(root, join(root, 'bench', 'replay', 'run.ts'), args)).code,
  'bench:responses': async (root, args) =>
    (await runScript(root, join(root, 'bench', 'responses', 'run.ts'), args)).code,
  lint: (root, args) => stream(root, 'oxlint', ['--type-aware', '--deny-warnings', ...args]),
  types: async (root) => {
    const { code, output } = await checkTypes(root);
    process.stdout.write(output);
    return code;
  },
  format: (root, args) => stream(root, 'oxfmt', args),
  'format:check': (root, args) => stream(root, 'oxfmt', ['--check', ...args]),
};

/** Tasks whose last line of output is a tally, whatever happens. */
export const TASKS_WITH_TALLY = ['test', 'check:full', 'ci', 'check'];

/** @type {Task} */
async function start(root, args) {
  const built = await build(root, { isCaptured: true });
  process.stderr.write(built.output);
  if (built.code !== 0) return 1;
  return (await runScript(root, join(root, 'dist', 'cli', 'main.js'), ['demo', ...args])).code;
}

/** @type {Task} */
async function test(root, args) {
  const tally = await countTests(root, args);
  say(tallyLine(tally));
  return tally.failed === 0 ? 0 : 1;
}

/** @type {Task} */
async function check(root) {
  const tally = await runChecks(root, CHECKS, say);
  say(tallyLine(tally));
  return tally.failed === 0 ? 0 : 1;
}

/** @type {Task} */
async function ci(root, args) {
  const tests = await countTests(root, args);
  say(`${tests.failed === 0 ? 'ok  ' : 'FAIL'}  tests`);
  const tally = addTallies([tests, await runChecks(root, CHECKS, say)]);
  say(tallyLine(tally));
  return tally.failed === 0 ? 0 : 1;
}

/**
 * Tests of the command line run the built program, so it is built first; when it cannot be, that is one failure more.
 *
 * @param {string} root
 * @param {string[]} args
 */
async function countTests(root, args) {
  const built = await build(root, { isCaptured: true });
  const { passed, failed, skips } = await runTests(root, args);
  if (built.code !== 0) say(`${built.output.trimEnd()}\nFAIL  build before the tests`);
  for (const line of skipLines(skips)) say(line);
  return { passed, failed: failed + (built.code === 0 ? 0 : 1), skipped: skips.length };
}

/** @param {string} root @param {string} packageName @param {string[]} args */
async function stream(root, packageName, args) {
  return (await runScript(root, toolScript(root, packageName), args)).code;
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}
