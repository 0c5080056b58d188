import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { freezeProcess } from './freeze.ts';

const BINARY = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find((file) => existsSync(file));

/** Is there a Redis server to test with? */
export const hasRedis: boolean = BINARY !== undefined;

export interface RedisServerOptions {
  readonly password?: string;
  /** More of its own options, as on its command line. */
  readonly args?: readonly string[];
}

/** A real Redis server on a port of its own. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Its folder, in which it writes dumps. */
  readonly folder: string;
  /** Stops it where it stands; it keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it had saved. */
  start(): Promise<void>;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function launch(port: number, folder: string, options: RedisServerOptions): Promise<ChildProcess> {
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--loglevel',
    'notice',
  ];
  const auth = options.password === undefined ? [] : ['--requirepass', options.password];
  const child = spawn(BINARY ?? 'redis-server', [...args, ...auth, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('Ready to accept connections')) break;
  }
  child.stdout.resume();
  return child;
}

/** Starts a Redis server that is gone after `close`. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-redis-'));
  const port = await freePort();
  let child: ChildProcess | null = await launch(port, folder, options);
  const kill = async (): Promise<void> => {
    const dying = child;
    child = null;
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  };
  const user = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    url: `redis://${user}127.0.0.1:${port}`,
    port,
    folder,
    freeze: () => freezeProcess(child),
    thaw: () => void child?.kill('SIGCONT'),
    kill,
    async start() {
      child ??= await launch(port, folder, options);
    },
    async close() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
