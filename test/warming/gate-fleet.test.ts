import { afterEach, describe, expect, it } from 'vitest';

import type { GateLeases } from '../../src/engine/index.ts';
import { openRedisLeases } from '../../src/store/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';
import { ask, countEntries, PREFIX_TOKENS, sibling, startGated } from './gated.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const TTFT_MS = 400;
const SECRET = Buffer.alloc(32, 9);

/** Two gateways of one fleet, each with its own connection. */
async function startFleet(redis: RedisServer, ttftMs = TTFT_MS) {
  const leases = [
    cleanUp.add(await openRedisLeases({ url: redis.url })),
    cleanUp.add(await openRedisLeases({ url: redis.url })),
  ];
  const engines = leases.map((each: GateLeases) => ({ secret: SECRET, gate: { leases: each } }));
  const fleet = await startGated(cleanUp, engines, ttftMs);
  const [one, two] = fleet.gateways;
  if (!one || !two) throw new Error('no gateways');
  return { ...fleet, one, two };
}

function post(url: string, number: number, signal: AbortSignal): Promise<unknown> {
  const headers = { 'x-api-key': 'sk-test-gate', 'content-type': 'application/json' };
  const body = JSON.stringify(sibling(number));
  return fetch(`${url}/v1/messages`, { method: 'POST', headers, body, signal }).catch(() => null);
}

const isWrite = ({ writeTokens }: { writeTokens: number }): boolean => writeTokens >= PREFIX_TOKENS;
const isRead = ({ readTokens }: { readTokens: number }): boolean => readTokens >= PREFIX_TOKENS;

describe.skipIf(!hasRedis)('two gateways with Redis', () => {
  it('fifty requests on one cold prefix: one write', async () => {
    const redis = cleanUp.add(await startRedis());
    const { one, two, emulatorUrl } = await startFleet(redis);
    const urls = [one.url, two.url];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, number) => {
        const body = sibling(number, { stream: number % 4 < 2 });
        return ask(urls[number % 2] ?? '', body);
      }),
    );
    expect(answers.filter(isWrite)).toHaveLength(1);
    expect(answers.filter(isRead)).toHaveLength(49);
    expect(await countEntries(emulatorUrl, PREFIX_TOKENS)).toBe(1);
    // Those at the other gateway do not wait a second time, for the one of theirs that has waited for the first.
    const waits = [one, two].flatMap(({ ledger }) => ledger.list(50).map(({ gate }) => gate?.waitedMs ?? 0));
    expect(Math.max(...waits)).toBeLessThan(2 * TTFT_MS);
  });

  it('the one that writes is left by its client: another gateway writes in its place', async () => {
    const redis = cleanUp.add(await startRedis());
    const { one, two } = await startFleet(redis);
    const leaving = new AbortController();
    const left = post(one.url, 0, leaving.signal);
    await expect.poll(() => one.engine.gate().writing).toBeGreaterThan(0);
    const others = Promise.all([1, 2, 3, 4].map((number) => ask(two.url, sibling(number))));
    await expect.poll(() => two.engine.gate().waiting).toBe(3);
    leaving.abort();
    await left;
    expect((await others).filter(isWrite)).toHaveLength(1);
    expect((await others).filter(isRead)).toHaveLength(3);
  });

  it('a client that leaves while its gateway waits for the other one lets go of its turn', async () => {
    const redis = cleanUp.add(await startRedis());
    const { one, two } = await startFleet(redis);
    const first = ask(one.url, sibling(0));
    await expect.poll(() => one.engine.gate().writing).toBeGreaterThan(0);
    const leaving = new AbortController();
    const left = post(two.url, 1, leaving.signal);
    await expect.poll(() => two.engine.gate().writing).toBeGreaterThan(0);
    leaving.abort();
    await left;
    expect((await two.ledger.next()).error).toBe('client_left');
    expect(two.engine.gate()).toMatchObject({ waiting: 0, writing: 0 });
    expect((await first).status).toBe(200);
    expect((await ask(two.url, sibling(2))).readTokens).toBeGreaterThanOrEqual(PREFIX_TOKENS);
  });

  it('Redis gone, or frozen: each gateway holds back its own, at most 50 ms late, and nothing fails', async () => {
    const redis = cleanUp.add(await startRedis());
    const { one, two } = await startFleet(redis, 50);
    redis.freeze();
    const frozen = await ask(one.url, sibling(0));
    expect(frozen.status).toBe(200);
    // The time that it was late is in its record.
    expect((await one.ledger.next()).gate?.waitedMs).toBeLessThan(50 + 100);
    redis.thaw();
    await redis.kill();
    const system = 'gone '.repeat(PREFIX_TOKENS);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, number) => ask(two.url, sibling(number, { system }))),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers.filter(isWrite)).toHaveLength(1);
    expect(answers.filter(isRead)).toHaveLength(9);
  });

  it('what Redis holds is no text of prompts and no name that others could make', async () => {
    const redis = cleanUp.add(await startRedis());
    const { one } = await startFleet(redis, 0);
    await ask(one.url, sibling(0));
    const { openRedisLink } = await import('../../src/store/redis/redis-link.ts');
    const link = await openRedisLink({ url: redis.url, timeoutMs: 1000 });
    cleanUp.add(link);
    await expect.poll(async () => String(await link.call('KEYS', ['*']))).toMatch(/leases/);
    const keys = String(await link.call('KEYS', ['*'])).split(',');
    for (const key of keys) expect(key).toMatch(/^\{cachewright:leases\}:[\w-]{22}$/);
    for (const key of keys) expect(Number(await link.call('PTTL', [key]))).toBeGreaterThan(0);
  });
});
