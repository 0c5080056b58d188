/** For how long the ledger holds up the thread that adds records: CPU of that thread between two turns of its loop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { openSqliteLedger } from '../../src/ledger/index.ts';
import { makeRecords } from './records.ts';
import { print, quantile, threadCpuMs } from './statistics.ts';

const LIMIT_MS = 20;

/** Records that come at once, fifty in each turn. */
const BURST = 40_000;

/** @returns whether the loop was never held up for longer than allowed. */
export async function measureLoop(seconds: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
  const ledger = await openSqliteLedger(folder);
  // A few records under many ids: what a bench holds in memory is swept on the same thread.
  const records = [...makeRecords(500, 3_600_000)];
  const total = seconds * 1_000 + BURST;
  const add = (index: number): void => {
    const record = records[index % records.length];
    if (record) ledger.add({ ...record, id: `${record.id}-${index}` });
  };
  const turnsMs: number[] = [];
  let addingMs = 0;
  const began = performance.now();
  let added = 0;
  /** How many there were when a list was asked for the last time. */
  let listedAt = 0;
  let last = threadCpuMs();
  const turn = async (): Promise<void> => {
    await nextTurn();
    const now = threadCpuMs();
    turnsMs.push(now - last);
    last = now;
  };
  while (performance.now() - began < seconds * 1000) {
    // Never many at once, however long the machine was busy with something else.
    const due = Math.min(Math.floor(performance.now() - began), seconds * 1_000, added + 50);
    const before = threadCpuMs();
    for (; added < due; added += 1) add(added);
    addingMs += threadCpuMs() - before;
    if (added >= listedAt + 3_000) {
      listedAt = added;
      void ledger.list(1_000);
    }
    await turn();
  }
  const perRecordUs = (addingMs * 1000) / added;
  // A burst, until records wait in the largest batches that there are.
  for (; added < total; await turn()) for (let index = 0; index < 50; index += 1, added += 1) add(added);
  while (ledger.health().waiting > 0) await turn();
  await ledger.close();
  rmSync(folder, { recursive: true, force: true });
  const longest = turnsMs.reduce((most, turnMs) => Math.max(most, turnMs), 0);
  print(
    `loop: ${added} records, ${perRecordUs.toFixed(1)} us of CPU to add one; turns of the loop: p99 ${quantile(turnsMs, 0.99).toFixed(2)}, longest ${longest.toFixed(1)} ms of CPU`,
  );
  return longest <= LIMIT_MS;
}
