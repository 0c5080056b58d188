import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe } from 'vitest';

import { createMemoryLedger, openPostgresLedger, openSqliteLedger } from '../../src/ledger/index.ts';
import { describeLedgerContract } from '../support/ledger-contract.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-ledger-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeLedgerContract('memory', async () => {
  const ledger = createMemoryLedger();
  return { ledger, dispose: () => ledger.close() };
});

let count = 0;
describeLedgerContract('sqlite', async () => {
  const ledger = await openSqliteLedger(join(folder, String((count += 1))));
  return { ledger, dispose: () => ledger.close() };
});

describe.runIf(hasPostgres)('with a server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.close());

  describeLedgerContract('postgres', async () => {
    const name = `ledger${(count += 1)}`;
    const ledger = await openPostgresLedger(join(folder, name), { url: await server.database(name) });
    return { ledger, dispose: () => ledger.close() };
  });
});
