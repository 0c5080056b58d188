import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server on which answers take longer. */
export interface SlowProxy {
  readonly port: number;
  /** How long each piece of an answer is held back from now on, in ms. */
  setDelay(delayMs: number): void;
  close(): Promise<void>;
}

/** Holds what comes back by the delay of its moment, and never lets a later piece pass an earlier one. */
function relaySlowly(from: Socket, to: Socket, delayOf: () => number): void {
  let dueMs = 0;
  from.on('data', (chunk: Buffer) => {
    const nowMs = performance.now();
    dueMs = Math.max(dueMs, nowMs + delayOf());
    setTimeout(() => to.write(chunk), dueMs - nowMs);
  });
}

/** Starts a proxy of TCP in front of a server on this machine. */
export async function startSlowProxy(targetPort: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>();
  let delayMs = 0;
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    relaySlowly(far, near, () => delayMs);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    setDelay: (ms) => (delayMs = ms),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
