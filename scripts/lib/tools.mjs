import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { Problem } from './problem.mjs';

/**
 * The script of a tool in node_modules, so that it runs under this very Node and without a shell.
 *
 * @param {string} root
 * @param {string} packageName
 * @param {string} [binName] The part after the scope when left out.
 */
export function toolScript(root, packageName, binName = packageName.split('/').at(-1) ?? packageName) {
  const folder = join(root, 'node_modules', packageName);
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest))
    throw new Problem(`${packageName} is not installed; run "npm ci --ignore-scripts" first.`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[binName]);
}

/**
 * @param {string} root
 * @param {string} script Path of a tool's script.
 * @param {string[]} args
 * @param {import('./child.mjs').ChildOptions} [options]
 */
export function runScript(root, script, args, options = {}) {
  return runChild(process.execPath, [script, ...args], { cwd: root, ...options });
}
