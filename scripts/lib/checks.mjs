import { stripVTControlCharacters } from 'node:util';
import { build } from './build.mjs';
import { runScript, toolScript } from './tools.mjs';

/** @typedef {{ code: number, output: string }} CheckResult */
/** @typedef {{ name: string, run: (root: string) => Promise<CheckResult> }} Check */

/** Everything about the repository that is right or wrong without running the product, cheapest first. @type {Check[]} */
export const CHECKS = [
  { name: 'lint', run: (root) => tool(root, 'oxlint', ['--type-aware', '--deny-warnings']) },
  { name: 'types', run: checkTypes },
  { name: 'format', run: (root) => tool(root, 'oxfmt', ['--check']) },
  { name: 'unused code (knip)', run: (root) => tool(root, 'knip', []) },
  { name: 'build', run: (root) => build(root, { isCaptured: true, isAlways: true }) },
  { name: 'package (publint)', run: (root) => tool(root, 'publint', ['--strict']) },
  {
    name: 'package types (attw)',
    run: (root) => tool(root, '@arethetypeswrong/cli', ['--pack', '.', '--profile', 'esm-only'], 'attw'),
  },
];

// One for the project, one that proves the pure folders need nothing of Node, one for the plain scripts, one for the pages.
const TYPE_PROJECTS = ['tsconfig.json', 'tsconfig.pure.json', 'tsconfig.scripts.json', 'web/tsconfig.json'];

/** @param {string} root @returns {Promise<CheckResult>} */
export async function checkTypes(root) {
  const results = [];
  for (const project of TYPE_PROJECTS) results.push(await tool(root, 'typescript', ['-p', project], 'tsc'));
  return {
    code: Math.max(...results.map((result) => result.code)),
    output: results.map((result) => result.output).join(''),
  };
}

/**
 * Runs the checks one after the other, a line each, and all output of those that fail.
 *
 * @param {string} root
 * @param {Check[]} checks
 * @param {(line: string) => void} say
 * @returns {Promise<import('./tally.mjs').Tally>}
 */
export async function runChecks(root, checks, say) {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const check of checks) {
    const startMs = performance.now();
    const { code, output } = await check.run(root).catch(describeCrash);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    // Some tools colour their output wherever CI is set.
    if (code !== 0) say(stripVTControlCharacters(output).trimEnd());
    say(`${code === 0 ? 'ok  ' : 'FAIL'}  ${check.name} (${seconds} s)`);
    tally[code === 0 ? 'passed' : 'failed'] += 1;
  }
  return tally;
}

/** @param {unknown} error @returns {CheckResult} */
function describeCrash(error) {
  return { code: 1, output: String(error) };
}

/** @param {string} root @param {string} packageName @param {string[]} args @param {string} [binName] */
async function tool(root, packageName, args, binName) {
  return runScript(root, toolScript(root, packageName, binName), args, { isCaptured: true });
}
