import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openKeepBook, type KeepBook } from '../../src/store/index.ts';
import { createFleetSpending, createLocalSpending, type Spending } from '../../src/warming/index.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';

const numRuns = Math.ceil(5 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MICRO = 1_000_000n;

/** What happens to one ping: it is billed less than the worst, or nothing, or its machine dies before that is known. */
const step = fc.record({
  machine: fc.nat(2),
  worstMicros: fc.integer({ min: 1, max: 40 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  end: fc.constantFrom('billed', 'not billed', 'dies'),
  isLate: fc.boolean(),
  gapMs: fc.nat(200_000),
});

type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never;

interface Spent {
  readonly atMs: number;
  micros: bigint;
}

function spentOf({ worstMicros, share, end }: Step): bigint {
  if (end === 'not billed') return 0n;
  // Fractions of a millionth, so that rounding shows.
  return BigInt(Math.floor(worstMicros * share * 1e6));
}

/** Plays a history with pings that overlap; gives what was spent, and when. */
async function play(
  steps: readonly Step[],
  spendings: readonly Spending[],
  pass: (ms: number) => number,
): Promise<readonly Spent[]> {
  const spent: Spent[] = [];
  const late: (() => void)[] = [];
  for (const each of steps) {
    const atMs = pass(each.gapMs);
    const money = await spendings[each.machine]?.reserve(BigInt(each.worstMicros) * MICRO);
    if (!money) continue;
    const record = { atMs, micros: spentOf(each) };
    // One that dies may have been billed all that it could cost.
    if (each.end === 'dies') record.micros = BigInt(each.worstMicros) * MICRO;
    else if (each.isLate) late.push(() => money.settle(record.micros));
    else money.settle(record.micros);
    spent.push(record);
    if (late.length > 3) late.shift()?.();
  }
  for (const settle of late) settle();
  return spent;
}

function worstWindow(spent: readonly Spent[], windowMs: number): bigint {
  const sums = spent.map(({ atMs }) =>
    spent
      .filter((other) => other.atMs > atMs - windowMs && other.atMs <= atMs)
      .reduce((sum, { micros }) => sum + micros, 0n),
  );
  return sums.reduce((most, sum) => (sum > most ? sum : most), 0n);
}

const LIMITS = [
  { maxPicoUsd: 100n * MICRO, windowMs: 3_600_000 },
  { maxPicoUsd: 250n * MICRO, windowMs: 86_400_000 },
];

function check(spent: readonly Spent[]): void {
  for (const { maxPicoUsd, windowMs } of LIMITS)
    expect(worstWindow(spent, windowMs) <= maxPicoUsd).toBe(true);
}

describe('limits of one machine', () => {
  it('are never exceeded, in whatever hour or day', async () => {
    const history = fc.array(step, { minLength: 50, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        let nowMs = 1_795_000_000_000;
        const spending = createLocalSpending(LIMITS, { nowMs: () => nowMs });
        check(await play(steps, [spending, spending, spending], (ms) => (nowMs += ms)));
      }),
      { numRuns },
    );
  });
});

describe.runIf(hasRedis)('limits of a fleet', () => {
  let redis: RedisServer;
  const books: KeepBook[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const book of books) book.close();
    await redis.close();
  });

  async function openBook(name: string, machine: string): Promise<KeepBook> {
    const clock = { nowMs: () => Date.now() };
    const timing = { leadMs: 1000, leaseMs: 300, quietMs: 0, timeoutMs: 2000 };
    const book = await openKeepBook({ url: redis.url, name, machine, clock, ...timing });
    books.push(book);
    return book;
  }

  it('are never exceeded by three machines at once, and dead ones count', { timeout: 120_000 }, async () => {
    let run = 0;
    const history = fc.array(step, { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        run += 1;
        const machines = await Promise.all(['a', 'b', 'c'].map((machine) => openBook(`run-${run}`, machine)));
        for (const book of machines) await book.take(1);
        const spendings = machines.map((book) => createFleetSpending(book, LIMITS));
        // In a moment of the server's clock: all of it in one window. Asked for at once, so that it overlaps there too.
        const taken = await Promise.all(
          steps.map(async (each) => {
            const money = await spendings[each.machine]?.reserve(BigInt(each.worstMicros) * MICRO);
            if (!money) return 0n;
            if (each.end === 'dies') return BigInt(each.worstMicros) * MICRO;
            money.settle(spentOf(each));
            return spentOf(each);
          }),
        );
        const sum = taken.reduce((total, micros) => total + micros, 0n);
        expect(sum <= (LIMITS[0]?.maxPicoUsd ?? 0n)).toBe(true);
        for (const book of machines) book.close();
      }),
      { numRuns },
    );
  });

  it('hold also after the server has lost what it was told', async () => {
    const [a, b] = await Promise.all([openBook('lost', 'a'), openBook('lost', 'b')]);
    for (const book of [a, b]) await book.take(1);
    const [ours, theirs] = [createFleetSpending(a, LIMITS), createFleetSpending(b, LIMITS)];
    expect(await ours.reserve(60n * MICRO)).not.toBeNull();
    expect(await theirs.reserve(30n * MICRO)).not.toBeNull();
    await redis.kill();
    expect(await ours.reserve(1n)).toBeNull();
    await redis.start();
    const back = async (book: KeepBook): Promise<boolean> => {
      for (;;) {
        const taken = await book.take(1).catch(() => null);
        if (taken) return taken.isNewRun;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    expect([await back(a), await back(b)]).toEqual([true, true]);
    await Promise.all([ours.tell(), theirs.tell()]);
    expect(await ours.reserve(11n * MICRO)).toBeNull();
    expect(await theirs.reserve(10n * MICRO)).not.toBeNull();
  });
});
