import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { createResponseTier } from '../../src/engine/index.ts';
import { createMemoryLedger, openSqliteLedger, type Ledger } from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { collect } from '../support/ledger-contract.ts';
import { messageEvents, messageJson } from '../support/messages.ts';
import { HEADERS, request } from './upstream.ts';

const SECRET = Buffer.alloc(32, 5);
const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

async function start(ledger: Ledger): Promise<TestGateway> {
  const server = createServer((incoming, response) => {
    let body = '';
    incoming
      .on('data', (chunk: Buffer) => (body += chunk.toString()))
      .on('end', () => {
        const isStream = (JSON.parse(body) as { readonly stream?: boolean }).stream === true;
        response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        response.end(isStream ? messageEvents().join('') : messageJson());
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.add({ close: () => server.close().closeAllConnections() });
  const responses = createResponseTier({ isOn: true, secret: SECRET });
  const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return cleanUp.add(await startTestGateway(upstreamUrl, { responses, engine: { secret: SECRET, ledger } }));
}

interface Asked {
  readonly id: string | null;
  readonly status: string;
  readonly saved: string;
  readonly text: string;
}

async function ask(
  { url }: TestGateway,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Asked> {
  const sent = { method: 'POST', body: request(more), headers: { ...HEADERS, ...headers } };
  const answer = await fetch(`${url}/v1/messages`, sent);
  const status = answer.headers.get('cache-status') ?? '';
  const saved = /saved-picousd=(\d+)/.exec(status)?.[1] ?? '';
  return { id: answer.headers.get('x-cachewright-id'), status, saved, text: await answer.text() };
}

async function metricOf(gateway: TestGateway, line: string): Promise<number> {
  const text = await (await fetch(`${gateway.admin.url}/metrics`)).text();
  const found = text.split('\n').find((candidate) => candidate.startsWith(line));
  return Number(found?.split(' ').at(-1));
}

async function openFile(): Promise<Ledger> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-hits-'));
  cleanUp.add({ close: () => rmSync(folder, { recursive: true, force: true }) });
  return cleanUp.add(await openSqliteLedger(folder));
}

describe.each([
  ['a file', openFile],
  ['memory', async (): Promise<Ledger> => createMemoryLedger()],
])('the records of hits in %s', (_place, open) => {
  it('are there as soon as their answers are, one for each, and in every sum', async () => {
    const gateway = await start(await open());
    const { ledger } = gateway.engine.options;
    const first = await ask(gateway, {}, { 'x-cachewright-tags': 'one' });
    const given: Asked[] = [];
    for (let round = 0; round < 20; round += 1) {
      given.push(await ask(gateway, {}, { 'x-cachewright-tags': 'one' }));
      if (round % 5 === 0) given.push(await ask(gateway, { stream: true }, { 'x-cachewright-tags': 'two' }));
    }
    const hits = given.filter(({ status }) => status.includes('; hit;'));
    expect(hits).toHaveLength(given.length);
    const ids = hits.map(({ id }) => id);
    expect(new Set(ids).size).toBe(hits.length);
    const records = await ledger.list(100);
    expect(new Set(records.map(({ id }) => id))).toEqual(new Set([...ids, first.id]));
    for (const { id, saved } of hits) {
      const record = records.find((candidate) => candidate.id === id);
      expect(record).toMatchObject({
        path: '/v1/messages',
        status: 200,
        usage: null,
        error: null,
        mode: 'optimize',
      });
      expect(record?.responses).toMatchObject({
        outcome: 'hit',
        detail: 'memory',
        savedPicoUsd: BigInt(saved),
      });
      expect(record?.atMs).toBeGreaterThan(1e12);
      expect(record?.totalMs).toBeGreaterThanOrEqual(record?.firstByteMs ?? Infinity);
    }
    expect(await collect(ledger.export())).toHaveLength(hits.length + 1);
    expect(await ledger.summary()).toMatchObject({ requests: hits.length + 1, costPicoUsd: hits[0]?.saved });
    expect(await ledger.summary({ tag: 'two' })).toMatchObject({ requests: 4 });
    const [row] = await ledger.timeline({ tag: 'one' }, 86_400_000);
    expect(row).toMatchObject({ requests: 21, responsesHit: 20, responsesStored: 1 });
    expect(await metricOf(gateway, 'cachewright_responses_total{outcome="hit"}')).toBe(hits.length);
    const saved = hits.reduce((sum, hit) => sum + Number(hit.saved), 0) / 1e12;
    expect(await metricOf(gateway, 'cachewright_responses_saved_usd{outcome="hit"}')).toBeCloseTo(saved, 9);
  });

  it('say whose they are: callers that differ in scope, mode or tags have kinds of their own', async () => {
    const gateway = await start(await open());
    const callers = [
      {},
      { 'x-cachewright-mode': 'observe' },
      { 'x-cachewright-scope': 's' },
      { 'x-api-key': 'other' },
    ];
    for (const headers of [...callers, ...callers]) await ask(gateway, {}, headers);
    const records = await gateway.engine.options.ledger.list(20);
    const hits = records.filter(({ responses }) => responses?.outcome === 'hit');
    // The mode says nothing of the answer.
    expect(hits).toHaveLength(5);
    expect(new Set(hits.map(({ scope, mode }) => `${scope} ${mode}`)).size).toBe(4);
  });
});

it('without a ledger hits have ids, and metrics count them', async () => {
  const gateway = await start(createMemoryLedger(0));
  const given: Asked[] = [];
  for (let round = 0; round < 6; round += 1) given.push(await ask(gateway));
  expect(new Set(given.map(({ id }) => id)).size).toBe(6);
  expect(new Set(given.map(({ text }) => text)).size).toBe(1);
  expect(await gateway.engine.options.ledger.list(10)).toEqual([]);
  expect(await metricOf(gateway, 'cachewright_responses_total{outcome="hit"}')).toBe(5);
});
