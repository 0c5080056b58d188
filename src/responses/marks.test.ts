import { expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { createMemoryCache, type CacheStore } from '../store/index.ts';
import { Marks } from './marks.ts';

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
