import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';

import { startEmulator } from '../../src/emulator/index.ts';
import { startTestGateway, CleanUp, type TestGateway } from '../support/gateway.ts';
import { getJson, open } from '../support/http-client.ts';
import { startUpstream } from '../support/upstream.ts';
import { text } from './emulated.ts';
import { ask, countEntries, PREFIX_TOKENS, sibling, startGated, type Answered } from './gated.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const COUNT = 50;
const TTFT_MS = 400;
const numbers = Array.from({ length: COUNT }, (_, number) => number);

/** How many wrote the shared prefix, how many read it, and the statuses of the others. */
function split(answers: readonly Answered[]): object {
  const good = answers.filter(({ status }) => status === 200);
  return {
    wrote: good.filter(({ writeTokens }) => writeTokens >= PREFIX_TOKENS).length,
    read: good.filter(({ readTokens }) => readTokens >= PREFIX_TOKENS).length,
    failed: answers.filter(({ status }) => status !== 200).map(({ status }) => status),
  };
}

function askAll(gateway: TestGateway, many: readonly number[] = numbers): Promise<readonly Answered[]> {
  return Promise.all(many.map((number) => ask(gateway.url, sibling(number, { stream: number % 2 === 0 }))));
}

async function startOne(gate: object = {}, ttftMs = TTFT_MS) {
  const fleet = await startGated(cleanUp, [{ gate }], ttftMs);
  const [gateway] = fleet.gateways;
  if (!gateway) throw new Error('no gateway');
  return { ...fleet, gateway };
}

describe('fifty requests on one cold prefix', () => {
  it.each([
    ['whole answers', () => ({})],
    ['streams', () => ({ stream: true })],
    ['both', (number: number) => ({ stream: number % 2 === 0 })],
  ])('%s: one write, 49 reads, and nobody waits longer than for the first', async (_name, more) => {
    const { gateway, emulatorUrl } = await startOne();
    const bodies = numbers.map((number) => sibling(number, more(number)));
    const answers = await Promise.all(bodies.map((body) => ask(gateway.url, body)));
    expect(split(answers)).toEqual({ wrote: 1, read: COUNT - 1, failed: [] });
    expect(await countEntries(emulatorUrl, PREFIX_TOKENS)).toBe(1);
    const records = gateway.ledger.list(COUNT);
    const leader = records.find(({ gate }) => gate?.role === 'leader');
    expect(leader?.gate).toMatchObject({ end: null, waitedMs: 0, followers: COUNT - 1, savedTokens: 0 });
    const waits = records
      .filter(({ gate }) => gate?.role === 'follower')
      .map(({ gate }) => gate?.waitedMs ?? NaN);
    expect(waits).toHaveLength(COUNT - 1);
    const p95Ms = waits.toSorted((a, b) => a - b)[Math.ceil(waits.length * 0.95) - 1];
    expect(p95Ms).toBeLessThanOrEqual((leader?.firstByteMs ?? 0) + 150);
    const { value } = await getJson(gateway.admin.url, '/api/v1/gate');
    expect(value).toMatchObject({ waiting: 0, writing: 0, waitedRequests: COUNT - 1, deadlines: 0 });
    // Each of the others has read the prefix instead of paying for it again, nearly: sizes are estimates.
    expect(value.savedTokens / (PREFIX_TOKENS * (COUNT - 1))).toBeGreaterThan(0.98);
    expect(value.savedUsd).toBeGreaterThan(0);
  });

  it('without the gate most of them find nothing', async () => {
    const { gateway } = await startOne({ state: 'off' });
    const reads = (await askAll(gateway, numbers.slice(0, 10))).filter(({ readTokens }) => readTokens > 0);
    expect(reads.length).toBeLessThan(5);
    expect(gateway.ledger.list(10).every(({ gate }) => gate === null)).toBe(true);
  });
});

