import { afterEach, describe, expect, it } from 'vitest';

import { HOUR_MS, openCalendar } from '../../src/warming/index.ts';
import { getJson } from '../support/http-client.ts';
import { CleanUp } from '../support/gateway.ts';
import { SECRET_KEY, startKept } from './kept.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const MINUTE_MS = 60_000;

describe('keep-alive of one gateway', () => {
  it('reads exactly the prefix, shortly before each end, and says what that saved', async () => {
    const kept = cleanUp.add(await startKept());
    const { keeper } = kept;
    const first = await kept.ask('a');
    expect(first.cache_creation_input_tokens).toBe(5000);
    await kept.advance(20 * MINUTE_MS);
    const second = await kept.ask('a');
    expect(second.cache_read_input_tokens).toBe(5000);
    // The model of the cache knows of pings: it expected just that.
    const [record] = kept.gateway.ledger.list(1);
    expect(record?.prediction?.readTokens).toBeGreaterThan(4000);
    expect(record?.misses).toEqual([]);
    const pings = keeper.pings(100);
    // 285 s after the request, and after each ping.
    expect(pings).toHaveLength(4);
    for (const { tokens, outcome } of pings) {
      expect(outcome).toBe('renewed');
      expect(tokens).toMatchObject({
        readTokens: 5000,
        write5mTokens: 0,
        uncachedTokens: 1,
        outputTokens: 0,
      });
    }
    expect(pings.map(({ verdict }) => verdict?.isUsed ?? null)).toEqual([true, null, null, null]);
    const { sent } = keeper.totals();
    // Read at 0.05 of 2 dollars a million, four times, against 1.25 less 0.05 once.
    expect(Number(sent.costPicoUsd) / 1e12).toBeCloseTo(4 * 0.000502, 6);
    expect(Number(sent.savedPicoUsd) / 1e12).toBeCloseTo(0.012, 6);
    expect(sent.netPicoUsd).toBe(sent.savedPicoUsd - sent.costPicoUsd);
    const { value } = await getJson(kept.gateway.admin.url, '/api/v1/summary');
    expect(value).toMatchObject({ requests: 2 });
    expect(value.ownCostUsd).toBeCloseTo(Number(sent.costPicoUsd) / 1e12, 9);
  });

  it('is moved by real traffic, which needs no ping', async () => {
    const kept = cleanUp.add(await startKept());
    for (let minute = 0; minute < 20; minute += 4) {
      await kept.ask('a');
      await kept.advance(4 * MINUTE_MS);
    }
    expect(kept.keeper.pings(10)).toEqual([]);
  });

  it('saves nothing where somebody comes who would have found the entry without it', async () => {
    const kept = cleanUp.add(await startKept());
    await kept.ask('a');
    await kept.advance(290_000);
    await kept.ask('a');
    const { sent } = kept.keeper.totals();
    expect(sent).toMatchObject({ pings: 1, used: 0, savedPicoUsd: 0n });
    expect(kept.keeper.pings(1)[0]?.verdict).toEqual({ isUsed: false, savedPicoUsd: 0n });
  });

  it('loses what a ping cost where nobody comes, and stops at the most pings', async () => {
    const kept = cleanUp.add(await startKept({ decide: null, pingsMax: 2, keptTtls: ['1h'] }));
    const { keeper } = kept;
    await kept.ask('a', { ttl: '1h' });
    await kept.advance(3 * HOUR_MS);
    expect(keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
    const { sent } = keeper.totals();
    expect(sent.netPicoUsd).toBe(-sent.costPicoUsd);
    expect(await kept.alive()).toBe(0);
  });

  it('is off until it is turned on: by a request, by the admin listener for a scope', async () => {
    const kept = cleanUp.add(await startKept({ state: 'off' }));
    const { keeper } = kept;
    await kept.ask('a');
    expect(keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
    await kept.ask('b', { headers: ['x-cachewright-keepalive', 'on'] });
    expect(keeper.counts().kept).toBe(1);
    const [record] = kept.gateway.ledger.list(1);
    const scope = record?.scope ?? '';
    expect((await kept.admin({ scope, state: 'on' })).status).toBe(200);
    await kept.ask('c');
    expect(keeper.counts().kept).toBe(2);
    await kept.advance(6 * MINUTE_MS);
    expect(keeper.pings(10)).toHaveLength(2);
    expect((await kept.admin({ scope, state: 'off' })).status).toBe(200);
    expect(keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
    await kept.ask('d', { headers: ['x-cachewright-keepalive', 'on'] });
    expect(keeper.counts().kept).toBe(0);
  });

  it('lets a prefix go when a request says off', async () => {
    const kept = cleanUp.add(await startKept());
    const { keeper } = kept;
    await kept.ask('a');
    expect(keeper.counts().kept).toBe(1);
    await kept.ask('a', { headers: ['x-cachewright-keepalive', 'off'] });
    expect(keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
  });

  it('only says what it would do while it observes, and holds nothing for it', async () => {
    const kept = cleanUp.add(await startKept({ state: 'observe' }));
    const { keeper } = kept;
    await kept.ask('a');
    await kept.advance(12 * MINUTE_MS);
    const again = await kept.ask('a');
    expect(again.cache_creation_input_tokens).toBe(5000);
    expect(keeper.counts().heldBytes).toBe(0);
    const { sent, observed } = keeper.totals();
    expect(sent.pings).toBe(0);
    expect(observed).toMatchObject({ pings: 2, used: 1 });
    expect(observed.netPicoUsd > 0n).toBe(true);
    const { value } = await getJson(kept.gateway.admin.url, '/api/v1/summary');
    expect(value.ownCostUsd).toBe(0);
  });

  it('observes where the mode does, whatever is asked for', async () => {
    const kept = cleanUp.add(await startKept({}, { mode: 'observe' }));
    await kept.ask('a', { headers: ['x-cachewright-keepalive', 'on'] });
    await kept.advance(6 * MINUTE_MS);
    const { sent, observed } = kept.keeper.totals();
    expect([sent.pings, observed.pings]).toEqual([0, 1]);
  });
});

describe('the kill switch', () => {
  it('aborts what is under way, forgets all credentials, and can be taken back', async () => {
    const kept = cleanUp.add(await startKept());
    const { keeper } = kept;
    await kept.ask('a');
    await kept.script({ stallMs: 600_000 });
    await kept.advance(286_000);
    expect(keeper.counts()).toMatchObject({ inFlight: 1, kept: 1 });
    const answer = await kept.admin({ state: 'off' });
    expect(answer.status).toBe(200);
    for (let turn = 0; turn < 100 && keeper.counts().inFlight > 0; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    expect(keeper.counts()).toMatchObject({ inFlight: 0, kept: 0, heldBytes: 0, isKilled: true });
    expect(keeper.pings(1)[0]).toMatchObject({ outcome: 'aborted', isBilled: false });
    await kept.ask('b', { headers: ['x-cachewright-keepalive', 'on'] });
    expect(keeper.counts().kept).toBe(0);
    await kept.admin({ state: 'on' });
    await kept.ask('b');
    expect(keeper.counts().kept).toBe(1);
  });

  it.each([
    [{}, 'state must be one of'],
    [{ state: 'maybe' }, 'state must be one of'],
    [{ state: 'on', scope: 'a b' }, 'scope must be'],
    [{ state: 'on', more: 1 }, 'the members are'],
    [[], 'state must be one of'],
  ])('refuses %j', async (order, why) => {
    const kept = cleanUp.add(await startKept());
    const { status, body } = await kept.admin(order);
    expect([status, body.toString()]).toEqual([400, expect.stringContaining(why)]);
  });
});

describe('a service that refuses', () => {
  it('the credential: nothing of its scope is held any longer', async () => {
    const kept = cleanUp.add(await startKept());
    const { keeper } = kept;
    await kept.ask('a');
    await kept.ask('b');
    await kept.script({ status: 401, error: 'authentication_error' });
    await kept.advance(290_000);
    expect(keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
    expect(keeper.counts().letGo).toMatchObject({ credential_refused: 2 });
  });

  it('for a while: asked again, and let go where the entry would be gone', async () => {
    const kept = cleanUp.add(await startKept());
    const { keeper } = kept;
    await kept.ask('a');
    await kept.script([{ status: 529, error: 'overloaded_error', retryAfterS: 2 }]);
    await kept.advance(300_000);
    expect(keeper.pings(5).map(({ outcome }) => outcome)).toEqual(['renewed', 'failed']);
    await kept.script(Array.from({ length: 6 }, () => ({ status: 529, error: 'overloaded_error' })));
    await kept.advance(300_000);
    expect(keeper.counts().letGo).toEqual({ failed: 1 });
  });

  it('says that an entry was evicted, and has it written again', async () => {
    const kept = cleanUp.add(await startKept());
    await kept.ask('a');
    await kept.script({ usage: 'as-if-evicted' });
    await kept.advance(290_000);
    expect(kept.keeper.pings(1)[0]).toMatchObject({ outcome: 'wrote' });
  });
});

describe('limits', () => {
  it('of money hold', async () => {
    const kept = cleanUp.add(await startKept({ hourPicoUsd: 1n }));
    await kept.ask('a');
    await kept.advance(290_000);
    const { keeper } = kept;
    expect(keeper.pings(1)).toEqual([]);
    expect(keeper.counts().letGo).toEqual({ over_budget: 1 });
  });

  it('of money hold back the most that a ping can cost, and give back what it did not', async () => {
    // At the most about eight cents each, at a bill of a twentieth of one.
    const kept = cleanUp.add(await startKept({ hourPicoUsd: 120_000_000_000n }));
    await kept.ask('a');
    await kept.advance(20 * MINUTE_MS);
    expect(kept.keeper.pings(10)).toHaveLength(4);
  });

  it('of size hold', async () => {
    const kept = cleanUp.add(await startKept({ minimumTokens: 100_000 }));
    await kept.ask('a');
    expect(kept.keeper.counts().kept).toBe(0);
  });

  it('of memory hold: what was held longest goes', async () => {
    const kept = cleanUp.add(await startKept({ heldBytesMax: 150_000, entriesMax: 100 }));
    const { keeper } = kept;
    for (let index = 0; index < 8; index += 1) await kept.ask(`n${index}`);
    const { kept: count, heldBytes, letGo } = keeper.counts();
    expect(heldBytes).toBeLessThanOrEqual(150_000);
    expect(count).toBeLessThan(8);
    expect(letGo['no_room']).toBe(8 - count);
  });

  it('of the calendar hold, and the next window begins warm', async () => {
    // The test's clock begins on a Wednesday, 2026-11-18 11:06:40 UTC.
    const calendar = await openCalendar([
      { cron: '0 8 * * *', timeZone: 'Europe/Berlin', lengthMs: 4.25 * HOUR_MS },
    ]);
    const kept = cleanUp.add(await startKept({ calendar }));
    const { keeper } = kept;
    await kept.ask('a');
    await kept.advance(30 * MINUTE_MS);
    expect(keeper.pings(10)).toHaveLength(1);
    expect(await kept.alive()).toBe(0);
    kept.time.advance(19 * HOUR_MS + 23 * MINUTE_MS);
    await kept.advance(2 * MINUTE_MS);
    expect(keeper.pings(10)[0]).toMatchObject({ outcome: 'wrote' });
    expect(await kept.ask('a')).toMatchObject({ cache_read_input_tokens: 5000 });
  });
});

it('shows no credential and no text of a prompt', async () => {
  const kept = cleanUp.add(await startKept());
  await kept.ask('a');
  await kept.advance(290_000);
  const status = JSON.stringify(await kept.status());
  expect(status).toContain('renewed');
  expect(status).not.toContain(SECRET_KEY);
  expect(status).not.toContain('wax1');
});
