import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { noTokens } from '../../src/core/index.ts';
import { openLedgerFile, openSqliteLedger, type Ledger } from '../../src/ledger/index.ts';
import { toRow, type LedgerRow } from '../../src/ledger/rows.ts';
import { GuardedWriter } from '../../src/ledger/sqlite/guarded-writer.ts';
import { openForWriting } from '../../src/ledger/sqlite/schema.ts';
import { SqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { collect } from '../support/ledger-contract.ts';
import { ManualTime } from '../support/manual-time.ts';
import { costOf, ownCostOf, recordOf, usageOf } from '../support/record.ts';

const DAY_MS = 86_400_000;
let folder = '';
let opened: { close(): Promise<void> }[] = [];
const file = (): string => join(folder, 'ledger.db');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-ledger-'));
});
afterEach(async () => {
  await Promise.all(opened.map((ledger) => ledger.close()));
  opened = [];
  rmSync(folder, { recursive: true, force: true });
});

async function open(told: string[] = []): Promise<Ledger> {
  const ledger = await openSqliteLedger(folder, { tell: (sentence) => told.push(sentence) });
  opened.push(ledger);
  return ledger;
}

async function fill(count: number, from = 0): Promise<void> {
  const ledger = await open();
  for (let index = from; index < from + count; index += 1)
    ledger.add(recordOf({ id: `r${index}`, atMs: index * 1000, tags: ['t'], cost: costOf(1n) }));
  await ledger.close();
}

/** What the sums say, and what the records themselves add up to. */
function countBoth(): { readonly records: number; readonly summed: number } {
  const database = new DatabaseSync(file());
  const one = (sql: string): number => Number(database.prepare(sql).get()?.['n']);
  const records = one('SELECT count(*) AS n FROM record WHERE is_own = 0');
  const summed = one(
    'SELECT sum(requests) AS n FROM rollup WHERE level_ms = 300000 AND tag = 0 AND scope = 0',
  );
  database.close();
  return { records, summed };
}

describe('the file', () => {
  it('is there after a restart, and for its owner alone', async () => {
    await fill(3);
    const again = await open();
    expect(await again.summary()).toMatchObject({ requests: 3, costPicoUsd: '3' });
    expect(statSync(file()).mode & 0o077).toBe(0);
  });

  it('is read by another while it is written', async () => {
    const writing = await open();
    writing.add(recordOf({ id: 'a', cost: costOf(7n) }));
    writing.addOwn(ownCostOf({ id: 'p' }));
    await writing.flush();
    const reading = await openLedgerFile(folder);
    opened.push(reading);
    expect(await reading.summary()).toMatchObject({ requests: 1, costPicoUsd: '7' });
    writing.add(recordOf({ id: 'b', cost: costOf(1n) }));
    await writing.flush();
    expect(await reading.summary()).toMatchObject({ requests: 2, costPicoUsd: '8' });
    expect((await collect(reading.export())).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(await collect(reading.exportOwn())).toHaveLength(1);
    expect(await reading.list(1)).toMatchObject([{ id: 'b' }]);
    await expect(reading.timeline({}, 7)).rejects.toThrow(RangeError);
  });

  it('is written by two gateways at once, and neither loses or doubles anything', async () => {
    const [one, two] = [await open(), await open()];
    for (let index = 0; index < 400; index += 1) {
      const ledger = index % 2 === 0 ? one : two;
      ledger.add(
        recordOf({ id: `r${index}`, tags: [`t${index % 7}`], scope: `s${index % 3}`, cost: costOf(1n) }),
      );
      if (index % 50 === 0) await Promise.all([one.flush(), two.flush()]);
    }
    await Promise.all([one.flush(), two.flush()]);
    expect(await one.summary()).toEqual(await two.summary());
    expect(await one.summary()).toMatchObject({ requests: 400, costPicoUsd: '400' });
    expect(await one.summary({ tag: 't3', scope: 's1' })).toMatchObject({ requests: 19 });
  });

  it('of another program is left alone', async () => {
    const other = new DatabaseSync(file());
    other.exec('CREATE TABLE theirs (x)');
    other.close();
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_FOREIGN' });
    await expect(openLedgerFile(folder)).rejects.toMatchObject({ code: 'LEDGER_FOREIGN' });
  });

  it('of a newer version is left alone, in words', async () => {
    await fill(1);
    const newer = new DatabaseSync(file());
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    for (const attempt of [open, openLedgerFile.bind(null, folder)]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'LEDGER_FOREIGN',
        message: expect.stringContaining('newer version of Cachewright'),
      });
    }
  });

  it('that is not there, or of an older version, cannot be read, in words', async () => {
    await expect(openLedgerFile(folder)).rejects.toMatchObject({ code: 'LEDGER_MISSING' });
    writeFileSync(file(), '');
    await expect(openLedgerFile(folder)).rejects.toMatchObject({ code: 'LEDGER_UNUSABLE' });
    await fill(2);
    const reading = await openLedgerFile(folder);
    opened.push(reading);
    expect(await reading.summary()).toMatchObject({ requests: 2 });
  });
});