describe('the one that writes fails', () => {
  it('529: one of the others writes in its place', async () => {
    const { gateway, script } = await startOne();
    await script({ status: 529, error: 'overloaded_error' });
    expect(split(await askAll(gateway))).toEqual({ wrote: 1, read: COUNT - 2, failed: [529] });
  });

  it('529 again and again: one after the other', async () => {
    const { gateway, script } = await startOne({}, 50);
    await script(Array.from({ length: 3 }, () => ({ status: 529, error: 'overloaded_error' })));
    expect(split(await askAll(gateway))).toEqual({ wrote: 1, read: COUNT - 4, failed: [529, 529, 529] });
  });

  it('its client leaves before the answer: one of the others writes in its place', async () => {
    // Longer than it takes fifty requests to come, also where the machine has much else to do.
    const { gateway } = await startOne({}, 1_500);
    const body = JSON.stringify(sibling(999));
    const leader = open(gateway.url, {
      headers: ['x-api-key', 'sk-test-gate', 'Content-Length', `${body.length}`],
    });
    leader.on('error', () => undefined).end(body);
    await expect.poll(() => gateway.engine.gate().writing).toBeGreaterThan(0);
    const answers = askAll(gateway);
    await expect.poll(() => gateway.engine.gate().waiting).toBe(COUNT);
    leader.destroy();
    expect(split(await answers)).toEqual({ wrote: 1, read: COUNT - 1, failed: [] });
  });

  it('its answer breaks off after it began: the others read', async () => {
    const { gateway, script } = await startOne();
    await script({ cutAfterBytes: 120 });
    const settled = await Promise.allSettled(
      numbers.map((number) => ask(gateway.url, sibling(number, { stream: true }))),
    );
    const answers = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(answers).toHaveLength(COUNT - 1);
    expect(split(answers)).toEqual({ wrote: 0, read: COUNT - 1, failed: [] });
  });

  it('its connection is reset: one of the others writes in its place', async () => {
    const emulator = cleanUp.add(await startEmulator({ port: 0, tokenizer: 'words', ttftMs: TTFT_MS }));
    let seen = 0;
    const between = cleanUp.add(
      await startUpstream((incoming, response) => {
        seen += 1;
        if (seen === 1) {
          incoming.resume().once('end', () => incoming.socket.resetAndDestroy());
          return;
        }
        const { method, url = '/', headers } = incoming;
        const onward = httpRequest(new URL(url, emulator.url), { method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        });
        incoming.pipe(onward);
      }),
    );
    const gateway = cleanUp.add(await startTestGateway(between.url));
    expect(split(await askAll(gateway))).toEqual({ wrote: 1, read: COUNT - 2, failed: [502] });
  });

  it('says nothing: the others go at the deadline', async () => {
    const { gateway } = await startOne({ deadlineMs: 200 }, 2_000);
    const answers = await askAll(gateway, numbers.slice(0, 10));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const ends = gateway.ledger.list(10).map(({ gate }) => gate?.end);
    expect(ends.filter((end) => end === 'deadline')).toHaveLength(9);
    expect(gateway.engine.gate()).toMatchObject({ waiting: 0, writing: 0, deadlines: 9, savedTokens: 0 });
  });
});

describe('a client that leaves while it waits', () => {
  it('is forgotten, and nothing of it is sent', async () => {
    const { gateway, emulatorUrl } = await startOne();
    const first = ask(gateway.url, sibling(0));
    await expect.poll(() => gateway.engine.gate().writing).toBeGreaterThan(0);
    const body = JSON.stringify(sibling(1));
    const leaving = open(gateway.url, {
      headers: ['x-api-key', 'sk-test-gate', 'Content-Length', `${body.length}`],
    });
    leaving.on('error', () => undefined).end(body);
    await expect.poll(() => gateway.engine.gate().waiting).toBe(1);
    leaving.destroy();
    await expect.poll(() => gateway.engine.gate().waiting).toBe(0);
    const record = await gateway.ledger.next();
    expect(record).toMatchObject({
      status: 0,
      error: 'client_left',
      skipReason: 'left_waiting',
      gate: { end: 'left' },
    });
    expect((await first).status).toBe(200);
    const { value } = await getJson(emulatorUrl, '/_emulator/entries');
    expect(value.inFlight).toBe(0);
  });
});

describe('nobody waits', () => {
  /** Answers of two requests, of which the second was sent while the first was in flight. */
  async function overlap(first: object, second: object, options: { gate?: object; headers?: string[] } = {}) {
    const { gateway } = await startOne(options.gate);
    const one = ask(gateway.url, sibling(0, first as never));
    await expect.poll(() => gateway.engine.gate().writing).toBeGreaterThan(0);
    await ask(gateway.url, sibling(1, second as never), options.headers);
    await one;
    return gateway.ledger.list(2).map(({ gate }) => gate);
  }

  it('for a prefix that is small', async () => {
    const system = text(300, 'small');
    // The first writes enough by itself, but most of that is its own.
    const messages = [{ role: 'user', content: text(3_000, 'own') }];
    expect(await overlap({ system, messages }, { system })).toEqual([null, null]);
  });

  it('for a prefix that is another', async () => {
    expect(await overlap({}, { system: text(PREFIX_TOKENS, 'other') })).toEqual([null, null]);
  });

  it('of another scope', async () => {
    expect(await overlap({}, {}, { headers: ['x-cachewright-scope', 'other'] })).toEqual([null, null]);
  });

  it.each(['observe', 'off'])('in mode %s', async (mode) => {
    expect(await overlap({}, {}, { headers: ['x-cachewright-mode', mode] })).toEqual([null, null]);
  });

  it('who asks not to', async () => {
    expect(await overlap({}, {}, { headers: ['x-cachewright-gate', 'off'] })).toEqual([null, null]);
  });

  it('but who asks to, where the gate is off', async () => {
    const headers = ['x-cachewright-gate', 'on'];
    expect(await overlap({}, {}, { gate: { state: 'off' }, headers })).toMatchObject([{ end: 'begun' }, {}]);
  });

  it('where the prefix is warm', async () => {
    const { gateway } = await startOne({}, 50);
    await ask(gateway.url, sibling(0));
    const answers = await askAll(gateway, numbers.slice(0, 10));
    expect(split(answers)).toEqual({ wrote: 0, read: 10, failed: [] });
    expect(gateway.ledger.list(11).every(({ gate }) => gate === null)).toBe(true);
  });
});
