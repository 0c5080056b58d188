import { describe, expect, it } from 'vitest';

import { LifeTables } from './life-tables.ts';
import { ReuseClasses, sizeClass } from './reuse-classes.ts';

describe('classes', () => {
  it('are the same counts under the same name', () => {
    const tables = new LifeTables();
    const classes = new ReuseClasses(tables);
    expect(classes.get('tail')).toBe(classes.get('tail'));
    expect(classes.get('tail')).not.toBe(classes.get('layer'));
  });

  it('stay as long as they are asked for, however many others come', () => {
    const tables = new LifeTables();
    const classes = new ReuseClasses(tables);
    const root = classes.get('tail');
    const forgotten = classes.get('of one application');
    tables.enter(forgotten, 0);
    tables.leave(forgotten, 0, true);
    let isStill = true;
    for (let other = 0; other < 60_000; other += 1) {
      classes.get(`of application ${other}`);
      isStill &&= classes.get('tail') === root;
    }
    expect(isStill).toBe(true);
    expect(tables.judged(classes.get('of one application'), 0)).toBe(0);
    // What is forgotten makes room: two generations, and one that is filling.
    expect(tables.end).toBeLessThan(31_000);
  });
});

describe('sizes', () => {
  it('are alike within a power of two', () => {
    expect([0, 1, 2, 3, 4, 1023, 1024, 1025].map(sizeClass)).toEqual([0, 0, 1, 1, 2, 9, 10, 10]);
  });
});
