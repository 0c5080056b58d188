/**
 * Something the person at the keyboard can act on. `run.mjs` prints its message as it is, one sentence and no
 * stack trace; every other error keeps its stack, because then the mistake is ours.
 */
export class Problem extends Error {
  /** @override */
  name = 'Problem';

  /** @param {string} sentence @param {number} exitCode */
  constructor(sentence, exitCode = 1) {
    super(sentence);
    this.exitCode = exitCode;
  }
}
