/** The oldest Node the project runs on; the same as `engines.node` in package.json (a test compares them). */
export const OLDEST_NODE = '22.19.0';

/** @param {string} version `22.19.0` or `v22.19.0`. @param {string} [oldest] */
export function isNewEnough(version, oldest = OLDEST_NODE) {
  const wanted = numbersOf(oldest);
  const differences = numbersOf(version).map((number, index) => number - (wanted[index] ?? 0));
  return (differences.find((difference) => difference !== 0) ?? 0) >= 0;
}

/** @param {string} version */
function numbersOf(version) {
  return version.replace(/^v/, '').replace(/-.*$/, '').split('.').map(Number);
}
