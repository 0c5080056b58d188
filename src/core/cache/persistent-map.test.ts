import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyMap, type PersistentMap } from './persistent-map.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** Four keys with one full 32-bit FNV-1a hash, found by search. */
const COLLIDING = ['7yzx33zx', '7yzxepad', 'e6ad33zx', 'e6adepad'];

function hashOf(key: string): number {
  return [...key].reduce((hash, unit) => Math.imul(hash ^ unit.charCodeAt(0), 0x01000193), 0x811c9dc5) >>> 0;
}

const sorted = (map: Iterable<readonly [string, number]>): readonly (readonly [string, number])[] =>
  [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

const keys = fc.oneof(
  fc.constantFrom(...COLLIDING),
  fc.integer({ min: 0, max: 200 }).map((number) => `key${number}`),
  fc.string({ maxLength: 3 }),
);
const changes = fc.array(fc.record({ key: keys, value: fc.option(fc.integer(), { nil: undefined }) }), {
  maxLength: 300,
});

function apply(map: PersistentMap<number>, key: string, value: number | undefined): PersistentMap<number> {
  return value === undefined ? map.remove(key) : map.put(key, value);
}

describe('PersistentMap', () => {
  it('behaves as Map does', () => {
    fc.assert(
      fc.property(changes, fc.array(keys, { maxLength: 20 }), (list, probes) => {
        const model = new Map<string, number>();
        let map = emptyMap<number>();
        for (const { key, value } of list) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
          map = apply(map, key, value);
        }
        expect(map.size).toBe(model.size);
        expect(sorted(map.entries())).toEqual(sorted(model));
        for (const probe of probes) expect(map.get(probe)).toBe(model.get(probe));
      }),
      { numRuns },
    );
  });

  it('leaves every earlier version as it was', () => {
    fc.assert(
      fc.property(changes, (list) => {
        const versions: { map: PersistentMap<number>; seen: unknown }[] = [];
        let map = emptyMap<number>();
        for (const { key, value } of list.slice(0, 60)) {
          versions.push({ map, seen: [map.size, sorted(map.entries())] });
          map = apply(map, key, value);
        }
        for (const { map: version, seen } of versions)
          expect([version.size, sorted(version.entries())]).toEqual(seen);
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    );
  });

  it('keeps keys of one hash apart', () => {
    expect(new Set(COLLIDING.map(hashOf)).size).toBe(1);
    let map = emptyMap<number>();
    for (const [index, key] of COLLIDING.entries()) map = map.put(key, index);
    expect(COLLIDING.map((key) => map.get(key))).toEqual([0, 1, 2, 3]);
    const without = map.remove('e6ad33zx');
    expect(COLLIDING.map((key) => without.get(key))).toEqual([0, 1, undefined, 3]);
    expect([map.size, without.size]).toEqual([4, 3]);
    expect(map.put('7yzxepad', 9).get('7yzx33zx')).toBe(0);
    expect(map.get('other')).toBeUndefined();
  });

  it('is empty again when all is removed', () => {
    const names = [...COLLIDING, ...Array.from({ length: 100 }, (_, index) => `${index}`)];
    const full = names.reduce((map, name, index) => map.put(name, index), emptyMap<number>());
    const empty = names.reduce((map, name) => map.remove(name), full);
    expect([full.size, empty.size, [...empty.entries()]]).toEqual([104, 0, []]);
    expect(empty.remove('0').size).toBe(0);
    expect(empty.put('0', 1).get('0')).toBe(1);
  });

  it('holds many keys', () => {
    let map = emptyMap<number>();
    for (let index = 0; index < 20_000; index += 1) map = map.put(`prefix-${index}`, index);
    expect(map.size).toBe(20_000);
    for (let index = 0; index < 20_000; index += 97) expect(map.get(`prefix-${index}`)).toBe(index);
  });
});
