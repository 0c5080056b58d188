import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/runtime/index.ts';
import { openKeepBook, type KeepBook } from '../../src/store/index.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';

const TTL_MS = 60_000;
const LEASE_MS = 200;

describe.runIf(hasRedis)('what a fleet knows of an entry', () => {
  let redis: RedisServer;
  const books: KeepBook[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const book of books) book.close();
    await redis.close();
  });

  /** Two machines with an entry that is due: half of its life before its end. */
  async function startPair(name: string): Promise<{ a: KeepBook; b: KeepBook; window: string }> {
    const timing = { leadMs: TTL_MS / 2, leaseMs: LEASE_MS, quietMs: 0, timeoutMs: 2000, clock: systemClock };
    const open = async (machine: string): Promise<KeepBook> => {
      const book = await openKeepBook({ url: redis.url, name, machine, ...timing });
      books.push(book);
      return book;
    };
    const [a, b] = [await open('a'), await open('b')];
    await a.visit('key', systemClock.nowMs() - TTL_MS / 2 - 100, TTL_MS);
    await b.visit('key', systemClock.nowMs() - TTL_MS / 2 - 200, TTL_MS);
    const { due } = await a.take(10);
    expect((await b.take(10)).due).toEqual([]);
    expect(due.map(({ key }) => key)).toEqual(['key']);
    return { a, b, window: due[0]?.window ?? '' };
  }

  async function claimAgain(book: KeepBook, window: string): ReturnType<KeepBook['claim']> {
    for (;;) {
      const claim = await book.claim('key', window);
      if (claim) return claim;
    }
  }

  it('is one machine’s at a time, and another’s when its lease has ended', async () => {
    const { a, b, window } = await startPair('lease');
    const first = await a.claim('key', window);
    expect(await b.claim('key', window)).toBeNull();
    const second = await claimAgain(b, window);
    expect(Number(second?.fence)).toBeGreaterThan(Number(first?.fence));
    // Who has lost it can neither hold on to it nor let it go.
    expect(await a.extend('key', first?.fence ?? '')).toBe(false);
    await a.letGo('key', first?.fence ?? '');
    await a.later('key', first?.fence ?? '', systemClock.nowMs() + TTL_MS);
    expect(await b.extend('key', second?.fence ?? '')).toBe(true);
  });

  it('is not claimed once more for an end that a ping has moved', async () => {
    const { a, b, window } = await startPair('moved');
    const claim = await a.claim('key', window);
    await a.pinged('key', claim?.fence ?? '', systemClock.nowMs(), '12', 'ping_1');
    expect(await b.claim('key', window)).toBeNull();
    const { renewed } = await b.take(10);
    expect((renewed.get('key') ?? 0) - systemClock.nowMs()).toBeGreaterThan(TTL_MS * 0.9);
    expect(await b.visit('key', systemClock.nowMs(), TTL_MS)).toEqual({ pingId: 'ping_1', isBridged: false });
    expect(await a.visit('key', systemClock.nowMs(), TTL_MS)).toBeNull();
  });

  it('is passed on as long as somebody alive holds it', async () => {
    const { a, b, window } = await startPair('passed');
    const claim = await a.claim('key', window);
    expect(await a.pass('key', claim?.fence ?? '', 60_000, 0)).toBe(true);
    const { due } = await b.take(10);
    const taken = await b.claim('key', due[0]?.window ?? '');
    expect(await b.pass('key', taken?.fence ?? '', 60_000, 0)).toBe(false);
    expect(await b.claim('key', window)).toBeNull();
  });
});
