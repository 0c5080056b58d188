/**
 * Adds records to the ledger of a folder as fast as a busy gateway would, and says after each handful what it has added and
 * how long its threads have stood in line for a processor: on a busy machine that can be longer than records ever wait.
 */
import { readdirSync, readFileSync } from 'node:fs';

import { openSqliteLedger } from '../../src/ledger/index.ts';
import { costOf, ownCostOf, recordOf } from '../support/record.ts';

const [folder = '', round = ''] = process.argv.slice(2);
const ledger = await openSqliteLedger(folder);
let added = 0;
/** As many hits as records. */
const hits = ledger.alike?.(
  recordOf({
    scope: `hits-${round}`,
    tags: ['t0'],
    cost: costOf(0n),
    responses: { outcome: 'hit', detail: 'memory', ageMs: null, savedPicoUsd: null, savedMs: null },
  }),
);

/** Where threads of this process say how long they ran, and how long they could have but did not; Linux alone has it. */
const TASKS = '/proc/self/task';

function waitedMsOf(task: string): number {
  try {
    const [, waitedNs] = readFileSync(`${TASKS}/${task}/schedstat`, 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    // The thread has ended.
    return 0;
  }
}

/** What all threads have waited for a processor so far; null where nobody says. */
function cpuWaitedMs(): number | null {
  try {
    return readdirSync(TASKS).reduce((sum, task) => sum + waitedMsOf(task), 0);
  } catch {
    return null;
  }
}

setInterval(() => {
  for (let index = 0; index < 10; index += 1) {
    added += 1;
    ledger.add(
      recordOf({
        id: `${round}-${added}`,
        atMs: Date.now(),
        scope: `s${added % 5}`,
        tags: [`t${added % 3}`],
        cost: costOf(1n),
        misses: [],
      }),
    );
    hits?.begin(Date.now());
    hits?.end(1, { ageMs: 2, savedPicoUsd: 3n, savedMs: 4 });
    if (index === 0)
      ledger.addOwn(ownCostOf({ id: `${round}-own-${added}`, atMs: Date.now(), costPicoUsd: 1n }));
  }
  process.send?.({ added, atMs: performance.now(), cpuWaitedMs: cpuWaitedMs() });
}, 10);
