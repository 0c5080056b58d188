import { describe, expect, it } from 'vitest';

import { CountFamily, JoinedKeys } from './families.ts';

describe('keys of points', () => {
  it('are the joined values, however often and in whichever order they are asked for', () => {
    const keys = new JoinedKeys();
    const pairs = [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'c'],
      ['a', 'b'],
      ['', 'b'],
    ] as const;
    expect(pairs.map(([first, second]) => keys.of(first, second))).toEqual([
      'a\nb',
      'b\na',
      'a\nc',
      'a\nb',
      '\nb',
    ]);
  });

  it('of three labels are those of two, joined again', () => {
    const keys = new JoinedKeys();
    const family = new CountFamily({ name: 'n', description: 'd', unit: 'u' }, ['x', 'y', 'z']);
    family.add(keys.of('1', keys.of('2', '3')), 4);
    family.add(keys.of(keys.of('1', '2'), '3'), 5);
    expect(family.show().points).toEqual([{ labels: { x: '1', y: '2', z: '3' }, value: 9 }]);
  });
});
