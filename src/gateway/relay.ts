import type { ServerResponse } from 'node:http';

import type { Exchange } from '../engine/index.ts';
import { returnedHeaders } from './headers.ts';
import type { Upstream, UpstreamCall, UpstreamRequest, UpstreamSink } from './upstream.ts';

/** What an answer is relayed with. */
export interface RelayOptions {
  readonly upstream: Upstream;
  readonly response: ServerResponse;
  /** null: the answer is passed on without being looked at. */
  readonly exchange: Exchange | null;
  /** Builds the request for bytes; called again when the engine wants the original sent. */
  readonly buildRequest: () => UpstreamRequest;
}

/** An error answer longer than this is no sentence about our markers: it is passed on. */
const HELD_BYTES_MAX = 64 * 1024;

function headerValue(rawHeaders: readonly string[], name: string): string {
  const index = rawHeaders.findIndex((item, at) => at % 2 === 0 && item.toLowerCase() === name);
  return index < 0 ? '' : (rawHeaders[index + 1] ?? '');
}

/** An error of ours in the API's form, so that SDKs read it as they read the API's own. */
export function sendGatewayError(response: ServerResponse, status: number, type: string, message: string): void {
  const body = Buffer.from(JSON.stringify({ type: 'error', error: { type, message: `cachewright: ${message}` } }));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** The last part of a network error's message is the useful one: `connect ECONNREFUSED 127.0.0.1:9`. */
function describeFailure(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  return error.message === '' ? (code ?? error.name) : error.message;
}

/**
 * Sends one request and passes the answer's bytes back as they come: back-pressure kept, the upstream cancelled
 * when the client leaves, a broken answer broken off for the client too.
 */
export function relay(options: RelayOptions): void {
  const { response, exchange, upstream } = options;
  let call: UpstreamCall | null = null;
  let held: { readonly head: readonly [number, string, string[]]; chunks: Buffer[]; size: number } | null = null;

  const writeHead = (status: number, statusText: string, headers: string[]): void => {
    if (exchange) headers.push('x-cachewright-id', exchange.id);
    response.writeHead(status, statusText, headers);
  };

  const release = (): void => {
    if (!held) return;
    const { head, chunks } = held;
    held = null;
    writeHead(...head);
    for (const chunk of chunks) {
      exchange?.data(chunk);
      response.write(chunk);
    }
  };

  const sink: UpstreamSink = {
    head(status, statusText, rawHeaders) {
      const headers = returnedHeaders(rawHeaders);
      const facts = {
        status,
        contentType: headerValue(headers, 'content-type'),
        contentEncoding: headerValue(headers, 'content-encoding'),
      };
      if (exchange?.responseStart(facts) === 'hold') held = { head: [status, statusText, headers], chunks: [], size: 0 };
      else writeHead(status, statusText, headers);
    },
    chunk(bytes) {
      if (held) {
        held.chunks.push(bytes);
        held.size += bytes.length;
        if (held.size > HELD_BYTES_MAX) {
          exchange?.judgeHeld(new Uint8Array());
          release();
        }
        return true;
      }
      exchange?.data(bytes);
      return response.write(bytes);
    },
    end() {
      if (held && exchange?.judgeHeld(Buffer.concat(held.chunks)) === 'resend') {
        held = null;
        call = upstream.send(options.buildRequest(), sink);
        return;
      }
      release();
      response.end();
      exchange?.complete();
    },
    fail(error) {
      held = null;
      exchange?.fail(describeFailure(error));
      if (response.headersSent) response.destroy();
      else if (!response.destroyed) {
        sendGatewayError(response, 502, 'api_error', `cannot reach ${upstream.url}: ${describeFailure(error)}`);
      }
    },
  };

  response.on('drain', () => call?.resume());
  response.once('close', () => {
    if (response.writableFinished) return;
    exchange?.fail('client_left');
    call?.abort(new Error('the client left'));
  });
  call = upstream.send(options.buildRequest(), sink);
}
