import { randomBytes } from 'node:crypto';

/** A source of randomness: each call gives a number in [0, 1). */
export type Random = () => number;

/** The platform's own randomness. */
export const systemRandom: Random = () => Math.random();

/** A repeatable source from a seed (mulberry32): the same seed gives the same numbers for ever. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ID_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

const LETTER_CODES = Buffer.from(ID_LETTERS, 'latin1');
/** Where letters are put together: a text that grows letter by letter is a chain of as many pieces. */
const letters = Buffer.allocUnsafeSlow(64);

/** An id in the API's style, e.g. `msg_01…`, from a given randomness. @throws RangeError past 64 letters */
export function createId(prefix: string, random: Random, length = 22): string {
  if (length > letters.length) throw new RangeError(`an id has at most ${letters.length} letters`);
  for (let index = 0; index < length; index += 1)
    letters[index] = LETTER_CODES[Math.floor(random() * LETTER_CODES.length)] ?? 0;
  return `${prefix}_01${letters.toString('latin1', 0, length)}`;
}

/** The same letters in the order in which databases sort them. */
const TIME_CODES = LETTER_CODES.toSorted();
const TIME_LENGTH = 8;
const TIMED_LENGTH = 22;

/**
 * An id that looks the same, and begins with the time: ids that are made one after the other are neighbours in an index,
 * where random ones would lie on as many pages as there are ids.
 *
 * @param timeMs ms since 1970 UTC
 */
export function createTimedId(prefix: string, random: Random, timeMs: number): string {
  let left = Math.max(0, Math.floor(timeMs));
  for (let index = TIME_LENGTH - 1; index >= 0; index -= 1) {
    letters[index] = TIME_CODES[left % TIME_CODES.length] ?? 0;
    left = Math.floor(left / TIME_CODES.length);
  }
  for (let index = TIME_LENGTH; index < TIMED_LENGTH; index += 1)
    letters[index] = LETTER_CODES[Math.floor(random() * LETTER_CODES.length)] ?? 0;
  return `${prefix}_01${letters.toString('latin1', 0, TIMED_LENGTH)}`;
}

/** Bytes that nobody can guess, for secrets. */
export function secretBytes(length: number): Buffer {
  return randomBytes(length);
}
