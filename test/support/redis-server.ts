import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freezeProcess } from './freeze.ts';
import { endServer, freePort, launchServer } from './real-server.ts';

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

function launch(port: number, folder: string, options: RedisServerOptions): Promise<ChildProcess> {
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const auth = options.password === undefined ? [] : ['--requirepass', options.password];
  const args = [...place, '--save', '', '--loglevel', 'notice', ...auth, ...(options.args ?? [])];
  return launchServer(BINARY ?? 'redis-server', args, {
    stream: 'stdout',
    sentence: 'Ready to accept connections',
  });
}

/** Starts a Redis server that is gone after `close`. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-redis-'));
  const port = await freePort();
  let child: ChildProcess | null = await launch(port, folder, options);
  const kill = async (): Promise<void> => {
    const dying = child;
    child = null;
    await endServer(dying, 'SIGKILL');
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
