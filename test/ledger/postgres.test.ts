import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { noTokens } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import {
  openPostgresLedger,
  openPostgresReader,
  reachPostgres,
  type Ledger,
} from '../../src/ledger/index.ts';
import { PostgresConnection } from '../../src/ledger/postgres/connection.ts';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger.ts';
import { systemTimers } from '../../src/runtime/index.ts';
import { startTestGateway } from '../support/gateway.ts';
import { ManualTime } from '../support/manual-time.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { costOf, recordOf, usageOf } from '../support/record.ts';

const DAY_MS = 86_400_000;
let folder = '';
let url = '';
let count = 0;
let opened: { close(): Promise<void> }[] = [];
let server: PostgresServer;
const spool = (): string => join(folder, 'ledger-spool.jsonl');

async function open(told: string[] = []): Promise<Ledger> {
  const tell = (sentence: string): void => void told.push(sentence);
  const ledger = await openPostgresLedger(folder, { url, tell });
  opened.push(ledger);
  return ledger;
}

describe.runIf(hasPostgres)('postgres', () => {
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.close());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cachewright-ledger-'));
    url = await server.database(`test${(count += 1)}`);
  });
  afterEach(async () => {
    await Promise.all(opened.map((ledger) => ledger.close()));
    opened = [];
    rmSync(folder, { recursive: true, force: true });
  });

  it('is one ledger of many gateways, which start together and write at once', async () => {
    const ledgers = await Promise.all([open(), open(), open()]);
    for (let index = 0; index < 600; index += 1) {
      const tags = [`t${index % 5}`];
      ledgers[index % 3]?.add(
        recordOf({ id: `r${index}`, atMs: index * 1000, tags, scope: `s${index % 4}`, cost: costOf(1n) }),
      );
      if (index % 60 === 0) await Promise.all(ledgers.map((ledger) => ledger.flush()));
    }
    await Promise.all(ledgers.map((ledger) => ledger.flush()));
    for (const ledger of ledgers)
      expect(await ledger.summary()).toMatchObject({ requests: 600, costPicoUsd: '600' });
    expect(await ledgers[0]?.summary({ tag: 't2', scope: 's1' })).toMatchObject({ requests: 30 });
  });

  it('is opened for reading alone, and says in words when there is nothing', async () => {
    await expect(openPostgresReader(url)).rejects.toMatchObject({ code: 'LEDGER_MISSING' });
    const ledger = await open();
    ledger.add(recordOf({ cost: costOf(7n) }));
    await ledger.flush();
    const reader = await openPostgresReader(url);
    opened.push(reader);
    expect(await reader.summary()).toMatchObject({ requests: 1, costPicoUsd: '7' });
    await expect(reader.timeline({}, 7)).rejects.toThrow(RangeError);
  });

  it('of a newer version is left alone', async () => {
    await (await open()).close();
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('UPDATE cachewright_version SET version = 99');
    await client.end();
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_FOREIGN' });
    expect(await reachPostgres(url)).toContain('newer version of Cachewright');
  });

  it('survives a connection that breaks between two statements', async () => {
    const connection = await PostgresConnection.open({ url });
    opened.push(connection);
    const { default: pg } = await import('pg');
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    const work = connection.transact('BEGIN', async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      // Not `once` of node:events: it would listen to errors as well.
      const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
      await other.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await ended;
      await client.query('SELECT 1');
    });
    await expect(work).rejects.toMatchObject({ code: 'LEDGER_UNUSABLE' });
    await other.end();
    expect(await connection.transact('BEGIN', async () => 'again')).toBe('again');
  });

  it('never shows the password', async () => {
    const wrong = url.replace(encodeURIComponent(server.password), 'wr0ng-secret');
    const failure = await reachPostgres(wrong);
    expect(failure).toContain('password authentication failed');
    expect(failure).not.toContain('wr0ng');
    const gone = await reachPostgres('postgres://me:wr0ng-secret@127.0.0.1:1/db');
    expect(gone).toContain('127.0.0.1:1');
    expect(gone).not.toContain('wr0ng');
    for (const bad of ['wr0ng-secret', 'http://a:wr0ng-secret@b/', 'postgres://']) {
      await expect(reachPostgres(bad)).rejects.toThrow(RangeError);
      await expect(reachPostgres(bad)).rejects.not.toThrow('wr0ng');
    }
    expect(await reachPostgres(url)).toBeNull();
  });

  it('lets a row that it cannot hold go, and stores the others', async () => {
    const ledger = await open();
    const tokens = {
      uncachedTokens: 0.5,
      readTokens: 0,
      write5mTokens: 0,
      write1hTokens: 0,
      outputTokens: 0,
    };
    ledger.add(recordOf({ id: 'a', cost: costOf(1n) }));
    ledger.add(recordOf({ id: 'too much', cost: costOf(10n ** 40n), usage: usageOf(tokens) }));
    ledger.add(recordOf({ id: 'b', atMs: 1e300 }));
    ledger.add(recordOf({ id: 'c', cost: costOf(1n) }));
    await ledger.flush();
    expect(ledger.health()).toEqual({ waiting: 0, dropped: 2, problem: null });
    expect(await ledger.summary()).toMatchObject({ requests: 2, costPicoUsd: '2' });
  });

  it('keeps what it cannot store now in a file, over restarts, and brings it over once', async () => {
    const first = await open();
    first.add(recordOf({ id: 'before', cost: costOf(1n) }));
    await first.flush();
    await server.kill();
    const told: string[] = [];
    try {
      for (let index = 0; index < 300; index += 1) first.add(recordOf({ id: `r${index}`, cost: costOf(1n) }));
      await first.flush();
      expect(first.health()).toMatchObject({
        waiting: 300,
        dropped: 0,
        problem: expect.stringContaining('127.0.0.1'),
      });
      expect(statSync(spool()).mode & 0o077).toBe(0);
      first.add(recordOf({ id: 'last', cost: costOf(1n) }));
      await first.close();
      expect(readFileSync(spool(), 'utf8').split('\n')).toHaveLength(302);
      // The next gateway is killed while it writes a line.
      writeFileSync(spool(), `${readFileSync(spool(), 'utf8')}{"id":"half`);
      const second = await open(told);
      expect(second.health()).toMatchObject({ waiting: 302 });
      second.add(recordOf({ id: 'more', cost: costOf(1n) }));
      await second.flush();
      await second.close();
    } finally {
      await server.start();
    }
    const third = await open(told);
    third.add(recordOf({ id: 'before', cost: costOf(1n) }));
    await third.flush();
    expect(third.health()).toEqual({ waiting: 0, dropped: 1, problem: null });
    expect(await third.summary()).toMatchObject({ requests: 303, costPicoUsd: '303' });
    expect(statSync(spool()).size).toBe(0);
  });

  it('does not wait for ever for a server that says nothing', async () => {
    const time = new ManualTime();
    const told: string[] = [];
    const ledger = await PostgresLedger.open(
      { url, spoolFile: spool(), answerMs: 300, tell: (sentence) => told.push(sentence) },
      { clock: time, timers: { ...systemTimers, after: time.after.bind(time) } },
    );
    opened.push(ledger);
    server.freeze();
    try {
      for (let index = 0; index < 50; index += 1) ledger.add(recordOf({ id: `r${index}`, cost: costOf(1n) }));
      await ledger.flush();
      expect(ledger.health()).toMatchObject({ waiting: 50, dropped: 0, problem: expect.any(String) });
      await expect(ledger.summary()).rejects.toMatchObject({ code: 'LEDGER_UNUSABLE' });
    } finally {
      server.thaw();
    }
    await vi.waitFor(async () => {
      time.advance(10_000);
      expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
    }, 10_000);
    expect(await ledger.summary()).toMatchObject({ requests: 50, costPicoUsd: '50' });
    expect(told).toEqual([expect.stringContaining('wait in a file'), 'records are stored again']);
  });

  it('holds up no request of a gateway while it says nothing, and has all of them afterwards', async () => {
    const ledger = await PostgresLedger.open(
      { url, spoolFile: spool(), answerMs: 5_000 },
      { clock: { nowMs: () => 0 }, timers: systemTimers },
    );
    const emulator = await startEmulator({ port: 0 });
    const gateway = await startTestGateway(emulator.url, { engine: { ledger } });
    opened.push({ close: () => gateway.close() }, { close: () => emulator.close() }, ledger);
    const ask = async (): Promise<number> => {
      const began = performance.now();
      const response = await fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'sk-ant-test' },
        body: JSON.stringify({
          model: 'claude-sonnet-5-5',
          max_tokens: 5,
          messages: [{ role: 'user', content: 'hello' }],
        }),
      });
      expect(response.status).toBe(200);
      await response.text();
      return performance.now() - began;
    };
    await ask();
    server.freeze();
    const tookMs: number[] = [];
    try {
      for (let index = 0; index < 60; index += 1) tookMs.push(await ask());
    } finally {
      server.thaw();
    }
    // The server would have been waited for much longer.
    expect(Math.max(...tookMs)).toBeLessThan(3_000);
    await vi.waitFor(async () => {
      await ledger.flush();
      expect((await ledger.summary()).requests).toBe(61);
    }, 30_000);
    expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
  });

  it('bounds the file: what is too much is lost, counted and told', async () => {
    const told: string[] = [];
    const ledger = await openPostgresLedger(folder, {
      url: 'postgres://nobody@127.0.0.1:1/none',
      spoolBytesMax: 20_000,
      tell: (sentence) => told.push(sentence),
    });
    opened.push(ledger);
    for (let index = 0; index < 100; index += 1) ledger.add(recordOf({ id: `r${index}` }));
    await ledger.flush();
    const { waiting, dropped } = ledger.health();
    expect(waiting + dropped).toBe(100);
    expect(waiting).toBeGreaterThan(5);
    expect(dropped).toBeGreaterThan(5);
    expect(statSync(spool()).size).toBeLessThanOrEqual(20_000);
    expect(told.filter((sentence) => sentence.includes('lost'))).toHaveLength(1);
  });

  it('removes old records and keeps their sums', async () => {
    const time = new ManualTime(500 * DAY_MS);
    const ledger = await PostgresLedger.open(
      { url, spoolFile: spool(), recordDays: 10, sumDays: 100 },
      { clock: time, timers: time },
    );
    opened.push(ledger);
    const usage = usageOf({ ...noTokens, readTokens: 1 });
    for (const age of [0, 9, 11, 99, 101])
      ledger.add(recordOf({ id: `day ${age}`, atMs: (500 - age) * DAY_MS, cost: costOf(1n), usage }));
    await ledger.flush();
    time.advance(60_000);
    await vi.waitFor(async () => expect(await ledger.list(10)).toHaveLength(2));
    expect(await ledger.summary()).toMatchObject({ requests: 4, costPicoUsd: '4' });
    expect(await ledger.summary({ toMs: 490 * DAY_MS })).toMatchObject({ requests: 2 });
    expect(await ledger.reuse()).toMatchObject({ unknown: 4 });
  });
});