describe('damage', () => {
  const asideFiles = (): readonly string[] =>
    readdirSync(folder).filter((name) => name.includes('.corrupt-'));

  it('at the opening: the file is moved aside and told, and the ledger begins anew', async () => {
    writeFileSync(file(), 'this is no database, and long enough to be taken for one '.repeat(200));
    const told: string[] = [];
    const ledger = await open(told);
    expect(told).toEqual([expect.stringContaining('is damaged: it was moved to')]);
    ledger.add(recordOf());
    await ledger.flush();
    expect(await ledger.summary()).toMatchObject({ requests: 1 });
    expect(asideFiles()).toHaveLength(1);
  });

  it('met while writing: what waits is stored in the new file', async () => {
    await fill(500);
    const damaged = Buffer.alloc(statSync(file()).size - 8192, 0xa5);
    const handle = openSync(file(), 'r+');
    writeSync(handle, damaged, 0, damaged.length, 8192);
    closeSync(handle);
    const told: string[] = [];
    const ledger = await open(told);
    ledger.add(recordOf({ id: 'r3', cost: costOf(5n) }));
    await ledger.flush();
    expect(told).toEqual([expect.stringContaining('is damaged')]);
    expect(await ledger.summary()).toMatchObject({ requests: 1, costPicoUsd: '5' });
    expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
  });
});

describe('a place that cannot be written', () => {
  it('is told once, requests are not hurt, and what waited is stored when it works again', async () => {
    writeFileSync(join(folder, 'in-the-way'), '');
    const time = new ManualTime();
    const told: string[] = [];
    const ledger = await SqliteLedger.open(
      { file: join(folder, 'in-the-way', 'ledger.db'), tell: (sentence) => told.push(sentence) },
      { clock: time, timers: time },
    );
    opened.push(ledger);
    for (let index = 0; index < 10; index += 1) ledger.add(recordOf({ id: `r${index}` }));
    await ledger.flush();
    expect(ledger.health()).toEqual({ waiting: 10, dropped: 0, problem: expect.any(String) });
    await expect(ledger.summary()).rejects.toMatchObject({ code: 'LEDGER_MISSING' });
    rmSync(join(folder, 'in-the-way'));
    time.advance(60_000);
    await vi.waitFor(() => expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null }));
    expect(await ledger.summary()).toMatchObject({ requests: 10 });
    expect(told).toEqual([
      expect.stringContaining('cannot store records now'),
      expect.stringContaining('stores records again'),
    ]);
  });

  it('that is full keeps what it has, whole, and takes the rest when there is room', () => {
    let pagesMax = 60;
    const writer = new GuardedWriter(file(), (path) => {
      const database = openForWriting(path);
      database.exec(`PRAGMA max_page_count = ${pagesMax}`);
      return database;
    });
    const rowsOf = (round: number): readonly LedgerRow[] =>
      Array.from({ length: 50 }, (_, index) =>
        toRow(recordOf({ id: `${round} ${index}`, atMs: round * 300_000, error: 'x'.repeat(1_000) })),
      );
    let rounds = 0;
    const addAll = (): void => {
      for (; rounds < 40; rounds += 1) writer.add(rowsOf(rounds), 'now');
    };
    expect(addAll).toThrow('full');
    expect(rounds).toBeGreaterThan(0);
    expect(countBoth()).toEqual({ records: rounds * 50, summed: rounds * 50 });
    pagesMax = 10_000;
    addAll();
    writer.close();
    expect(countBoth()).toEqual({ records: 2_000, summed: 2_000 });
  });

  it('while another process holds it, waits for that', async () => {
    const ledger = await open();
    ledger.add(recordOf({ id: 'first', cost: costOf(1n) }));
    await ledger.flush();
    const blocker = new DatabaseSync(file());
    blocker.exec('BEGIN EXCLUSIVE');
    ledger.add(recordOf({ id: 'second', cost: costOf(1n) }));
    await ledger.flush();
    expect(ledger.health()).toMatchObject({ waiting: 1, problem: expect.stringContaining('locked') });
    blocker.exec('ROLLBACK');
    blocker.close();
    await ledger.flush();
    expect(await ledger.summary()).toMatchObject({ requests: 2, costPicoUsd: '2' });
    expect(countBoth()).toEqual({ records: 2, summed: 2 });
  });
});

