import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { contentRegistry } from '../../src/content/index.ts';
import { createResponseTier } from '../../src/engine/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';
import { createMemoryCache, responseCache } from '../../src/responses/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { messageEvents, messageJson } from '../support/messages.ts';
import { createUpstream, HEADERS, plainAnswer, request, textOf } from './upstream.ts';

const SECRET = Buffer.alloc(32, 5);
const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

type Answer = (body: { readonly stream?: boolean }, response: ServerResponse) => void;

const plain: Answer = ({ stream }, response) => {
  if (stream) response.writeHead(200, { 'content-type': 'text/event-stream' }).end(messageEvents().join(''));
  else response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
};

/** A gateway that knows how many requests have come to its tier. */
interface CountedGateway extends TestGateway {
  readonly arrived: () => number;
}

async function start(answer: Answer = plain): Promise<CountedGateway> {
  const server = createServer((incoming, response) => {
    let body = '';
    incoming
      .on('data', (chunk: Buffer) => (body += chunk.toString()))
      .on('end', () => answer(JSON.parse(body) as { stream?: boolean }, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.add({ close: () => server.close().closeAllConnections() });
  const tier = createResponseTier({ isOn: true, secret: SECRET });
  let arrived = 0;
  const responses: typeof tier = {
    ...tier,
    prepare(call) {
      arrived += 1;
      return tier.prepare(call);
    },
  };
  const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = cleanUp.add(await startTestGateway(upstreamUrl, { responses, engine: { secret: SECRET } }));
  return { ...gateway, arrived: () => arrived };
}

interface Asked {
  readonly id: string | null;
  readonly status: string;
  readonly http: number;
}

async function ask({ url }: TestGateway, more: Record<string, unknown> = {}): Promise<Asked> {
  const sent = { method: 'POST', body: request(more), headers: HEADERS };
  const answer = await fetch(`${url}/v1/messages`, sent);
  const status = answer.headers.get('cache-status') ?? '';
  await answer.arrayBuffer();
  return { id: answer.headers.get('x-cachewright-id'), status, http: answer.status };
}

describe('the ledger of a gateway with exact answers', () => {
  it('has a hit as a request that nothing was billed for, with what it saved', async () => {
    const gateway = await start();
    const miss = await ask(gateway);
    const stored = await gateway.ledger.next();
    expect(stored).toMatchObject({ id: miss.id, responses: { outcome: 'stored', detail: null } });
    const paid = stored.cost?.totalPicoUsd ?? 0n;
    const hit = await ask(gateway, { stream: true });
    const record = await gateway.ledger.next();
    expect(hit.id).not.toBe(miss.id);
    expect(record).toMatchObject({
      id: hit.id,
      scope: stored.scope,
      model: stored.model,
      status: 200,
      usage: null,
      cost: { totalPicoUsd: 0n },
      responses: {
        outcome: 'hit',
        detail: 'memory',
        savedPicoUsd: paid,
        ageMs: expect.any(Number) as number,
      },
      error: null,
    });
    expect(record.responses?.savedMs).toEqual(expect.any(Number));
    expect(hit.status).toContain(`saved-picousd=${paid}`);
    expect(gateway.ledger.summary()).toMatchObject({ requests: 2, costPicoUsd: String(paid) });
  });

  it('says of a request that was sent why its answer is not kept, or why the tier was passed by', async () => {
    const gateway = await start((body, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(messageJson().replace('end_turn', 'max_tokens'));
    });
    await ask(gateway);
    expect((await gateway.ledger.next()).responses).toMatchObject({ outcome: 'miss', detail: 'stop-reason' });
    await ask(gateway, { temperature: 1 });
    expect((await gateway.ledger.next()).responses).toMatchObject({
      outcome: 'bypass',
      detail: 'temperature',
    });
  });

  it.each([true, false])(
    'has those who share an answer each with what that saved; streams: %s',
    async (stream) => {
      const hold = Promise.withResolvers<void>();
      const gateway = await start((body, response) => void hold.promise.then(() => plain(body, response)));
      const asked = Promise.all(Array.from({ length: 5 }, () => ask(gateway, { stream })));
      while (gateway.arrived() < 5) await new Promise((resolve) => setImmediate(resolve));
      hold.resolve();
      const ids = new Set((await asked).map(({ id }) => id));
      const records: RequestRecord[] = [];
      for (let count = 0; count < 5; count += 1) records.push(await gateway.ledger.next());
      expect(new Set(records.map(({ id }) => id))).toEqual(ids);
      expect(ids.size).toBe(5);
      const stored = records.filter(({ responses }) => responses?.outcome === 'stored');
      const collapsed = records.filter(({ responses }) => responses?.outcome === 'collapsed');
      expect([stored.length, collapsed.length]).toEqual([1, 4]);
      const paid = stored[0]?.cost?.totalPicoUsd;
      for (const { responses, cost } of collapsed) {
        expect(responses?.savedPicoUsd).toBe(paid);
        expect(cost?.totalPicoUsd).toBe(0n);
      }
    },
  );

  it('says who went alone after the requests of two others failed before they were answered', async () => {
    let calls = 0;
    const gateway = await start((body, response) => {
      calls += 1;
      if (calls > 2) plain(body, response);
      else setImmediate(() => response.destroy());
    });
    const asked = Array.from({ length: 6 }, async () => (await ask(gateway)).http);
    const given = (await Promise.all(asked)).toSorted((a, b) => a - b);
    expect(given).toEqual([200, 200, 200, 200, 502, 502]);
    const records: RequestRecord[] = [];
    for (let count = 0; count < 6; count += 1) records.push(await gateway.ledger.next());
    const outcomes = records.map(({ responses }) => `${responses?.outcome} ${responses?.detail}`);
    expect(outcomes.filter((outcome) => outcome === 'miss null')).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome === 'bypass leader-failed').length).toBeGreaterThan(0);
  });

  it('has one record of a stream that breaks off', async () => {
    const gateway = await start((_body, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(messageEvents()[0]);
      setImmediate(() => response.destroy());
    });
    await expect(ask(gateway, { stream: true })).rejects.toThrow(/terminated|other side closed|fetch failed/);
    const { responses, error } = await gateway.ledger.next();
    expect(responses).toMatchObject({ outcome: 'miss' });
    expect(error).not.toBeNull();
    expect(gateway.ledger.summary().requests).toBe(1);
  });
});

describe('the time that a hit saves', () => {
  it('is what the upstream took, less what the cache took', async () => {
    let nowMs = 1_795_000_000_000;
    const time = { nowMs: () => nowMs };
    const store = createMemoryCache({ clock: time });
    const read = store.get.bind(store);
    store.get = (key) => {
      nowMs += 30;
      return read(key);
    };
    const open = { store, secret: SECRET, clock: time, jitterShare: 0 };
    const { send } = createUpstream((asked) => {
      nowMs += 1_000;
      return plainAnswer(asked);
    });
    const call = { body: request(), headers: HEADERS };
    const first = responseCache(open);
    await textOf((await first.answer(call, send)).body);
    await first.settle();
    const second = responseCache(open);
    const fromStore = (await second.answer(call, send)).served;
    const fromMemory = (await second.answer(call, send)).served;
    expect([fromStore.tier, fromStore.savedMs]).toEqual(['store', 970]);
    expect([fromMemory.tier, fromMemory.savedMs]).toEqual(['memory', 1_000]);
    expect(second.summary().savedMs).toBe(1_970);
  });
});

describe('a registry of contents', () => {
  it('drops answers that were made of a version that is over', async () => {
    const upstream = createUpstream();
    const cache = responseCache();
    const registry = contentRegistry({
      onChange: ({ previousVersion }) => cache.purge({ content: previousVersion }),
    });
    const other = await registry.use('other', 'stays');
    const book = await registry.use('handbook', 'one');
    const kindFor = async (contents: readonly string[], number: number): Promise<string> => {
      const call = { body: request({ number }), headers: HEADERS, contents };
      const { served, body } = await cache.answer(call, upstream.send);
      await textOf(body);
      return served.kind;
    };
    const both = [book.version, other.version];
    expect([await kindFor(both, 1), await kindFor([other.version], 2)]).toEqual(['miss', 'miss']);
    expect([await kindFor(both, 1), await kindFor([other.version], 2)]).toEqual(['hit', 'hit']);
    await registry.use('handbook', 'two');
    expect([await kindFor(both, 1), await kindFor([other.version], 2)]).toEqual(['miss', 'hit']);
  });
});
