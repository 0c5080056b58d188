import { createContext, Script } from 'node:vm';

import type { FindMore } from './redact-json.ts';
import { redacted } from './secrets.ts';

/** Patterns that may be given, and the length of one. */
const PATTERNS_MAX = 100;
const LENGTH_MAX = 1_000;

/**
 * Patterns of what else is not to be kept, as one search.
 *
 * @param sources Regular expressions as JavaScript writes them, without slashes and flags.
 * @throws RangeError, with a sentence, for what is no pattern and for one that matches nothing at all.
 */
export function compilePatterns(sources: readonly string[]): FindMore {
  if (sources.length > PATTERNS_MAX) throw new RangeError(`at most ${PATTERNS_MAX} patterns can be given`);
  const patterns = sources.map(compile);
  return (text) =>
    patterns.flatMap((pattern, index) =>
      [...text.matchAll(pattern)].map((match) => ({
        from: match.index,
        to: match.index + match[0].length,
        by: redacted(`pattern-${index + 1}`),
      })),
    );
}

function compile(source: string): RegExp {
  if (source === '' || source.length > LENGTH_MAX)
    throw new RangeError(`a pattern has 1 to ${LENGTH_MAX} characters`);
  try {
    const pattern = new RegExp(source, 'g');
    if (!new RegExp(source).test('')) return pattern;
  } catch {
    throw new RangeError(`${JSON.stringify(source)} is no regular expression`);
  }
  throw new RangeError(`${JSON.stringify(source)} matches where there is nothing`);
}

const sandbox: { run: () => unknown } = { run: () => undefined };
const context = createContext(sandbox);
const script = new Script('run()');

/**
 * Runs something that must end: a regular expression may take years for a text that was made for it.
 *
 * @throws Error when it has not ended in time.
 */
export function runWithin<Result>(timeoutMs: number, run: () => Result): Result {
  sandbox.run = run;
  return script.runInContext(context, { timeout: timeoutMs }) as Result;
}
