import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ManualTime } from '../../../test/support/manual-time.ts';
import { createDueQueue } from './due-queue.ts';

const numRuns = Math.ceil(50 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

describe('a queue', () => {
  it('tells of each key once, at its time, with one timer', () => {
    const time = new ManualTime(0);
    const told: string[] = [];
    const queue = createDueQueue(time, time, (key) => told.push(`${key}@${time.nowMs()}`));
    queue.set('b', 200);
    queue.set('a', 100);
    queue.set('c', 300);
    expect(time.waiting).toBe(1);
    for (let step = 0; step < 10; step += 1) time.advance(50);
    expect(told).toEqual(['a@100', 'b@200', 'c@300']);
    expect(queue.size).toBe(0);
  });

  it('sets no timer for a key that moves to later, until the old time has come', () => {
    const time = new ManualTime(0);
    let timers = 0;
    const counting = {
      after: (delayMs: number, run: () => void) => {
        timers += 1;
        return time.after(delayMs, run);
      },
    };
    const told: string[] = [];
    const queue = createDueQueue(time, counting, (key) => told.push(`${key}@${time.nowMs()}`));
    for (let dueMs = 100; dueMs <= 10_000; dueMs += 1) queue.set('a', dueMs);
    expect(timers).toBe(1);
    time.advance(100);
    expect([told, timers]).toEqual([[], 2]);
    time.advance(9_900);
    expect(told).toEqual(['a@10000']);
  });

  it('is as a list that is looked through at every moment', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const action = fc.oneof(
      fc.record({ does: fc.constant('set' as const), key, inMs: fc.nat(50) }),
      fc.record({ does: fc.constant('remove' as const), key, inMs: fc.constant(0) }),
      fc.record({ does: fc.constant('clear' as const), key, inMs: fc.constant(0) }),
      fc.record({ does: fc.constant('pass' as const), key, inMs: fc.nat(40) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const time = new ManualTime(0);
        const told: string[] = [];
        const expected: string[] = [];
        const list = new Map<string, number>();
        const queue = createDueQueue(time, time, (each) => told.push(`${each}@${time.nowMs()}`));
        for (const { does, key: name, inMs } of actions) {
          if (does === 'set') {
            queue.set(name, time.nowMs() + inMs);
            list.set(name, time.nowMs() + inMs);
          } else if (does === 'remove') {
            queue.remove(name);
            list.delete(name);
          } else if (does === 'clear') {
            queue.clear();
            list.clear();
          } else {
            for (let step = 0; step < inMs; step += 1) {
              time.advance(1);
              for (const [each] of [...list].filter(([, due]) => due <= time.nowMs())) {
                expected.push(`${each}@${time.nowMs()}`);
                list.delete(each);
              }
            }
          }
        }
        expect(told.toSorted()).toEqual(expected.toSorted());
        expect(queue.size).toBe(list.size);
      }),
      { numRuns },
    );
  });
});
