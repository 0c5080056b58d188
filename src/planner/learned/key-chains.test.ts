import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { KeyChains, NO_CHAIN, type Chain } from './key-chains.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** Keys of 48 bits, many of which differ in their upper bits alone. */
const key = fc.oneof(
  fc.nat({ max: 2 ** 31 - 1 }),
  fc.nat({ max: 0xffff }).map((high) => high * 2 ** 32 + 5),
  fc.maxSafeNat().map((large) => large % 2 ** 48),
);
const keys = fc.uniqueArray(key, { maxLength: 20 });

interface Held {
  chain: Chain;
  readonly keys: number[];
}

function grow(chains: KeyChains, held: Held, more: readonly number[]): void {
  const path = [-1, ...more, -1];
  held.chain = chains.append(held.chain, held.keys.length, path, 1, 1 + more.length);
  held.keys.push(...more);
}

/** Another key, which differs in its upper bits alone. */
const other = (each: number): number => (each + 2 ** 47) % 2 ** 48;

describe('keys in chains', () => {
  it('are those that were put behind one another, however chains grow and go beside each other', () => {
    const step = fc.record({ which: fc.nat({ max: 3 }), more: keys, isRemoved: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const chains = new KeyChains();
        const all = [0, 1, 2, 3].map((): Held => ({ chain: NO_CHAIN, keys: [] }));
        for (const { which, more, isRemoved } of steps) {
          const held = all[which] ?? { chain: NO_CHAIN, keys: [] };
          if (isRemoved) {
            chains.remove(held.chain);
            Object.assign(held, { chain: NO_CHAIN, keys: [] });
          } else grow(chains, held, more);
        }
        for (const { chain, keys: expected } of all) {
          expect(chains.keys(chain, expected.length)).toEqual(expected);
          expect(expected.map((_, at) => chains.keyAt(chain, expected.length, at))).toEqual(expected);
        }
        expect(chains.isSound(all.map((held) => [held.chain, held.keys.length] as const))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('are compared with those of a path as one by one, where a key stands for all before it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 40 }), fc.nat(), fc.nat(), (list, cut, limit) => {
        const chains = new KeyChains();
        const chain = chains.append(NO_CHAIN, 0, list, 0, list.length);
        const same = cut % (list.length + 1);
        // What comes behind a difference is different as well.
        const path = [-7, ...list.map((each, at) => (at < same ? each : other(each))), -7];
        const most = limit % (list.length + 1);
        expect(chains.sameLength(chain, list.length, path, 1, most)).toBe(Math.min(same, most));
        expect(chains.sameLength(chain, list.length, path, 1, list.length + 1)).toBe(same);
      }),
      { numRuns },
    );
  });

  it('take little: seven bytes a key where they are many, and what was let go of is used again', () => {
    const chains = new KeyChains();
    const list = Array.from({ length: 6000 }, (_, at) => 2 ** 40 + at);
    let chain = chains.append(NO_CHAIN, 0, list, 0, list.length);
    expect(chains.byteLength).toBeLessThan(6000 * 7 * 1.125);
    const { byteLength } = chains;
    for (let round = 0; round < 3; round += 1) {
      chains.remove(chain);
      chain = chains.append(NO_CHAIN, 0, list, 0, list.length);
    }
    expect(chains.byteLength).toBe(byteLength);
  });

  it('are not sound where a chain has another length, or links of another', () => {
    const chains = new KeyChains();
    const list = Array.from({ length: 20 }, (_, at) => at);
    const first = chains.append(NO_CHAIN, 0, list, 0, 20);
    const second = chains.append(NO_CHAIN, 0, list, 0, 3);
    expect(
      chains.isSound([
        [first, 20],
        [second, 3],
        [NO_CHAIN, 0],
      ]),
    ).toBe(true);
    const wrong = [
      [[first, 20]],
      [
        [first, 12],
        [second, 3],
      ],
      [
        [first, 26],
        [second, 3],
      ],
      [
        [first, 20],
        [first, 3],
      ],
      [
        [first, 20],
        [second, 3],
        [second, 0],
      ],
      [
        [first, 20],
        [NO_CHAIN, 3],
      ],
      [
        [first, 20],
        [99, 3],
      ],
    ] as const satisfies readonly (readonly (readonly [number, number])[])[];
    for (const each of wrong) expect(chains.isSound(each)).toBe(false);
  });
});
