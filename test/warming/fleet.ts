import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { visitedMs, type ProcessOptions } from './keep-process.ts';

/** What an upstream saw of pings, against what it knows of the entries. */
export interface Seen {
  pings: number;
  /** Pings of an entry that another ping had renewed already. */
  duplicates: number;
  /** Pings that came when the entry had ended, and entries that ended without one. */
  missed: number;
}

/** A service that knows when each entry ends, and notes every ping. */
export interface PingedUpstream {
  readonly url: string;
  readonly seen: Seen;
  /** Counts entries that have ended by now as missed. */
  conclude(): Seen;
  close(): Promise<void>;
}

/** Due a little before the lead, by the rounding of clocks. */
const TOLERANCE_MS = 500;

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function startPingedUpstream(
  options: Omit<ProcessOptions, 'upstreamUrl'>,
): Promise<PingedUpstream> {
  const { entries, ttlMs, leadMs } = options;
  const endsMs = Array.from(
    { length: entries },
    (_, index) => visitedMs(index, { ...options, upstreamUrl: '' }) + ttlMs,
  );
  const seen: Seen = { pings: 0, duplicates: 0, missed: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const startMs = Date.now();
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const index = Number(/entry-(\d+)/.exec(Buffer.concat(chunks).toString())?.[1]);
      const leftMs = (endsMs[index] ?? 0) - startMs;
      seen.pings += 1;
      if (leftMs <= 0) seen.missed += 1;
      if (leftMs > leadMs + TOLERANCE_MS) seen.duplicates += 1;
      endsMs[index] = startMs + ttlMs;
      const usage = { input_tokens: 1, cache_read_input_tokens: 5000, output_tokens: 0 };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ usage }));
    });
  });
  const url = await listen(server);
  return {
    url,
    seen,
    conclude: () => ({ ...seen, missed: seen.missed + endsMs.filter((ends) => ends < Date.now()).length }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface Machine {
  readonly child: ChildProcess;
  status(): Promise<{ readonly counts: { readonly kept: number }; readonly note: string | null }>;
  close(): Promise<void>;
}

/** Starts a process of the fleet; resolves when it holds its entries. */
export async function startMachine(options: ProcessOptions): Promise<Machine> {
  const file = fileURLToPath(new URL('keep-process.ts', import.meta.url));
  const child = fork(file, ['machine', JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const ready = createInterface({ input: child.stdout ?? process.stdin });
  await once(ready, 'line');
  return {
    child,
    async status() {
      child.send('status');
      const [answer] = (await once(child, 'message')) as [Awaited<ReturnType<Machine['status']>>];
      return answer;
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