describe('the queue', () => {
  it('is bounded: what is too much is lost, counted and told once', async () => {
    writeFileSync(join(folder, 'in-the-way'), '');
    const time = new ManualTime();
    const told: string[] = [];
    const ledger = await SqliteLedger.open(
      { file: join(folder, 'in-the-way', 'l.db'), waitingMax: 5, tell: (sentence) => told.push(sentence) },
      { clock: time, timers: time },
    );
    opened.push(ledger);
    for (let index = 0; index < 12; index += 1) ledger.add(recordOf({ id: `r${index}` }));
    expect(ledger.health()).toMatchObject({ waiting: 5, dropped: 7 });
    expect(told.filter((sentence) => sentence.includes('being lost'))).toHaveLength(1);
  });

  it('drops what no database can hold, and stores the rest', async () => {
    const ledger = await open();
    const tokens = { uncachedTokens: 0, readTokens: 0, write5mTokens: 0, write1hTokens: 0, outputTokens: 0 };
    ledger.add(recordOf({ id: 'absurd', cost: costOf(10n ** 40n) }));
    ledger.add(recordOf({ id: 'huge 1', usage: usageOf({ ...tokens, readTokens: 2 ** 62 }) }));
    ledger.add(recordOf({ id: 'huge 2', usage: usageOf({ ...tokens, readTokens: 2 ** 62 }) }));
    ledger.add(recordOf({ id: 'half', scope: 'new', usage: usageOf({ ...tokens, readTokens: 0.5 }) }));
    ledger.add(recordOf({ id: 'fine', scope: 'new', cost: costOf(1n) }));
    await ledger.flush();
    // The name came first with a row that was refused.
    expect(await ledger.summary({ scope: 'new' })).toMatchObject({ requests: 1 });
    const { dropped, problem } = ledger.health();
    expect(problem).toBeNull();
    expect(dropped).toBeGreaterThanOrEqual(1);
    expect((await ledger.list(10)).map(({ id }) => id)).toContain('fine');
    expect(await ledger.summary()).toMatchObject({ costPicoUsd: '1' });
  });

  it('ignores what comes after the end', async () => {
    const ledger = await open();
    await ledger.close();
    ledger.add(recordOf());
    await ledger.close();
    expect(ledger.health().dropped).toBe(1);
  });
});

describe('retention', () => {
  it('removes old records and keeps their sums, exact to the bucket', async () => {
    const time = new ManualTime(500 * DAY_MS);
    const ledger = await SqliteLedger.open(
      { file: file(), recordDays: 10, sumDays: 100 },
      { clock: time, timers: time },
    );
    opened.push(ledger);
    const ages = [0, 5, 9, 11, 50, 99, 101, 300];
    for (const age of ages) {
      const atMs = 500 * DAY_MS - age * DAY_MS;
      const usage = usageOf({ ...noTokens, readTokens: 1 });
      ledger.add(recordOf({ id: `day ${age}`, atMs, tags: ['t'], cost: costOf(1n), usage }));
    }
    ledger.addOwn(ownCostOf({ id: 'old', atMs: 400 * DAY_MS, costPicoUsd: 10n ** 12n }));
    await ledger.flush();
    time.advance(60_000);
    await vi.waitFor(async () => expect(await ledger.list(10)).toHaveLength(3));
    expect(await ledger.summary()).toMatchObject({ requests: 6, costPicoUsd: '6' });
    expect(await ledger.summary({ tag: 't', toMs: 490 * DAY_MS })).toMatchObject({ requests: 3 });
    // After how long they read is added up over all tags only.
    expect(await ledger.reuse()).toMatchObject({ unknown: 6 });
    expect(await ledger.reuse({ tag: 't' })).toMatchObject({ unknown: 3 });
    // The bucket of the record of 50 days ago counts as a whole, where it begins.
    const atMs = 450 * DAY_MS;
    expect(await ledger.summary({ fromMs: atMs + 1, toMs: 490 * DAY_MS })).toMatchObject({ requests: 1 });
    expect(await ledger.summary({ fromMs: atMs, toMs: atMs + 1 })).toMatchObject({ requests: 1 });
    expect((await collect(ledger.export())).map(({ id }) => id)).toEqual(['day 9', 'day 5', 'day 0']);
    expect(await collect(ledger.exportOwn())).toEqual([]);
  });

  it('gives the room back to the file system', async () => {
    const time = new ManualTime(500 * DAY_MS);
    const ports = { clock: time, timers: time };
    const ledger = await SqliteLedger.open({ file: file(), recordDays: 10 }, ports);
    opened.push(ledger);
    for (let index = 0; index < 5_000; index += 1)
      ledger.add(recordOf({ id: `r${index}`, error: 'x'.repeat(1_000) }));
    await ledger.flush();
    const sizeOf = (): number => {
      const database = new DatabaseSync(file());
      const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count']);
      database.close();
      return pages;
    };
    const before = sizeOf();
    await vi.waitFor(async () => {
      time.advance(60_000);
      expect(sizeOf()).toBeLessThan(before / 3);
      expect(await ledger.summary()).toMatchObject({ requests: 0 });
    }, 20_000);
  });
});
