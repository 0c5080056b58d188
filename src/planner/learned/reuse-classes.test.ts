import { describe, expect, it } from 'vitest';

import { ReuseClasses, sizeClass } from './reuse-classes.ts';

describe('classes', () => {
  it('are the same counts under the same name', () => {
    const classes = new ReuseClasses();
    expect(classes.get('tail')).toBe(classes.get('tail'));
    expect(classes.get('tail')).not.toBe(classes.get('layer'));
  });

  it('stay as long as they are asked for, however many others come', () => {
    const classes = new ReuseClasses();
    const root = classes.get('tail');
    const forgotten = classes.get('of one application');
    let isStill = true;
    for (let other = 0; other < 60_000; other += 1) {
      classes.get(`of application ${other}`);
      isStill &&= classes.get('tail') === root;
    }
    expect(isStill).toBe(true);
    expect(classes.get('of one application')).not.toBe(forgotten);
  });
});

describe('sizes', () => {
  it('are alike within a power of two', () => {
    expect([0, 1, 2, 3, 4, 1023, 1024, 1025].map(sizeClass)).toEqual([0, 0, 1, 1, 2, 9, 10, 10]);
  });
});
