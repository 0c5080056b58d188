import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runScript, toolScript } from './tools.mjs';

/**
 * Runs vitest and says what came of it. A run that fails without a failed test (vitest crashed, no test matched)
 * counts as one failure, so that the numbers never look better than the exit code.
 *
 * @param {string} root Folder of the repository.
 * @param {string[]} args Passed on to vitest.
 * @returns {Promise<import('./tally.mjs').TestSummary & { code: number }>}
 */
export async function runTests(root, args) {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-tests-'));
  const path = join(folder, 'summary.json');
  try {
    const { code } = await runScript(
      root,
      toolScript(root, 'vitest'),
      ['run', '--reporter=default', '--reporter=./scripts/lib/vitest-summary.mjs', ...args],
      { env: { ...process.env, CACHEWRIGHT_TEST_SUMMARY: path } },
    );
    const summary = existsSync(path)
      ? JSON.parse(readFileSync(path, 'utf8'))
      : { passed: 0, failed: 0, skips: [] };
    return { ...summary, failed: code === 0 ? summary.failed : Math.max(1, summary.failed), code };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
