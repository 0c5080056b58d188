import fc from 'fast-check';
import { expect, it } from 'vitest';

import { TimedQueue } from './timed-queue.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

it('gives the earliest first, and equal times by number', () => {
  const items = fc.uniqueArray(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 20 })), {
    selector: ([id]) => id,
    maxLength: 40,
  });
  fc.assert(
    fc.property(items, (list) => {
      const queue = new TimedQueue();
      for (const [id, atMs] of list) queue.add(id, atMs);
      const sorted = list.toSorted((a, b) => a[1] - b[1] || a[0] - b[0]);
      expect(sorted.map(() => [queue.nextMs, queue.take()])).toEqual(sorted.map(([id, atMs]) => [atMs, id]));
      expect([queue.nextMs, queue.take()]).toEqual([Infinity, -1]);
    }),
    { numRuns },
  );
});
