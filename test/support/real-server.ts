import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

/** A port on which nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** How a server says that it can be asked. */
export interface Readiness {
  readonly stream: 'stdout' | 'stderr';
  readonly sentence: string;
}

/** Starts a server, and waits until it says that it can be asked. */
export async function launchServer(
  program: string,
  args: readonly string[],
  { stream, sentence }: Readiness,
  options: Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> = {},
): Promise<ChildProcess> {
  const other = stream === 'stdout' ? 'inherit' : 'ignore';
  const child = spawn(program, [...args], {
    ...options,
    stdio: stream === 'stdout' ? ['ignore', 'pipe', other] : ['ignore', other, 'pipe'],
  });
  const said = child[stream];
  if (!said) throw new Error(`${program} says nothing`);
  for await (const line of createInterface({ input: said })) {
    if (!line.includes(sentence)) continue;
    // Nobody reads on, and a full pipe would hold the server up.
    said.resume();
    return child;
  }
  throw new Error(`${program} ended before it was ready`);
}

/** Has it been started, and not ended? */
export function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** Sends a signal that ends a server, and waits until it is gone. */
export async function endServer(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (!child || !isRunning(child)) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
