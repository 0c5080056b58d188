import { writeFileSync } from 'node:fs';

/** @typedef {import('vitest/node').TestModule} TestModule */
/** @typedef {import('vitest/node').TestCase} TestCase */

/**
 * A vitest reporter that writes a `TestSummary` to the file named by CACHEWRIGHT_TEST_SUMMARY: vitest's own JSON
 * report has no place for the reason of a skip, nor for errors outside any test.
 */
export default class SummaryReporter {
  /** @param {readonly TestModule[]} modules @param {readonly unknown[]} strayErrors */
  onTestRunEnd(modules, strayErrors) {
    const path = process.env['CACHEWRIGHT_TEST_SUMMARY'];
    if (path) writeFileSync(path, JSON.stringify(summarise(modules, strayErrors)));
  }
}

/**
 * @param {readonly TestModule[]} modules
 * @param {readonly unknown[]} strayErrors
 * @returns {import('./tally.mjs').TestSummary}
 */
export function summarise(modules, strayErrors) {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (/** @type {string} */ state) => tests.filter((test) => test.result().state === state).length;
  return {
    passed: count('passed'),
    // A file that cannot be loaded, a broken beforeAll and an unhandled rejection are failures without a test.
    failed: count('failed') + count('pending') + brokenSuites(modules).length + strayErrors.length,
    skips: tests.filter((test) => test.result().state === 'skipped').map(describeSkip),
  };
}

/** @param {readonly TestModule[]} modules */
function brokenSuites(modules) {
  const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  return suites.filter((suite) => suite.errors().length > 0);
}

/** @param {TestCase} test */
function describeSkip(test) {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  return { name: `${test.module.relativeModuleId} > ${test.fullName}`, reason: note ?? '' };
}
