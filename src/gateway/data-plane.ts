import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

import type { Engine, ResponseTier } from '../engine/index.ts';
import { answerFromTier, passedBy, tierCall, type OpenRequest } from './response-tier.ts';
import { forwardedHeaders } from './headers.ts';
import { relay, sendGatewayError } from './relay.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

/** What the data plane is made of. */
export interface DataPlaneOptions {
  readonly engine: Engine;
  readonly upstream: Upstream;
  /** Bodies past this are passed on unread. */
  readonly bodyBytesMax: number;
  /** Answers that were given before; null: there are none. */
  readonly responses: ResponseTier | null;
  readonly log: RequestLog;
}

/** Told of every request once its answer is over. */
export type RequestLog = (entry: {
  readonly method: string;
  readonly path: string;
  /** 0 when no answer came before the client left. */
  readonly status: number;
  readonly id: string | null;
  readonly headers: IncomingMessage['headers'];
}) => void;

/** A target as proxies are asked (`http://host/path`, RFC 9112 3.2.2) in the form in which servers are asked. */
function originForm(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return path === target || path.startsWith('/') ? path : `/${path}`;
}

function isMessageRequest(request: IncomingMessage): boolean {
  return request.method === 'POST' && /^\/v1\/messages(?:\?|$)/.test(request.url ?? '');
}

function outgoing(
  request: IncomingMessage,
  body: Buffer | Readable | null,
  bodyBytes: number | null,
): UpstreamRequest {
  return {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: forwardedHeaders(request.rawHeaders, request.headers, bodyBytes),
    body,
  };
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  );
}

/** Everything that is not a request for a message: bytes in, bytes out, both ways as they come. */
function passThrough(options: DataPlaneOptions, request: IncomingMessage, response: ServerResponse): void {
  const declared = request.headers['content-length'];
  const body = hasBody(request) ? request : null;
  const bodyBytes = body && declared !== undefined ? Number(declared) : null;
  relay({
    upstream: options.upstream,
    response,
    exchange: null,
    buildRequest: () => outgoing(request, body, bodyBytes),
  });
}

/** What has been read of a body, and whether that is all. */
interface Gathered {
  readonly chunks: readonly Buffer[];
  readonly isWhole: boolean;
}

/** Reads a body up to a limit; past it the request is left paused with the rest unread. */
function gatherBody(request: IncomingMessage, bytesMax: number): Promise<Gathered> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= bytesMax) return;
      request.pause();
      request.removeAllListeners('data');
      request.removeAllListeners('end');
      resolve({ chunks, isWhole: false });
    });
    request.once('end', () => resolve({ chunks, isWhole: true }));
    request.once('error', reject);
  });
}

async function* chunksThenRest(
  chunks: readonly Buffer[],
  rest: IncomingMessage,
): AsyncIterableIterator<Buffer> {
  yield* chunks;
  for await (const chunk of rest as AsyncIterable<Buffer>) yield chunk;
}

/** A request for a message: read whole, planned, sent, and accounted for. */
async function handleMessage(
  options: DataPlaneOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<string | null> {
  const gathered = await gatherBody(request, options.bodyBytesMax);
  const { url: path = '/', headers } = request;
  if (!gathered.isWhole) {
    const declared = headers['content-length'];
    const rest = Readable.from(chunksThenRest(gathered.chunks, request));
    const bodyBytes = declared === undefined ? null : Number(declared);
    const exchange = options.engine.open({ path, headers, body: Buffer.alloc(0), isTooLong: true });
    relay({
      upstream: options.upstream,
      response,
      exchange,
      buildRequest: () => outgoing(request, rest, bodyBytes),
    });
    return exchange.id;
  }
  const [only] = gathered.chunks;
  const body = gathered.chunks.length === 1 && only ? only : Buffer.concat(gathered.chunks);
  let id: string | null = null;
  const open: OpenRequest = (target, { responses, ...more }) => {
    const exchange = options.engine.open({ path, headers, body, ...(responses ? { responses } : {}) });
    id = exchange.id;
    relay({
      upstream: options.upstream,
      response: target,
      exchange,
      buildRequest: () => outgoing(request, exchange.bytes, exchange.bytes.length),
      ...more,
    });
  };
  const prepared = options.responses?.prepare(tierCall(path, headers, body, response)) ?? null;
  if (prepared?.kind === 'eligible') {
    const unsent = await answerFromTier({ prepared, engine: options.engine, path, headers, response, open });
    id = unsent ?? id;
  } else if (prepared) {
    const { cacheStatus, reason } = prepared;
    open(response, { cacheStatus, responses: () => passedBy(reason) });
  } else open(response, {});
  return id;
}

/** The data plane's request handler. */
export function createDataPlane(options: DataPlaneOptions): RequestListener {
  return (request, response) => {
    request.url = originForm(request.url ?? '/');
    let id: string | null = null;
    response.once('close', () => {
      const { method = 'GET', url = '/', headers } = request;
      const status = response.headersSent ? response.statusCode : 0;
      options.log({ method, path: url.split('?')[0] ?? '/', status, id, headers });
    });
    if (!isMessageRequest(request)) return passThrough(options, request, response);
    handleMessage(options, request, response).then(
      (opened) => {
        id = opened;
      },
      () => {
        // The client broke off while sending: nobody is left to tell, unless only the body was malformed.
        if (!response.headersSent && !response.destroyed) {
          sendGatewayError(response, 400, 'invalid_request_error', 'the request body ended too early');
        }
      },
    );
  };
}
