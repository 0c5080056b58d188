/**
 * What the ledger costs, and how fast it answers. Limits are judged by CPU time of the thread in question, and by ratios of
 * interleaved rounds, so that what else the machine does counts little; times are shown beside them.
 *
 *     node bench/ledger/run.ts [--check] [inserts] [loop] [queries] [gateway]
 *
 * With `--check` the exit code is 1 where a limit is missed. `CACHEWRIGHT_RECORDS` is the number of records, by default a
 * million.
 */
import { cpus } from 'node:os';

import { measureGateway, stopAll } from './gateway.ts';
import { measureInserts } from './inserts.ts';
import { measureLoop } from './loop.ts';
import { measureQueries } from './queries.ts';
import { print } from './statistics.ts';

const RECORDS = Number(process.env['CACHEWRIGHT_RECORDS'] ?? 1_000_000);

const PARTS: Readonly<Record<string, () => boolean | Promise<boolean>>> = {
  inserts: () => measureInserts(RECORDS),
  loop: () => measureLoop(10),
  queries: () => measureQueries(RECORDS),
  gateway: () => measureGateway(10),
};

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const asked = args.filter((name) => name in PARTS);
  print(`Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`);
  for (const [name, measure] of Object.entries(PARTS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const isFine = await measure();
    if (!isFine) print(`  ${name}: a limit is missed`);
    if (!isFine && args.includes('--check')) process.exitCode = 1;
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopAll();
    process.exit(1);
  });
}

main()
  .catch((error: unknown) => {
    process.exitCode = 1;
    print(error instanceof Error ? error.message : String(error));
  })
  .finally(stopAll);
