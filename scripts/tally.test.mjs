import { describe, expect, test } from 'vitest';
import { addTallies, skipLines, tallyLine } from './lib/tally.mjs';
import { summarise } from './lib/vitest-summary.mjs';

describe('tallyLine', () => {
  test('leaves skips out where there are none', () => {
    expect(tallyLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
  });
  test('counts skips', () => {
    expect(tallyLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});

test('addTallies adds each number by itself', () => {
  const sum = addTallies([
    { passed: 1, failed: 2, skipped: 3 },
    { passed: 10, failed: 20, skipped: 30 },
  ]);
  expect(sum).toEqual({ passed: 11, failed: 22, skipped: 33 });
});

test('skipLines puts equal reasons together and owns up to missing ones', () => {
  const lines = skipLines([
    { name: 'a', reason: 'needs Redis' },
    { name: 'b', reason: '' },
    { name: 'c', reason: 'needs Redis' },
  ]);
  expect(lines).toEqual(['Skipped (needs Redis):', '  a', '  c', 'Skipped (no reason given):', '  b']);
});

describe('summarise', () => {
  test('counts tests by their result and names the skipped ones', () => {
    const module = moduleWith([
      { state: 'passed' },
      { state: 'failed' },
      { state: 'skipped', note: 'needs Redis' },
    ]);
    expect(summarise([module], [])).toEqual({
      passed: 1,
      failed: 1,
      skips: [{ name: 'src/a.test.ts > test 2', reason: 'needs Redis' }],
    });
  });

  test('counts a file that cannot be loaded, and an error outside any test', () => {
    expect(summarise([moduleWith([], ['cannot be loaded'])], ['unhandled']).failed).toBe(2);
  });
});

/**
 * The part of vitest's report that the summary reads.
 *
 * @param {{ state: string, note?: string }[]} results
 * @param {string[]} errors
 * @returns {any}
 */
function moduleWith(results, errors = []) {
  const module = { relativeModuleId: 'src/a.test.ts' };
  const tests = results.map((result, index) => ({ module, fullName: `test ${index}`, result: () => result }));
  return { ...module, errors: () => errors, children: { allTests: () => tests, allSuites: () => [] } };
}
