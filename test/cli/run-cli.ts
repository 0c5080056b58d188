import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** State of the runs of one test file, away from the user's own. */
const STATE_HOME = mkdtempSync(join(tmpdir(), 'cachewright-state-'));

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

/** What a run of the command line left behind. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Environment without anything that would configure the command. */
function cleanEnvironment(extra: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(CACHEWRIGHT_|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS)/i.test(name),
  );
  return { ...Object.fromEntries(kept), XDG_STATE_HOME: STATE_HOME, ...extra };
}

function start(args: readonly string[], extra: Readonly<Record<string, string>>): ChildProcess {
  const node = ['--disable-warning=ExperimentalWarning', MAIN, ...args];
  return spawn(process.execPath, node, { env: cleanEnvironment(extra), stdio: ['pipe', 'pipe', 'pipe'] });
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += chunk.toString();
  return text;
}

/** Runs a command to its end. */
export async function runCli(
  args: readonly string[],
  { input = '', env = {} }: { input?: string | Buffer; env?: Readonly<Record<string, string>> } = {},
): Promise<CliResult> {
  const child = start(args, env);
  child.stdin?.end(input);
  const exit = once(child, 'close');
  const [stdout, stderr] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const [code] = (await exit) as [number | null];
  return { code, stdout, stderr };
}

/** How a process ended: by itself with a code, or by a signal. */
export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A server command that is running: where its listeners are, by name. */
export interface RunningCli {
  readonly urls: Readonly<Record<string, string>>;
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly ended: Promise<CliEnd>;
  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and gives the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a server with `--json` and waits for its listeners. */
export async function startCli(
  args: readonly string[],
  names: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningCli> {
  const child = start([...args, '--json'], env);
  const exit = once(child, 'close') as Promise<[CliEnd['code'], CliEnd['signal']]>;
  const stderr = collect(child.stderr);
  const urls: Record<string, string> = {};
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    const event = JSON.parse(line) as { event: string; name: string; url: string };
    if (event.event === 'listening') urls[event.name] = event.url;
    if (names.every((name) => name in urls)) break;
  }
  const ended = exit.then(async ([code, signal]) => ({ code, signal, stderr: await stderr }));
  return {
    urls,
    pid: child.pid ?? 0,
    ended,
    signal: (signal) => void child.kill(signal),
    async stop(signal) {
      child.kill(signal);
      return (await ended).code;
    },
  };
}
