/** What the ledger costs a gateway at 1,000 requests a second: with it and without, in interleaved rounds of one run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { makeBodies } from '../gateway/bodies.ts';
import { print, quantile } from './statistics.ts';
import { openConnections, runSteadyLoad } from './steady-load.ts';

const RATE = 1_000;
const ROUNDS = 7;
const BODY_BYTES = 2_000;
const root = `${import.meta.dirname}/../..`;
const children: ChildProcess[] = [];
const folders: string[] = [];

/** Ends every process that was started here. */
export function stopAll(): void {
  for (const child of children) child.kill();
}

interface Started {
  readonly found: string;
  readonly pid: number;
}

/** Clock ticks a second of `/proc/PID/stat`, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU that a process with all its threads has used so far, in ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}

async function start(args: readonly string[], pattern: RegExp): Promise<Started> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = pattern.exec(line)?.[1];
    if (found !== undefined) return { found, pid: child.pid ?? 0 };
  }
  throw new Error(`${args[0] ?? ''} ended before it listened`);
}

async function startGateway(upstream: string, ledger: 'file' | 'off'): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
  folders.push(folder);
  const places = ['--port', '0', '--admin-port', '0', '--data-dir', folder, '--upstream', upstream];
  const quiet = ['--json', '--log-level', 'silent', '--ledger', ledger];
  const main = `${root}/src/cli/main.ts`;
  return start([main, 'serve', ...places, ...quiet], /"name":"gateway","url":"([^"]+)"/);
}

interface Round {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the gateway, all threads, for an answer. */
  readonly cpuUs: number;
}

type Gateway = Started & { readonly pool: ReturnType<typeof openConnections> };
type Both<Kind> = Readonly<Record<'on' | 'off', Kind>>;

/** Both in turn, a second each: what the machine does beside them falls on both. */
async function runRound(
  gateways: Both<Gateway>,
  bodies: readonly string[],
  seconds: number,
): Promise<Both<Round>> {
  const latenciesMs = { on: [] as number[], off: [] as number[] };
  const usedMs = { on: 0, off: 0 };
  for (let second = 0; second < seconds * 2; second += 1) {
    // on, off, off, on, ...: the one that is measured first takes turns as well.
    const name = (second + (second >> 1)) % 2 === 0 ? 'on' : 'off';
    const { pool, pid } = gateways[name];
    const before = cpuMs(pid);
    const slice = await runSteadyLoad(pool, bodies, RATE, 1);
    if (slice.failed > 0) throw new Error(`${slice.failed} requests failed`);
    latenciesMs[name].push(...slice.latenciesMs);
    usedMs[name] += cpuMs(pid) - before;
  }
  const roundOf = (name: 'on' | 'off'): Round => ({
    p50Ms: quantile(latenciesMs[name], 0.5),
    p99Ms: quantile(latenciesMs[name], 0.99),
    cpuUs: (usedMs[name] * 1000) / Math.max(1, latenciesMs[name].length),
  });
  return { on: roundOf('on'), off: roundOf('off') };
}

/** @returns whether the limits are kept. */
export async function measureGateway(seconds: number): Promise<boolean> {
  const { found: port } = await start([`${root}/bench/gateway/upstream.ts`], /^(\d+)$/);
  const upstream = `http://127.0.0.1:${port}`;
  const open = async (ledger: 'file' | 'off'): Promise<Gateway> => {
    const started = await startGateway(upstream, ledger);
    return { ...started, pool: openConnections(started.found) };
  };
  const gateways = { on: await open('file'), off: await open('off') };
  const bodies = makeBodies(BODY_BYTES, 64, false);
  await runRound(gateways, bodies, seconds);
  const rounds: Both<Round>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await runRound(gateways, bodies, seconds));
  await Promise.all(Object.values(gateways).map(({ pool }) => pool.close()));
  const gone = children.map((child) => once(child, 'exit'));
  stopAll();
  await Promise.all(gone);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  const shares = (pick: (round: Round) => number): string => {
    const all = rounds.map(({ on, off }) => pick(on) / pick(off));
    const [low, middle, high] = [0, 0.5, 1].map((share) => quantile(all, share).toFixed(3));
    const each = (['on', 'off'] as const).map((name) =>
      quantile(
        rounds.map((round) => pick(round[name])),
        0.5,
      ).toFixed(2),
    );
    return `${middle} (${low}-${high}; ${each.join(' / ')})`;
  };
  print(
    `gateway: ${RATE} requests/s, ${ROUNDS} rounds of ${seconds} s each in turn, ledger on / off, medians of rounds`,
  );
  print(`  p50 ${shares(({ p50Ms }) => p50Ms)} ms`);
  print(`  p99 ${shares(({ p99Ms }) => p99Ms)} ms`);
  print(`  CPU ${shares(({ cpuUs }) => cpuUs)} us a request`);
  const middle = (pick: (round: Round) => number): number =>
    quantile(
      rounds.map(({ on, off }) => pick(on) / pick(off)),
      0.5,
    );
  return middle(({ p50Ms }) => p50Ms) <= 1.05 && middle(({ p99Ms }) => p99Ms) <= 1.3;
}
