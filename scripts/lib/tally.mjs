/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Tally
 * @typedef {{ name: string, reason: string }} Skip
 * @typedef {{ passed: number, failed: number, skips: Skip[] }} TestSummary
 */

/**
 * The one line that tools read: `12 passed, 0 failed`, and `, 3 skipped` where something was skipped.
 *
 * @param {Tally} tally
 */
export function tallyLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** @param {Tally[]} tallies @returns {Tally} */
export function addTallies(tallies) {
  /** @param {keyof Tally} key */
  const sum = (key) => tallies.reduce((total, tally) => total + tally[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/**
 * Skipped tests by name, those with the same reason together.
 *
 * @param {Skip[]} skips
 * @returns {string[]} Lines.
 */
export function skipLines(skips) {
  const reasons = [...new Set(skips.map((skip) => skip.reason))];
  return reasons.flatMap((reason) => {
    const names = skips.filter((skip) => skip.reason === reason).map((skip) => `  ${skip.name}`);
    return [`Skipped (${reason || 'no reason given'}):`, ...names];
  });
}
