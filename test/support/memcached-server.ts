import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';

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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
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
  while (child.exitCode === null && !(await isListening(port)));
  return child;
}

/** Starts a Memcached server that is gone after `kill`. */
export async function startMemcached(args: readonly string[] = []): Promise<MemcachedServer> {
  const port = await freePort();
  let child: ChildProcess | null = await launch(port, args);
  return {
    server: `127.0.0.1:${port}`,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async kill() {
      const dying = child;
      child = null;
      if (!dying) return;
      const gone = once(dying, 'exit');
      dying.kill('SIGKILL');
      await gone;
    },
    async start() {
      child ??= await launch(port, args);
    },
  };
}
