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

/** An id in the API's style, e.g. `msg_01…`, from a given randomness. */
export function createId(prefix: string, random: Random, length = 22): string {
  let id = `${prefix}_01`;
  for (let index = 0; index < length; index += 1) id += ID_LETTERS[Math.floor(random() * ID_LETTERS.length)];
  return id;
}

/** Bytes that nobody can guess, for secrets. */
export function secretBytes(length: number): Buffer {
  return randomBytes(length);
}
