/** How fast the thread that writes stores records: what it does with a batch as it comes from the other thread. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packRows } from '../../src/ledger/sqlite/batch.ts';
import { GuardedWriter } from '../../src/ledger/sqlite/guarded-writer.ts';
import { unpackRows } from '../../src/ledger/sqlite/batch.ts';
import { toRow, type LedgerRow } from '../../src/ledger/rows.ts';
import { makeRecords } from './records.ts';
import { print, threadCpuMs, threadQueuedMs } from './statistics.ts';

/** As many as the ledger stores in one transaction when records come faster than that. */
const BATCH_ROWS = 16_000;

export interface InsertResult {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  /** By the clock, less the time in which others had the processor: what is left is work, and waiting for the disk. */
  readonly perOwnSecond: number;
}

/** Fills a ledger and says what it took; the time in which records are made and put into words does not count. */
export function fillLedger(folder: string, count: number, spanMs: number): InsertResult {
  const writer = new GuardedWriter(join(folder, 'ledger.db'));
  writer.open('');
  let rows: LedgerRow[] = [];
  let cpuMs = 0;
  let wallMs = 0;
  let queuedMs = 0;
  const store = (): void => {
    const batch = structuredClone(packRows(rows));
    const [cpuBegan, began, queuedBegan] = [threadCpuMs(), performance.now(), threadQueuedMs()];
    writer.add(unpackRows(batch), '');
    cpuMs += threadCpuMs() - cpuBegan;
    wallMs += performance.now() - began;
    queuedMs += threadQueuedMs() - queuedBegan;
    rows = [];
  };
  for (const record of makeRecords(count, spanMs)) {
    rows.push(toRow(record));
    if (rows.length === BATCH_ROWS) store();
  }
  if (rows.length > 0) store();
  writer.close();
  const perSecond = (ms: number): number => (count / ms) * 1000;
  return {
    perCpuSecond: perSecond(cpuMs),
    perSecond: perSecond(wallMs),
    perOwnSecond: perSecond(wallMs - queuedMs),
  };
}

/** Measures with records that come at 1,000 a second. @returns whether the limit is kept. */
export function measureInserts(count: number): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
  try {
    const { perSecond, perOwnSecond, perCpuSecond } = fillLedger(folder, count, count);
    const bytes = statSync(join(folder, 'ledger.db')).size / count;
    print(
      `inserts: ${count} records, ${Math.round(perSecond)} a second, ${Math.round(perOwnSecond)} without waiting for a processor, ${Math.round(perCpuSecond)} a second of CPU, ${Math.round(bytes)} bytes each`,
    );
    return Math.min(perCpuSecond, perOwnSecond) >= 50_000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
