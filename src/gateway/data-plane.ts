import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

import type { Engine, ResponseTier } from '../engine/index.ts';
import { answerFromTier, passedBy, takeFromTier, tierCall, type OpenRequest } from './response-tier.ts';
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
  if (target.startsWith('/')) return target;
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

/**
 * Reads a body up to a limit; past it the request is left paused with the rest unread.
 *
 * @param done is called once
 * @param failed is called once instead when the body does not come, or when `done` throws
 */
function gatherBody(
  request: IncomingMessage,
  bytesMax: number,
  done: (gathered: Gathered) => void,
  failed: () => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const finish = (isWhole: boolean): void => {
    isOver = true;
    try {
      done({ chunks, isWhole });
    } catch {
      failed();
    }
  };
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= bytesMax) return;
    request.pause();
    request.removeAllListeners('data');
    request.removeAllListeners('end');
    finish(false);
  });
  request.on('end', () => finish(true));
  request.on('error', () => {
    if (!isOver) failed();
    isOver = true;
  });
}

/**
 * All of a body in one piece. What it was read into is given back at once, where it holds nothing else: left to the collector,
 * it would have the whole heap marked the sooner.
 */
function joinChunks(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  if (chunks.length === 1 && only) return only;
  const body = Buffer.concat(chunks);
  for (const { buffer, byteLength } of chunks) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
  return body;
}

async function* chunksThenRest(
  chunks: readonly Buffer[],
  rest: IncomingMessage,
): AsyncIterableIterator<Buffer> {
  yield* chunks;
  for await (const chunk of rest as AsyncIterable<Buffer>) yield chunk;
}

/** A request that is being handled, and the id of its record, once there is one. */
interface Handled {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  id: string | null;
}

/** A body that is too long to be held goes out as it comes; only its bill is read. */
function relayUnread(options: DataPlaneOptions, handled: Handled, chunks: readonly Buffer[]): void {
  const { request, response } = handled;
  const { url: path = '/', headers } = request;
  const declared = headers['content-length'];
  const rest = Readable.from(chunksThenRest(chunks, request));
  const bodyBytes = declared === undefined ? null : Number(declared);
  const exchange = options.engine.open({ path, headers, body: Buffer.alloc(0), isTooLong: true });
  handled.id = exchange.id;
  relay({
    upstream: options.upstream,
    response,
    exchange,
    buildRequest: () => outgoing(request, rest, bodyBytes),
  });
}

/** A request for a message that has been read whole: answered from what is kept, or planned, sent, and accounted for. */
function answerMessage(
  options: DataPlaneOptions,
  handled: Handled,
  chunks: readonly Buffer[],
): Promise<void> | null {
  const { request, response } = handled;
  const { url: path = '/', headers } = request;
  const body = joinChunks(chunks);
  const open: OpenRequest = (target, { responses, ...more }) => {
    const exchange = options.engine.open({ path, headers, body, ...(responses ? { responses } : {}) });
    handled.id = exchange.id;
    relay({
      upstream: options.upstream,
      response: target,
      exchange,
      buildRequest: () => outgoing(request, exchange.bytes, exchange.bytes.length),
      ...more,
    });
  };
  const prepared = options.responses?.prepare(tierCall(request, body, response)) ?? null;
  if (prepared?.kind === 'eligible') {
    const asked = { prepared, engine: options.engine, path, headers, response, open };
    const { keepUnsent } = options.engine;
    handled.id = takeFromTier(asked);
    if (handled.id !== null) {
      keepUnsent?.(handled.id, { path, headers, body });
      return null;
    }
    const given = answerFromTier(asked);
    return given.then((unsent) => {
      handled.id = unsent ?? handled.id;
      if (unsent !== null) keepUnsent?.(unsent, { path, headers, body });
    });
  }
  if (prepared) {
    const { cacheStatus, reason } = prepared;
    open(response, { cacheStatus, responses: () => passedBy(reason) });
  } else open(response, {});
  return null;
}

function handleMessage(options: DataPlaneOptions, handled: Handled): void {
  const { request, response } = handled;
  const fail = (): void => {
    // The client broke off while sending: nobody is left to tell, unless only the body was malformed.
    if (response.headersSent || response.destroyed) return;
    sendGatewayError(response, 400, 'invalid_request_error', 'the request body ended too early');
  };
  const take = ({ chunks, isWhole }: Gathered): void => {
    if (isWhole) answerMessage(options, handled, chunks)?.catch(fail);
    else relayUnread(options, handled, chunks);
  };
  gatherBody(request, options.bodyBytesMax, take, fail);
}

function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/** The data plane's request handler. */
export function createDataPlane(options: DataPlaneOptions): RequestListener {
  return (request, response) => {
    request.url = originForm(request.url ?? '/');
    const handled: Handled = { request, response, id: null };
    response.on('close', () => {
      const { method = 'GET', url = '/', headers } = request;
      const status = response.headersSent ? response.statusCode : 0;
      options.log({ method, path: pathOf(url), status, id: handled.id, headers });
    });
    if (isMessageRequest(request)) handleMessage(options, handled);
    else passThrough(options, request, response);
  };
}
