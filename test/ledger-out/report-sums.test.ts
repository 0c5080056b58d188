import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import {
  buildReport,
  createMemoryLedger,
  openLedgerFile,
  openPostgresLedger,
  openPostgresReader,
  openSqliteLedger,
  type Ledger,
  type MemoryLedger,
  type OpenLedger,
  type RecordFilter,
} from '../../src/ledger/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { RandomRecords } from './random-records.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-report-'));
const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The same in both ledgers. */
async function fill(ledger: Ledger): Promise<MemoryLedger> {
  const memory = createMemoryLedger(100_000);
  const random = new RandomRecords(57);
  for (let count = 0; count < 400; count += 1) {
    const [request, own] = [random.request(), random.own()];
    for (const kept of [memory, ledger]) {
      kept.add(request);
      if (count % 7 === 0) kept.addOwn(own);
    }
  }
  await ledger.close();
  return memory;
}

/** A report by scope comes from sums there, and from reading all records of the one in memory. */
async function expectSame(reading: OpenLedger, memory: MemoryLedger): Promise<void> {
  const records = memory.list(400);
  const times = records.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  const [fromMs = 0, toMs = 0] = [times[100], times[300]];
  const [one] = records;
  const filters: readonly RecordFilter[] = [
    {},
    { fromMs, toMs: toMs + 1 },
    { model: one?.model, fromMs },
    { tag: records.find(({ tags }) => tags.length > 0)?.tags[0] },
    { scope: one?.scope },
    { scope: 'nobody' },
  ];
  expect((await reading.scopes?.())?.toSorted()).toEqual(
    [...new Set([...records, ...(await ownOf(memory))].map(({ scope }) => scope))].toSorted(),
  );
  for (const filter of filters)
    expect(await buildReport(reading, filter, 'scope')).toEqual(await buildReport(memory, filter, 'scope'));
}

async function ownOf(memory: MemoryLedger): Promise<readonly { readonly scope: string }[]> {
  const own: { readonly scope: string }[] = [];
  for await (const cost of memory.exportOwn()) own.push(cost);
  return own;
}

describe('a report by scope', () => {
  it('from sums of a file is that from all of its records', async () => {
    const memory = await fill(await openSqliteLedger(folder));
    await expectSame(cleanUp.add(await openLedgerFile(folder)), memory);
  });

  describe.runIf(hasPostgres)('with a server', () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.close());

    it('from sums in Postgres is that from all of its records', async () => {
      const url = await server.database('report');
      const memory = await fill(await openPostgresLedger(folder, { url }));
      await expectSame(cleanUp.add(await openPostgresReader(url)), memory);
    });
  });
});
