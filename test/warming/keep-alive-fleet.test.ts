import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';

import { CleanUp } from '../support/gateway.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';
import { startMachine, startPingedUpstream, type Machine, type PingedUpstream } from './fleet.ts';
import type { ProcessOptions } from './keep-process.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

/**
 * Time is scaled, and real: an entry lives ten seconds in place of five minutes, so that everything else, a freeze of 30
 * seconds among it, takes a thirtieth. With `CACHEWRIGHT_EFFORT` of 20 it is thirty seconds, a tenth, and 2,000 entries.
 */
const isFull = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1) >= 20;
const SCALE = isFull ? 10 : 30;
const ENTRIES = isFull ? 2_000 : 150;
const TTL_MS = 300_000 / SCALE;
const FREEZE_MS = 30_000 / SCALE;
/** Not scaled: what processes of a busy machine may be late is not either. */
const LEAD_MS = isFull ? 5_000 : 3_500;
const WINDOW_MS = TTL_MS - LEAD_MS;
/** Processes are up by then, and the first entry is due. */
const BOOT_MS = isFull ? 6_000 : 3_000;
/** Share of pings that may have been sent although another had renewed the entry. */
const DUPLICATES_MAX = 0.005;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Fleet {
  readonly redis: RedisServer;
  readonly upstream: PingedUpstream;
  readonly machines: readonly Machine[];
}

async function startFleet(
  more: Partial<ProcessOptions> = {},
  each: readonly Partial<ProcessOptions>[] = [{}, {}, {}],
): Promise<Fleet> {
  const redis = cleanUp.add(await startRedis());
  const spreadMs = WINDOW_MS - BOOT_MS;
  const options = {
    redisUrl: redis.url,
    entries: ENTRIES,
    lacks: null,
    skewMs: 0,
    ttlMs: TTL_MS,
    leadMs: LEAD_MS,
    leaseMs: LEAD_MS * 0.3,
    everyMs: LEAD_MS / 20,
    baseMs: Date.now() - spreadMs,
    spreadMs,
    hourUsd: 1e6,
    ...more,
  };
  const upstream = cleanUp.add(await startPingedUpstream(options));
  const machines = await Promise.all(
    each.map((own) => startMachine({ ...options, upstreamUrl: upstream.url, ...own })),
  );
  for (const machine of machines) cleanUp.add(machine);
  return { redis, upstream, machines };
}

function judge({ upstream }: Fleet, windows: number): void {
  const { pings, duplicates, missed } = upstream.conclude();
  expect(missed).toBe(0);
  expect(duplicates).toBeLessThanOrEqual(pings * DUPLICATES_MAX);
  // Windows are counted from the first due entry; at either end some entries have one more or less.
  expect(pings).toBeGreaterThan(ENTRIES * (windows - 1));
  expect(pings).toBeLessThanOrEqual(ENTRIES * (windows + 1));
}

describe.runIf(hasRedis)('three processes with one redis-server', () => {
  it(
    'refresh every entry once in each window, though clocks differ, one freezes, one dies, and Redis loses all',
    { timeout: 300_000 },
    async () => {
      const fleet = await startFleet({}, [{ skewMs: 20_000 }, { skewMs: -30_000 }, {}]);
      const [, frozen, killed] = fleet.machines;
      await wait(BOOT_MS + WINDOW_MS / 2);
      frozen?.child.kill('SIGSTOP');
      await wait(FREEZE_MS);
      frozen?.child.kill('SIGCONT');
      await wait(WINDOW_MS / 2);
      killed?.child.kill('SIGKILL');
      await wait(WINDOW_MS / 2);
      await fleet.redis.kill();
      await wait(500);
      await fleet.redis.start();
      await wait(WINDOW_MS * 1.5);
      judge(fleet, 3);
      expect((await fleet.machines[0]?.status())?.note).toBeNull();
    },
  );

  it('take over what another held, and say what none of them can', { timeout: 300_000 }, async () => {
    // Of each four entries one is held by the first machine alone.
    const others = { lacks: [4, 0] as const };
    const fleet = await startFleet({}, [{}, others, others]);
    fleet.machines[0]?.child.kill('SIGKILL');
    await wait(TTL_MS + BOOT_MS);
    const { missed, duplicates, pings } = fleet.upstream.conclude();
    expect(missed).toBe(Math.ceil(ENTRIES / 4));
    expect(duplicates).toBeLessThanOrEqual(pings * DUPLICATES_MAX);
    const notes = await Promise.all(fleet.machines.slice(1).map((machine) => machine.status()));
    const counts = notes.map(({ note }) => Number(/^(\d+) entries were let go/.exec(note ?? '0 ')?.[1] ?? 0));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(Math.ceil(ENTRIES / 4));
  });

  it(
    'leave no secret in Redis, and stop at once when one of them is told to',
    { timeout: 60_000 },
    async () => {
      const fleet = await startFleet();
      await wait(BOOT_MS + 1_000);
      const client = new Redis(fleet.redis.url, { lazyConnect: true });
      await client.connect();
      await client.save();
      client.disconnect();
      const dump = readFileSync(join(fleet.redis.folder, 'dump.rdb')).toString('latin1');
      expect(dump).toContain('cachewright');
      for (const secret of ['hunter2', 'x-api-key', 'entry-1', 'scope-1', 'claude-']) {
        expect([secret, dump.includes(secret)]).toEqual([secret, false]);
      }
      fleet.machines[0]?.child.send('kill');
      await wait(1_000);
      for (const machine of fleet.machines) expect((await machine.status()).counts.kept).toBe(0);
      const { pings } = fleet.upstream.seen;
      await wait(2_000);
      expect(fleet.upstream.seen.pings).toBe(pings);
    },
  );
});
