/** For how long the ledger holds up the thread that adds records: time between two turns of its loop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { openSqliteLedger } from '../../src/ledger/index.ts';
import { makeRecords } from './records.ts';
import { print, threadCpuMs } from './statistics.ts';

const LIMIT_MS = 20;

/** Systems count the CPU of a running thread in steps; no turn took longer than by the clock, nor by CPU and a step. */
const CPU_STEP_MS = 4;

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
  /** The longest time between two turns, at an even rate and in the burst; a list of all would hold the loop up itself. */
  const longestMs = { even: 0, burst: 0 };
  let phase: keyof typeof longestMs = 'even';
  let addingMs = 0;
  const began = performance.now();
  let added = 0;
  /** How many there were when a list was asked for the last time. */
  let listedAt = 0;
  let [lastMs, lastCpuMs] = [performance.now(), threadCpuMs()];
  const turn = async (): Promise<void> => {
    await nextTurn();
    const [nowMs, cpuMs] = [performance.now(), threadCpuMs()];
    const turnMs = Math.min(nowMs - lastMs, cpuMs - lastCpuMs + CPU_STEP_MS);
    longestMs[phase] = Math.max(longestMs[phase], turnMs);
    [lastMs, lastCpuMs] = [nowMs, cpuMs];
  };
  while (performance.now() - began < seconds * 1000) {
    // Never many at once, however long the machine was busy with something else.
    const due = Math.min(Math.floor(performance.now() - began), seconds * 1_000, added + 50);
    const before = added < due ? performance.now() : 0;
    for (; added < due; added += 1) add(added);
    if (before > 0) addingMs += performance.now() - before;
    if (added >= listedAt + 3_000) {
      listedAt = added;
      void ledger.list(1_000);
    }
    await turn();
  }
  const perRecordUs = (addingMs * 1000) / added;
  phase = 'burst';
  // A burst, until records wait in the largest batches that there are.
  for (; added < total; await turn()) for (let index = 0; index < 50; index += 1, added += 1) add(added);
  while (ledger.health().waiting > 0) await turn();
  await ledger.close();
  rmSync(folder, { recursive: true, force: true });
  print(
    `loop: ${added} records, ${perRecordUs.toFixed(1)} us to add one; longest turn of the loop ${longestMs.even.toFixed(1)} ms at 1,000 a second, ${longestMs.burst.toFixed(1)} ms with ${BURST} at once`,
  );
  return Math.max(longestMs.even, longestMs.burst) <= LIMIT_MS;
}
