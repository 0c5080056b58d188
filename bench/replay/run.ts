/**
 * How fast `replay` is: a recorded trace with all policies and the bound over two workers, then each policy alone on a
 * made trace of millions of requests, beside a plain loop over a `Map`, and on a tenth of it. Times are CPU seconds.
 *
 *     node bench/replay/run.ts [TRACE] [--requests N]
 */
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

import { POLICIES, generateWorkload, readTrace, replay, type Trace } from '../../src/replay/index.ts';
import { defaultPolicyNames } from '../../src/replay/policies/index.ts';
import { theoryPrices } from '../../src/replay/prices.ts';
import { simulate } from '../../src/replay/simulate/simulate.ts';
import { lowerBounds } from '../../src/replay/bounds/lower-bounds.ts';
import { playPlainly } from './plain-loop.ts';

function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function countVisits({ requests, trie }: Trace): number {
  let visits = 0;
  for (let request = 0; request < requests.count; request += 1)
    visits += (trie.depths[requests.prefixIds[request] ?? -1] ?? -1) + 1;
  return visits;
}

function peakMegabytes(): string {
  return `${Math.round(process.resourceUsage().maxRSS / 1024)} MB at most`;
}

async function measureTrace(file: string): Promise<void> {
  if (!existsSync(file)) {
    print(`${file} does not exist: name a recorded trace to measure it`);
    return;
  }
  const startMs = performance.now();
  const before = process.cpuUsage();
  const trace = await readTrace([file]);
  const readMs = performance.now();
  const { policies } = await replay(trace, { prices: { atMs: 0 }, workers: 2 });
  const { user, system } = process.cpuUsage(before);
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  print(`${trace.name}: ${trace.requests.count} requests, ${countVisits(trace)} prefix visits`);
  print(`  reading ${seconds(readMs - startMs)}, ${policies.length} policies and the bound over two workers`);
  print(
    `  ${seconds(performance.now() - readMs)}, CPU ${seconds((user + system) / 1000)}, ${peakMegabytes()}`,
  );
}

/** CPU seconds by name: the plain loop, every policy and the bound, one after another in this thread. */
function measureEach(trace: Trace): ReadonlyMap<string, number> {
  const prices = trace.models.map(() => theoryPrices);
  const seconds = new Map<string, number>();
  let plain = { readTokens: 0, writeTokens: 0 };
  seconds.set(
    '(plain Map loop, automatic-5m)',
    cpuSeconds(() => (plain = playPlainly(trace))),
  );
  for (const policy of POLICIES.filter(({ name }) => defaultPolicyNames.includes(name))) {
    let readTokens = 0;
    const taken = cpuSeconds(() => {
      const { tallies } = simulate(trace, policy, { prices });
      readTokens = tallies.reduce((sum, tally) => sum + tally.readTokens, 0);
    });
    seconds.set(policy.name, taken);
    if (policy.name === 'automatic-5m' && readTokens !== plain.readTokens)
      throw new Error(`the plain loop reads ${plain.readTokens} tokens, the simulator ${readTokens}`);
  }
  seconds.set(
    '(lower bound)',
    cpuSeconds(() => void lowerBounds(trace, prices)),
  );
  return seconds;
}

function measureLarge(requests: number): void {
  const small = generateWorkload('large', { requests: Math.round(requests / 10) });
  measureEach(small);
  const ofSmall = measureEach(small);
  const large = generateWorkload('large', { requests });
  const ofLarge = measureEach(large);
  const visits = countVisits(large);
  print(`${large.name}: ${requests} requests, ${large.trie.count} prefixes, ${visits} prefix visits`);
  print(`${'one thread'.padEnd(32)}CPU s   million visits/s   times a tenth of the requests`);
  for (const [name, taken] of ofLarge) {
    const rate = (visits / taken / 1e6).toFixed(1);
    const growth = (taken / (ofSmall.get(name) ?? Infinity)).toFixed(1);
    print(`${name.padEnd(32)}${taken.toFixed(2).padStart(5)}${rate.padStart(19)}${growth.padStart(32)}`);
  }
  print(peakMegabytes());
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { requests: { type: 'string', default: '5000000' } },
});
print(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
await measureTrace(positionals[0] ?? '../shared/traces/weka_v8_dev.compact.jsonl.gz');
print();
measureLarge(Number(values.requests));
