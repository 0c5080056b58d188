import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openRedisFlights, type SharedFlights } from '../../src/store/index.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';

const LONG_MS = 60_000;

describe.skipIf(!hasRedis)('shared flights on a real Redis server', () => {
  let redis: RedisServer;
  let flights: SharedFlights;
  let others: SharedFlights;
  let count = 0;
  beforeAll(async () => {
    redis = await startRedis();
    [flights, others] = await Promise.all([
      openRedisFlights({ url: redis.url }),
      openRedisFlights({ url: redis.url }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([flights.close(), others.close()]);
    await redis.close();
  });

  function twoOf(): readonly [{ id: string; fence: string }, { id: string; fence: string }] {
    count += 1;
    const id = `flight-${count}`;
    return [
      { id, fence: 'a' },
      { id, fence: 'b' },
    ];
  }

  it('have one leader, however many ask at one time', async () => {
    count += 1;
    const id = `flight-${count}`;
    const asked = Array.from({ length: 100 }, (_, index) =>
      (index % 2 === 0 ? flights : others).lead({ id, fence: `fence-${index}` }, LONG_MS, false),
    );
    const leaders = new Set(await Promise.all(asked));
    expect(leaders.size).toBe(1);
  });

  it('end at once where nobody waits, and are free again', async () => {
    const [first, second] = twoOf();
    expect(await flights.lead(first, LONG_MS, true)).toBe('a');
    expect(await others.lead(second, LONG_MS, false)).toBe('a');
    expect(await flights.finish(first)).toBe('ended');
    expect(await others.look([first])).toEqual(['gone']);
    expect(await others.lead(second, LONG_MS, false)).toBe('b');
  });

  it('hand over what has come to whoever waits for that leader, and end', async () => {
    const [first, second] = twoOf();
    await flights.lead(first, LONG_MS, true);
    await others.lead(second, LONG_MS, true);
    expect(await others.look([first, second])).toEqual(['flying', 'gone']);
    expect(await flights.finish(first)).toBe('wanted');
    expect(await others.look([first])).toEqual(['flying']);
    expect(await flights.hand(first, Uint8Array.of(0, 255, 10, 13))).toBe(true);
    expect(await others.look([first, second])).toEqual([Buffer.from([0, 255, 10, 13]), 'gone']);
    expect(await others.lead(second, LONG_MS, true)).toBe('b');
    expect(await others.finish(second)).toBe('ended');
  });

  it('let nobody do anything who comes back after another has taken the lead', async () => {
    const [late, leader] = twoOf();
    await flights.lead(late, 1, true);
    while ((await others.lead(leader, LONG_MS, true)) !== 'b');
    expect(await flights.renew([late], LONG_MS)).toEqual([late]);
    expect(await flights.finish(late)).toBe('lost');
    expect(await flights.hand(late, Uint8Array.of(1))).toBe(false);
    await flights.release(late);
    expect(await others.look([late, leader])).toEqual(['gone', 'flying']);
    expect(await others.renew([leader], LONG_MS)).toEqual([]);
  });

  it('are taken over from a leader that is gone, and not from one that renews', async () => {
    const [gone, next] = twoOf();
    const [alive, other] = twoOf();
    await flights.lead(gone, 50, false);
    await flights.lead(alive, 50, false);
    expect(await flights.renew([alive], LONG_MS)).toEqual([]);
    while ((await others.lead(next, LONG_MS, true)) !== 'b');
    expect(await others.lead(other, LONG_MS, true)).toBe('a');
  });

  it('are free after a release, for those who wait too', async () => {
    const [first, second] = twoOf();
    await flights.lead(first, LONG_MS, true);
    await others.lead(second, LONG_MS, true);
    await flights.release(first);
    expect(await others.look([first])).toEqual(['gone']);
    expect(await others.lead(second, LONG_MS, true)).toBe('b');
    // Those who waited for the one before do not wait for this one.
    expect(await others.finish(second)).toBe('ended');
  });

  it('come back after the server has lost everything', async () => {
    const [first] = twoOf();
    await flights.lead(first, LONG_MS, false);
    await redis.kill();
    await expect(flights.finish(first)).rejects.toThrow(/cannot be reached|did not answer/);
    await redis.start();
    // A refusal comes at once: the connection needs its turn too.
    while ((await flights.renew([first], LONG_MS).catch(() => null)) === null)
      await new Promise((resolve) => setImmediate(resolve));
    expect(await flights.look([first])).toEqual(['flying']);
  });
});
