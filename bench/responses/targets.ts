import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Something that answers, and is measured. */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** Part of the head of every answer once answers are kept. */
  readonly headPart: string;
  /** CPU seconds that its process has used so far. */
  cpuSeconds(): number;
}

const here = import.meta.dirname;
const children: ChildProcess[] = [];
const folders: string[] = [];

/** Clock ticks a second of `/proc/PID/stat`, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

function cpuOf(pid: number | undefined): number {
  const file = `/proc/${pid}/stat`;
  if (pid === undefined || !existsSync(file)) return Number.NaN;
  const fields = readFileSync(file, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function start(
  args: readonly string[],
  pick: (line: string) => string | undefined,
): Promise<{ readonly told: string; readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const told = pick(line);
    if (told === undefined) continue;
    child.stdout.resume();
    return { told, child };
  }
  throw new Error(`${args[0] ?? ''} ended before it was ready`);
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
  folders.push(folder);
  return folder;
}

const portAlone = (line: string): string | undefined => /^\d+$/.exec(line)?.[0];

async function startScript(
  name: string,
  script: string,
  args: readonly string[],
  headPart: string,
): Promise<Target> {
  const { told, child } = await start([`${here}/${script}`, ...args], portAlone);
  return { name, port: Number(told), headPart, cpuSeconds: () => cpuOf(child.pid) };
}

/** Ends every process that was started here, and removes their folders. */
export async function stopAll(): Promise<void> {
  const running = children
    .splice(0)
    .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(
    running.map(async (child) => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }),
  );
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** The least that gives these answers. */
export function bareServer(answerBytes: number): Promise<Target> {
  return startScript('bare', 'answer-server.ts', [String(answerBytes)], '');
}

/** The same, fetching its bytes from Redis. */
export function bareOnRedis(answerBytes: number, redisUrl: string): Promise<Target> {
  return startScript('bare+GET', 'answer-server.ts', [String(answerBytes), redisUrl], '');
}

/** The gateway as `serve` starts it, which gives answers from memory, and notes each in its ledger or in none. */
export async function gatewayWithMemory(upstream: Target, ledger: 'file' | 'off'): Promise<Target> {
  const args = ['serve', '--json', '--port', '0', '--admin-port', '0', '--log-level', 'silent'];
  const wanted = [
    '--response-cache',
    '3600',
    '--ledger',
    ledger,
    '--upstream',
    `http://127.0.0.1:${upstream.port}`,
  ];
  const { told, child } = await start(
    [`${here}/../../src/cli/main.ts`, ...args, ...wanted, '--data-dir', makeFolder()],
    (line) => /"name":"gateway","url":"[^"]+:(\d+)"/.exec(line)?.[1],
  );
  return {
    name: ledger === 'off' ? 'memory' : 'memory+ledger',
    port: Number(told),
    headPart: 'detail=memory',
    cpuSeconds: () => cpuOf(child.pid),
  };
}

/** A gateway that gives answers from Redis. */
export function gatewayOnRedis(upstream: Target, redisUrl: string): Promise<Target> {
  const args = [`http://127.0.0.1:${upstream.port}`, redisUrl];
  return startScript('redis', 'store-gateway.ts', args, 'detail=store');
}
