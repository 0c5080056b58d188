import type { IncomingHttpHeaders } from 'node:http';

import { OWN_HEADER_PREFIX } from '../engine/index.ts';

/** Headers of one connection only (RFC 9110 7.6.1), never passed on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Set anew for the next hop: the target's name, our body's length; `expect` was answered by us. */
const REPLACED: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'accept-encoding']);

/** Encodings that we can read usage through. */
const READABLE_ENCODINGS: ReadonlySet<string> = new Set(['gzip', 'br', 'zstd', 'identity']);

/** What the client accepts, cut to encodings that we can read. */
export function readableEncodings(acceptEncoding: string | undefined): string {
  const kept = (acceptEncoding ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => READABLE_ENCODINGS.has((item.split(';')[0] ?? '').trim().toLowerCase()));
  return kept.length === 0 ? 'identity' : kept.join(', ');
}

/** What a `Connection` header names belongs to that connection too. */
function namedByConnection(connection: string): ReadonlySet<string> {
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== ''));
}

/** The client's headers for the upstream, in their order and spelling, as a flat list of names and values. */
export function forwardedHeaders(
  rawHeaders: readonly string[],
  headers: IncomingHttpHeaders,
  bodyBytes: number | null,
): string[] {
  const dropped = namedByConnection(headers.connection ?? '');
  const forwarded: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || REPLACED.has(key) || dropped.has(key) || key.startsWith(OWN_HEADER_PREFIX))
      continue;
    forwarded.push(name, rawHeaders[index + 1] ?? '');
  }
  forwarded.push('accept-encoding', readableEncodings(headers['accept-encoding']?.toString()));
  if (bodyBytes !== null) forwarded.push('content-length', String(bodyBytes));
  return forwarded;
}

/** The upstream's headers for the client: all but those of the connection. */
export function returnedHeaders(rawHeaders: readonly (Buffer | string)[]): string[] {
  const texts = rawHeaders.map((item) => item.toString('latin1'));
  const dropped = namedByConnection(headerValues(texts, 'connection'));
  const returned: string[] = [];
  for (let index = 0; index + 1 < texts.length; index += 2) {
    const name = texts[index] ?? '';
    const key = name.toLowerCase();
    if (!HOP_BY_HOP.has(key) && !dropped.has(key)) returned.push(name, texts[index + 1] ?? '');
  }
  return returned;
}

/** All values of a header in a flat list of names and values, joined as one list; empty without. */
export function headerValues(rawHeaders: readonly string[], name: string): string {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
  return values.join(', ');
}
