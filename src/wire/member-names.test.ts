import { describe, expect, it } from 'vitest';

import { createMemberNames } from './member-names.ts';

/** Whether each of these names, one after the other, is new to the innermost object; a brace opens one. */
function run(...steps: readonly string[]): readonly boolean[] {
  const names = createMemberNames();
  const bytes = Buffer.from(steps.join(''));
  let at = 0;
  return steps.flatMap((step) => {
    at += step.length;
    if (step !== '{') return [names.enter(bytes, at - step.length, at)];
    names.open();
    return [];
  });
}

describe('createMemberNames', () => {
  it('compares names within one object', () => {
    const names = createMemberNames();
    const bytes = Buffer.from('"ab","ac","abc","ab"');
    names.open();
    expect([
      names.enter(bytes, 0, 4),
      names.enter(bytes, 5, 9),
      names.enter(bytes, 10, 15),
      names.enter(bytes, 16, 20),
    ]).toEqual([true, true, true, false]);
  });

  it('forgets the names of an object that is closed, and all when cleared', () => {
    const names = createMemberNames();
    const bytes = Buffer.from('"ab"');
    const enter = (): boolean => names.enter(bytes, 0, 4);
    const first = names.open();
    expect(enter()).toBe(true);
    const second = names.open();
    expect([enter(), enter()]).toEqual([true, false]);
    names.close(second);
    expect(enter()).toBe(false);
    names.close(first);
    expect(enter()).toBe(true);
    names.clear();
    expect(enter()).toBe(true);
  });

  it('has room for so many names of one object and of all', () => {
    const wide = Array.from({ length: 65 }, (_, at) => String(at));
    expect(run('{', ...wide).indexOf(false)).toBe(64);
    const deep = Array.from({ length: 4097 }, () => ['{', 'a']).flat();
    expect(run(...deep).indexOf(false)).toBe(4096);
  });
});
