/**
 * What a gateway costs: requests a second, latency and CPU of the gateway against the least that a proxy can be, and
 * against another gateway, in interleaved rounds of one run. Figures of one machine are compared with each other only.
 * Names of cases as arguments (`'20 KB'`, `SSE`) measure only those.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { cpus } from 'node:os';

import { makeBodies } from './bodies.ts';
import { firstByteP50Ms, runRound, type Round } from './load.ts';
import {
  bareProxy,
  cachewright,
  direct,
  portkey,
  PORTKEY_FOLDER,
  PORTKEY_VERSION,
  startUpstream,
  stopAll,
  type Target,
} from './targets.ts';

interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly connections: number;
  readonly seconds: number;
}

const CASES: readonly Case[] = [
  { name: '2 KB', bytes: 2_000, connections: 16, seconds: 3 },
  { name: '20 KB', bytes: 20_000, connections: 16, seconds: 3 },
  { name: '200 KB', bytes: 200_000, connections: 16, seconds: 3 },
  { name: '1 MB', bytes: 1_000_000, connections: 4, seconds: 4 },
];
const ROUNDS = 5;
const BODIES = 64;
const STREAMS_A_ROUND = 100;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function installPortkey(): boolean {
  if (existsSync(`${PORTKEY_FOLDER}/node_modules/@portkey-ai/gateway`)) return true;
  mkdirSync(PORTKEY_FOLDER, { recursive: true });
  const name = `@portkey-ai/gateway@${PORTKEY_VERSION}`;
  const args = [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--prefix',
    PORTKEY_FOLDER,
    name,
  ];
  return spawnSync('npm', args, { stdio: 'ignore' }).status === 0;
}

function quantiles(values: readonly number[]): { min: number; median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { min: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
}

function spread(values: readonly number[], digits: number): string {
  const { min, median, max } = quantiles(values);
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

type Rounds = ReadonlyMap<string, readonly Round[]>;

/** Pair by pair, round by round: a drift of the machine's speed cancels out. */
function ratios(
  rounds: Rounds,
  name: string,
  base: string,
  pick: (round: Round) => number | null,
): readonly number[] {
  const own = rounds.get(name) ?? [];
  const other = rounds.get(base) ?? [];
  return own.flatMap((round, index) => {
    const value = pick(round);
    const against = other[index] && pick(other[index]);
    return value === null || !against ? [] : [value / against];
  });
}

function printCase(test: Case, rounds: Rounds): void {
  print(
    `\n${test.name} JSON, ${test.connections} connections, ${ROUNDS} rounds of ${test.seconds} s: median (min-max)`,
  );
  for (const [name, own] of rounds) {
    const rate = spread(
      own.map((round) => round.requestsPerSecond),
      0,
    );
    const latency = spread(
      own.map((round) => round.p50Ms),
      2,
    );
    const cpu = own.flatMap((round) => (round.cpuUsPerRequest === null ? [] : [round.cpuUsPerRequest]));
    const cpuText = cpu.length > 0 ? `, CPU ${spread(cpu, 0)} us/request` : '';
    const failed = own.reduce((sum, round) => sum + round.failed, 0);
    print(
      `  ${name.padEnd(9)} ${rate} requests/s, p50 ${latency} ms${cpuText}${failed > 0 ? `, ${failed} FAILED` : ''}`,
    );
  }
  const rate = (round: Round): number => round.requestsPerSecond;
  const cpu = (round: Round): number | null => round.cpuUsPerRequest;
  for (const name of ['observe', 'optimize']) {
    print(
      `  ${name} / bare: requests/s ${spread(ratios(rounds, name, 'bare', rate), 2)}, CPU ${spread(ratios(rounds, name, 'bare', cpu), 2)}`,
    );
  }
  if (rounds.has('portkey'))
    print(`  optimize / portkey: requests/s ${spread(ratios(rounds, 'optimize', 'portkey', rate), 2)}`);
}

async function measureCase(test: Case, targets: readonly Target[]): Promise<void> {
  const bodies = makeBodies(test.bytes, BODIES, false);
  const rounds = new Map<string, Round[]>(targets.map((target) => [target.name, []]));
  for (const target of targets) await runRound(target, bodies, test.connections, 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const target of targets) {
      rounds.get(target.name)?.push(await runRound(target, bodies, test.connections, test.seconds));
    }
  }
  printCase(test, rounds);
}

async function measureStreams(targets: readonly Target[]): Promise<void> {
  const bodies = makeBodies(20_000, BODIES, true);
  const times = new Map<string, number[]>(targets.map((target) => [target.name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const target of targets) {
      const p50Ms = await firstByteP50Ms(target, bodies, STREAMS_A_ROUND);
      if (round > 0 && p50Ms !== null) times.get(target.name)?.push(p50Ms);
    }
  }
  print(
    `\nSSE, 20 KB request, one at a time, ${ROUNDS} rounds of ${STREAMS_A_ROUND}: first byte p50, median (min-max) of rounds`,
  );
  const base = times.get('direct') ?? [];
  for (const [name, own] of times) {
    const added = own.map((timeMs, index) => timeMs - (base[index] ?? 0));
    print(
      own.length === 0
        ? `  ${name.padEnd(9)} failed`
        : `  ${name.padEnd(9)} ${spread(own, 2)} ms, added ${spread(added, 2)} ms`,
    );
  }
}

async function main(): Promise<void> {
  const upstream = await startUpstream();
  const targets = [
    direct(upstream),
    await bareProxy(upstream),
    await cachewright(upstream, 'observe'),
    await cachewright(upstream, 'optimize'),
  ];
  if (installPortkey()) targets.push(await portkey(upstream));
  else print(`@portkey-ai/gateway@${PORTKEY_VERSION} could not be installed: measured without it`);
  print(
    `Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}; client, gateways and upstream share it`,
  );
  const asked = process.argv.slice(2);
  const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name);
  for (const test of CASES) if (isAsked(test.name)) await measureCase(test, targets);
  if (isAsked('SSE')) await measureStreams(targets);
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
