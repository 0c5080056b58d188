import type { IncomingMessage, ServerResponse } from 'node:http';

import { BodyTooLargeError, readRequestBody } from '../runtime/index.ts';
import { parseBody } from '../wire/index.ts';
import { errorBody, invalidRequest, type ApiError } from './errors.ts';

/** Longest body, as the API's own limit. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** One HTTP request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

/** Answers with one JSON document. */
export function sendJson(
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  exchange.response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'request-id': exchange.requestId,
    ...headers,
  });
  exchange.response.end(bytes);
}

/** Answers with an error in the API's form, `retry-after` included where it is known. */
export function sendError(exchange: Exchange, error: ApiError): void {
  const headers = error.retryAfterS === undefined ? {} : { 'retry-after': String(error.retryAfterS) };
  sendJson(exchange, error.status, errorBody(error, exchange.requestId), headers);
}

/** The first value of a header; null without one. */
export function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
}

/** A body that was read, or why it cannot be. */
export type ReadBody = { readonly value: unknown } | { readonly error: ApiError };

async function readWith(request: IncomingMessage, parse: (bytes: Buffer) => ReadBody): Promise<ReadBody> {
  try {
    return parse(await readRequestBody(request, BODY_BYTES_MAX));
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    return { error: { status: 413, type: 'request_too_large', message: error.message } };
  }
}

function notJson(reason: string): ReadBody {
  return { error: invalidRequest(`The request body is not valid JSON: ${reason}`) };
}

/** Reads an API request's body: 413 past 32 MiB, 400 where it is no JSON object. */
export function readApiBody(request: IncomingMessage): Promise<ReadBody> {
  return readWith(request, (bytes) => {
    const parsed = parseBody(bytes);
    return parsed.ok ? { value: parsed.value } : notJson(parsed.reason);
  });
}

/** Reads a control request's body: JSON of any kind, for a script may be a list. */
export function readControlBody(request: IncomingMessage): Promise<ReadBody> {
  return readWith(request, (bytes) => {
    try {
      return { value: JSON.parse(bytes.toString('utf8')) as unknown };
    } catch (error) {
      return notJson(error instanceof Error ? error.message : 'unreadable');
    }
  });
}
