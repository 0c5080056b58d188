import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';

import { freezeProcess } from './freeze.ts';
import { endServer, freePort, isRunning } from './real-server.ts';

const BINARY = ['/usr/bin/memcached', '/usr/local/bin/memcached'].find((file) => existsSync(file));

/** Is there a Memcached server to test with? */
export const hasMemcached: boolean = BINARY !== undefined;

/** A real Memcached server on a port of its own. */
export interface MemcachedServer {
  readonly server: string;
  /** Stops it where it stands; it keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function launch(port: number, args: readonly string[]): Promise<ChildProcess> {
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const all = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user, ...args];
  const child = spawn(BINARY ?? 'memcached', all, { stdio: ['ignore', 'ignore', 'inherit'] });
  while (isRunning(child) && !(await isListening(port)));
  if (!isRunning(child)) throw new Error(`memcached has ended at once: port ${port} may be taken`);
  return child;
}

/** On a free port; another process may have taken it meanwhile, then on another. */
async function launchAnywhere(args: readonly string[]): Promise<{ child: ChildProcess; port: number }> {
  for (let tries = 0; ; tries += 1) {
    const port = await freePort();
    try {
      return { child: await launch(port, args), port };
    } catch (error) {
      if (tries >= 5) throw error;
    }
  }
}

/** Starts a Memcached server that is gone after `kill`. */
export async function startMemcached(args: readonly string[] = []): Promise<MemcachedServer> {
  const started = await launchAnywhere(args);
  const { port } = started;
  let child: ChildProcess | null = started.child;
  return {
    server: `127.0.0.1:${port}`,
    freeze: () => freezeProcess(child),
    thaw: () => void child?.kill('SIGCONT'),
    async kill() {
      const dying = child;
      child = null;
      await endServer(dying, 'SIGKILL');
    },
    async start() {
      child ??= await launch(port, args);
    },
  };
}
