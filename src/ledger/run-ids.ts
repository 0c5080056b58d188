import { createTimedId, type Random } from '../runtime/index.ts';

/** Records of one run at the most: two letters of their ids count them. */
export const RUN_RECORDS_MAX = 1_024;

const COUNT_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
const COUNT_LENGTH = 2;

const ENDINGS: readonly string[] = Array.from(
  { length: RUN_RECORDS_MAX },
  (_none, index) =>
    (COUNT_LETTERS[Math.floor(index / COUNT_LETTERS.length)] ?? '') +
    (COUNT_LETTERS[index % COUNT_LETTERS.length] ?? ''),
);

/** The id of the first record of a run, from which those of the others go on. */
export function createRunId(random: Random, timeMs: number): string {
  return runIdAt(createTimedId('req', random, timeMs), 0);
}

/** The id of a run's record, from that of its first. */
export function runIdAt(firstId: string, index: number): string {
  return firstId.slice(0, -COUNT_LENGTH) + (ENDINGS[index] ?? '');
}

/** Where a record would be found if it were one of a run: the id of the run's first, and its place. */
export function placeInRun(id: string): { readonly firstId: string; readonly index: number } | null {
  const index = ENDINGS.indexOf(id.slice(-COUNT_LENGTH));
  return index < 0 ? null : { firstId: runIdAt(id, 0), index };
}
