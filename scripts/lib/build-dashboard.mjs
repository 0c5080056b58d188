import { join } from 'node:path';
import { runScript, toolScript } from './tools.mjs';

/**
 * Bundles `web/` into a folder: one page and its assets under hashed names.
 *
 * @param {string} root Folder of the repository.
 * @param {string} target Folder to fill; what is in it goes.
 * @param {import('./child.mjs').ChildOptions} options
 */
export function buildDashboard(root, target, options) {
  const config = join(root, 'web', 'vite.config.ts');
  const args = [
    'build',
    'web',
    '--config',
    config,
    '--outDir',
    target,
    '--emptyOutDir',
    '--logLevel',
    'warn',
  ];
  return runScript(root, toolScript(root, 'vite'), args, options);
}
