import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const root = `${import.meta.dirname}/../..`;
const children: ChildProcess[] = [];

/** A gateway that runs for the bench. */
export interface BenchGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** CPU that it has used so far with all its threads, in ms. */
  cpuMs(): number;
}

/** Clock ticks a second of `/proc/PID/stat`, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

function cpuMsOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}

/** Starts a script and reads what it prints until all patterns have been found. */
async function start(
  args: readonly string[],
  patterns: readonly RegExp[],
): Promise<{ readonly found: readonly string[]; readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let said = '';
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`;
    const found = patterns.flatMap((pattern) => pattern.exec(said)?.[1] ?? []);
    if (found.length === patterns.length) return { found, child };
  }
  throw new Error(`${args[0] ?? ''} ended before it listened`);
}

/** Starts a gateway over a folder, and an upstream for it that answers at once. */
export async function startBenchGateway(folder: string): Promise<BenchGateway> {
  const upstream = await start([`${root}/bench/gateway/upstream.ts`], [/^(\d+)$/m]);
  const to = `http://127.0.0.1:${upstream.found[0] ?? ''}`;
  const places = ['--port', '0', '--admin-port', '0', '--data-dir', folder, '--upstream', to];
  const { found, child } = await start(
    [`${root}/src/cli/main.ts`, 'serve', ...places, '--json', '--log-level', 'silent'],
    [/"name":"gateway","url":"([^"]+)"/, /"name":"admin","url":"([^"]+)"/],
  );
  const [url = '', adminUrl = ''] = found;
  return { url, adminUrl, cpuMs: () => cpuMsOf(child) };
}

/** Ends what was started here, and waits for it. */
export async function stopProcesses(): Promise<void> {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const gone = running.map((child) => once(child, 'exit'));
  for (const child of running) child.kill();
  await Promise.all(gone);
}
