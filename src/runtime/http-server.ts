import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** Where a server listens; port 0 takes any free one. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
}

/** A server that is listening. */
export interface RunningServer {
  /** `http://HOST:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Stops accepting, waits for requests in flight, and cuts what is left after `drainMs`. */
  close(drainMs?: number): Promise<void>;
}

/** Could not listen: a sentence that says where and why. */
export class ListenError extends Error {
  override readonly name = 'ListenError' as const;
}

function explain(error: NodeJS.ErrnoException, options: ListenOptions): string {
  const place = `${options.host}:${options.port}`;
  if (error.code === 'EADDRINUSE')
    return `${place} is already in use: stop what listens there or choose another port`;
  if (error.code === 'EACCES') return `not allowed to listen on ${place}: choose a port above 1023`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `${options.host} is no address of this machine`;
  return `cannot listen on ${place}: ${error.message}`;
}

function urlOf(address: AddressInfo): string {
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/** Time given to requests in flight when a server closes, in ms. */
const DRAIN_MS = 30_000;

async function drain(server: Server, unused: ReadonlySet<Socket>, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  for (const socket of unused) socket.destroy();
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(cut);
}

/**
 * Starts an HTTP server.
 *
 * @throws ListenError when the address cannot be had.
 */
export async function startServer(handler: RequestListener, options: ListenOptions): Promise<RunningServer> {
  // Loaded here, so that whoever only wants the clock loads no server.
  const { createServer } = await import('node:http');
  // Clients connect ahead of need, and Node takes a connection that never carried a request for a busy one.
  const unused = new Set<Socket>();
  // Nobody may use a kept connection again: waiting for its client to let go would hold up closing.
  const closeWhenDraining = (): void => {
    if (!server.listening) server.closeIdleConnections();
  };
  // Requests may take as long as a model thinks: only the time for sending headers is bounded.
  const server = createServer(
    { requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      unused.delete(request.socket);
      handler(request, response);
      response.on('close', closeWhenDraining);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(explain(error, options))));
    server.listen(options.port, options.host, resolve);
  });
  server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new ListenError(`no address for ${options.host}`);
  return {
    url: urlOf(address),
    port: address.port,
    close: (drainMs = DRAIN_MS) => drain(server, unused, drainMs),
  };
}

/** A body was longer than allowed. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError' as const;
}

/**
 * Collects a request's body.
 *
 * @throws BodyTooLargeError past `bytesMax`; the rest of the body is then still unread.
 */
export async function readRequestBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > bytesMax) throw new BodyTooLargeError(`the body is longer than ${bytesMax} bytes`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw new BodyTooLargeError(`the body is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size);
}
