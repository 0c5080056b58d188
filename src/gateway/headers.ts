import type { IncomingHttpHeaders } from 'node:http';

import { OWN_HEADERS } from '../engine/index.ts';

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

function namedByConnection(headers: IncomingHttpHeaders): ReadonlySet<string> {
  const names = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== '' && name !== 'close'));
}

/** The client's headers for the upstream, in their order and spelling, as a flat list of names and values. */
export function forwardedHeaders(
  rawHeaders: readonly string[],
  headers: IncomingHttpHeaders,
  bodyBytes: number | null,
): string[] {
  const dropped = namedByConnection(headers);
  const forwarded: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || REPLACED.has(key) || OWN_HEADERS.has(key) || dropped.has(key)) continue;
    forwarded.push(name, rawHeaders[index + 1] ?? '');
  }
  forwarded.push('accept-encoding', readableEncodings(headers['accept-encoding']?.toString()));
  if (bodyBytes !== null) forwarded.push('content-length', String(bodyBytes));
  return forwarded;
}

/** The upstream's headers for the client: all but those of the connection. */
export function returnedHeaders(rawHeaders: readonly (Buffer | string)[]): string[] {
  const returned: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = String(rawHeaders[index]);
    if (HOP_BY_HOP.has(name.toLowerCase())) continue;
    returned.push(name, (rawHeaders[index + 1] ?? '').toString('latin1'));
  }
  return returned;
}
