import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A way to the upstream that is measured. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** CPU seconds that the process has used so far; null where there is no process between. */
  cpuSeconds(): number | null;
}

const here = import.meta.dirname;
const root = `${here}/../..`;
const children: ChildProcess[] = [];

/** Clock ticks a second of `/proc/PID/stat`, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

function cpuOf(pid: number | undefined): number | null {
  if (pid === undefined || !existsSync(`/proc/${pid}/stat`)) return null;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function start(
  args: readonly string[],
  pick: (line: string) => string | null,
  env = process.env,
): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'ignore'], env });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const url = pick(line);
    if (url !== null) return { url, child };
  }
  throw new Error(`${args[0] ?? ''} ended before it listened`);
}

const fromPort = (line: string): string | null => (/^\d+$/.test(line) ? `http://127.0.0.1:${line}` : null);

/** Ends every process that was started here. */
export function stopAll(): void {
  for (const child of children) child.kill();
}

export async function startUpstream(): Promise<string> {
  return (await start([`${here}/upstream.ts`], fromPort)).url;
}

export function direct(upstream: string): Target {
  return { name: 'direct', url: upstream, headers: {}, cpuSeconds: () => null };
}

export async function bareProxy(upstream: string): Promise<Target> {
  const { url, child } = await start([`${here}/bare-proxy.ts`, upstream], fromPort);
  return { name: 'bare', url, headers: {}, cpuSeconds: () => cpuOf(child.pid) };
}

export async function cachewright(upstream: string, mode: 'observe' | 'optimize'): Promise<Target> {
  const args = [
    'serve',
    '--json',
    '--port',
    '0',
    '--admin-port',
    '0',
    '--log-level',
    'silent',
    '--data-dir',
    mkdtempSync(join(tmpdir(), 'cachewright-')),
  ];
  const pick = (line: string): string | null => /"name":"gateway","url":"([^"]+)"/.exec(line)?.[1] ?? null;
  const { url, child } = await start(
    [`${root}/dist/cli/main.js`, ...args, '--mode', mode, '--upstream', upstream],
    pick,
  );
  return { name: mode, url, headers: {}, cpuSeconds: () => cpuOf(child.pid) };
}

/** Folder with the other gateway, installed on demand and never with the project. */
export const PORTKEY_FOLDER: string = `${root}/.node/portkey`;
export const PORTKEY_VERSION = '1.15.2';

/** A port that nothing has now: the other gateway cannot be told to take any. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export async function portkey(upstream: string): Promise<Target> {
  const port = await freePort();
  const script = `${PORTKEY_FOLDER}/node_modules/@portkey-ai/gateway/build/start-server.js`;
  const pick = (line: string): string | null =>
    /running|localhost|Ready/i.test(line) ? `http://127.0.0.1:${port}` : null;
  const { url, child } = await start([script, '--headless', `--port=${port}`], pick);
  const headers = { 'x-portkey-provider': 'anthropic', 'x-portkey-custom-host': `${upstream}/v1` };
  return { name: 'portkey', url, headers, cpuSeconds: () => cpuOf(child.pid) };
}
