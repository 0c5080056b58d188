import { expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { createMemoryCache, type CacheStore } from '../store/index.ts';
import { Marks } from './marks.ts';

it('that were judged to be as they were are looked at again after a purge, and after half a second', async () => {
  const time = new ManualTime();
  const store = createMemoryCache({ clock: time });
  const secret = Buffer.from('a secret that is long enough');
  const marks = new Marks({ store, secret, clock: time, timers: time, storeWaitMs: 50 });
  const values = await marks.current(['tag.x']);
  time.advance(300);
  const both = await marks.current(['tag.x', 'tag.y']);
  for (let times = 0; times < 3; times += 1)
    expect([marks.judge(values), marks.judge(both)]).toEqual([true, true]);
  time.advance(200);
  expect([marks.judge(values), marks.judge(both)]).toEqual([true, true]);
  // As old as its oldest mark.
  time.advance(1);
  expect([marks.judge(values), marks.judge(both)]).toEqual([null, null]);
  time.advance(-200);
  expect(marks.judge(values)).toBe(true);
  await marks.change(['tag.y']);
  expect([marks.judge(values), marks.judge(both)]).toEqual([true, false]);
  time.advance(-2_000);
  expect(marks.judge(values)).toBe(null);
});

it('tells the store of a purge that failed while an earlier one was being told', async () => {
  const time = new ManualTime();
  const below = createMemoryCache({ clock: time });
  const first = Promise.withResolvers<void>();
  const told: string[] = [];
  const store: CacheStore = {
    kind: 'slow',
    get: (key) => below.get(key),
    put: (key, bytes, ttlMs) => below.put(key, bytes, ttlMs),
    remove: (key) => below.remove(key),
    readMarks: (names) => below.readMarks(names),
    close: () => below.close(),
    async setMark(name, value) {
      const number = told.push(value);
      if (number === 1) await first.promise;
      if (number === 2) throw new Error('it does not answer');
      await below.setMark(name, value, false);
    },
  };
  const secret = Buffer.from('a secret that is long enough');
  const marks = new Marks({ store, secret, clock: time, timers: time, storeWaitMs: 50 });
  const earlier = marks.change(['tag.x']);
  await expect(marks.change(['tag.x'])).rejects.toThrow('it does not answer');
  first.resolve();
  await earlier;
  time.advance(1_000);
  const { 'tag.x': value } = await marks.current(['tag.x']);
  expect(told).toHaveLength(3);
  expect(value).toBe(told[2]);
  expect(new Set(told).size).toBe(3);
});
