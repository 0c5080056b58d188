import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  BUCKET_MS,
  createMemoryLedger,
  openLedgerFile,
  openPostgresLedger,
  openPostgresReader,
  openSqliteLedger,
  type Ledger,
  type RecordFilter,
} from '../../src/ledger/index.ts';
import { ADD_COUNTS } from '../../src/ledger/sqlite/migrate-counts.ts';
import { collect } from '../support/ledger-contract.ts';
import { hasPostgres, startPostgres } from '../support/postgres.ts';
import { costOf, recordOf } from '../support/record.ts';

const HOUR_MS = 3_600_000;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-migrate-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function fixture(name: string): string {
  return readFileSync(new URL(`fixtures/version-1.${name}.sql`, import.meta.url), 'utf8');
}

const FILTERS: readonly RecordFilter[] = [
  {},
  { tag: 'a' },
  { tag: 'b', scope: 'scope_0' },
  { scope: 'scope_1' },
  { model: 'claude-haiku-5-5' },
  { fromMs: Date.UTC(2026, 9, 20, 7, 3, 1), toMs: Date.UTC(2026, 9, 20, 19, 59) },
];

/** Do the sums of a ledger say what its records do, at every level, and do they go on from there? */
async function expectSums(ledger: Ledger): Promise<void> {
  const memory = createMemoryLedger();
  for await (const record of ledger.export()) memory.add(record);
  for await (const cost of ledger.exportOwn()) memory.addOwn(cost);
  const more = recordOf({ id: 'more', atMs: Date.UTC(2026, 9, 20), scope: 'scope_0', tags: ['a', 'new'] });
  for (const kept of [memory, ledger]) kept.add(more);
  await ledger.flush();
  expect(memory.summary()).toMatchObject({ requests: 31, unreported: 7 + 1, disputed: 3 });
  for (const filter of FILTERS) {
    expect(await ledger.summary(filter)).toEqual(memory.summary(filter));
    for (const bucketMs of [BUCKET_MS, HOUR_MS, 24 * HOUR_MS])
      expect(await ledger.timeline(filter, bucketMs)).toEqual(await memory.timeline(filter, bucketMs));
  }
  expect(await collect(ledger.export())).toEqual(await collect(memory.export()));
}

describe('a ledger of version 1', () => {
  function writeOld(sql = ''): void {
    const old = new DatabaseSync(join(folder, 'ledger.db'));
    old.exec(fixture('sqlite'));
    old.exec(sql);
    old.close();
  }

  it('in SQLite is brought to this version: its sums get the counts that its records tell', async () => {
    writeOld();
    await expect(openLedgerFile(folder)).rejects.toMatchObject({
      code: 'LEDGER_UNUSABLE',
      message: expect.stringContaining('is of version 1: serve brings it to version '),
    });
    const ledger = await openSqliteLedger(folder);
    await expectSums(ledger);
    await ledger.close();
    const again = await openLedgerFile(folder);
    expect((await again.summary()).unreported).toBe(8);
    await again.close();
  });

  it('of version 2 too, and takes runs of hits from then on', async () => {
    writeOld(`${ADD_COUNTS} PRAGMA user_version = 2;`);
    await expect(openLedgerFile(folder)).rejects.toMatchObject({
      message: expect.stringContaining('is of version 2: serve brings it to version 3'),
    });
    const ledger = await openSqliteLedger(folder);
    await expectSums(ledger);
    const responses = { outcome: 'hit', detail: 'memory', ageMs: 1, savedPicoUsd: 2n, savedMs: 3 } as const;
    const hits = ledger.alike?.(recordOf({ responses, cost: costOf(0n) }));
    const ids = [hits?.begin(1), hits?.end(0, responses), hits?.begin(2), hits?.end(0, responses)];
    expect((await ledger.list(2)).map(({ id }) => id)).toEqual([ids[2], ids[0]]);
    expect(await ledger.summary()).toMatchObject({ requests: 33 });
    await ledger.close();
  });

  it('keeps the sums of records that are gone', async () => {
    writeOld(
      'DELETE FROM record; DELETE FROM amount; DELETE FROM tagged; UPDATE kept SET from_ms = 1893456000000;',
    );
    const ledger = await openSqliteLedger(folder);
    expect(await ledger.summary()).toMatchObject({ requests: 30, unreported: 0, disputed: 0 });
    await ledger.close();
  });

  it('is left as it is where that fails, and records wait', async () => {
    writeOld(`INSERT INTO record VALUES (99, 'broken', 0, 'no JSON');`);
    const told: string[] = [];
    const ledger = await openSqliteLedger(folder, { tell: (sentence) => told.push(sentence) });
    ledger.add(recordOf({ id: 'new', cost: costOf(1n) }));
    await ledger.flush();
    expect(ledger.health()).toMatchObject({ waiting: 1, dropped: 0, problem: expect.any(String) });
    expect(told).toHaveLength(1);
    const old = new DatabaseSync(join(folder, 'ledger.db'));
    expect(old.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    old.exec('DELETE FROM record WHERE seq = 99');
    old.close();
    await ledger.flush();
    expect(await ledger.summary()).toMatchObject({ requests: 31, unreported: 7 });
    await ledger.close();
  });

  it.runIf(hasPostgres)(
    'in Postgres likewise',
    async () => {
      const server = await startPostgres();
      try {
        const { default: pg } = await import('pg');
        const client = new pg.Client({ connectionString: server.url });
        await client.connect();
        await client.query(fixture('postgres'));
        await client.end();
        await expect(openPostgresReader(server.url)).rejects.toMatchObject({
          code: 'LEDGER_UNUSABLE',
          message: expect.stringContaining('is of version 1: serve brings it to version '),
        });
        // A row that version 1 left to wait.
        const row = {
          id: 'req_spooled',
          atMs: Date.UTC(2026, 9, 20),
          isOwn: false,
          scope: 'scope_0',
          model: 'claude-opus-5-5',
          tags: [],
          misses: [],
          amounts: [1, ...Array.from({ length: 15 }, () => 0)],
          body: JSON.stringify(
            recordOf({ id: 'req_spooled', atMs: Date.UTC(2026, 9, 20), scope: 'scope_0' }),
          ),
        };
        writeFileSync(join(folder, 'ledger-spool.jsonl'), `${JSON.stringify(row)}\n`);
        const ledger = await openPostgresLedger(folder, { url: server.url });
        await ledger.flush();
        expect(await ledger.summary()).toMatchObject({ requests: 31, unreported: 8 });
        await ledger.close();
      } finally {
        await server.close();
      }
    },
    60_000,
  );

  it.runIf(hasPostgres)(
    'in Postgres adds up as its records do',
    async () => {
      const server = await startPostgres();
      try {
        const { default: pg } = await import('pg');
        const client = new pg.Client({ connectionString: server.url });
        await client.connect();
        await client.query(fixture('postgres'));
        await client.end();
        const ledger = await openPostgresLedger(folder, { url: server.url });
        await expectSums(ledger);
        await ledger.close();
      } finally {
        await server.close();
      }
    },
    60_000,
  );
});
