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

/** Not sent on as it came: set anew for the next hop (the target's name, our body's length), or answered by us (`expect`). */
const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'accept-encoding',
]);

/** Encodings that we can read usage through. */
const READABLE_ENCODINGS: ReadonlySet<string> = new Set(['gzip', 'br', 'zstd', 'identity']);

/** What the client accepts, cut to encodings that we can read. */
export function readableEncodings(acceptEncoding: string | undefined): string {
  if (acceptEncoding === undefined) return 'identity';
  const kept = acceptEncoding
    .split(',')
    .map((item) => item.trim())
    .filter((item) => READABLE_ENCODINGS.has((item.split(';')[0] ?? '').trim().toLowerCase()));
  return kept.length === 0 ? 'identity' : kept.join(', ');
}

const NOTHING: ReadonlySet<string> = new Set();

/** What a `Connection` header names belongs to that connection too. What it says as a rule names nothing more. */
function namedByConnection(connection: string): ReadonlySet<string> {
  if (connection === '' || connection === 'keep-alive' || connection === 'close') return NOTHING;
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
    if (NOT_FORWARDED.has(key) || dropped.has(key) || key.startsWith(OWN_HEADER_PREFIX)) continue;
    forwarded.push(name, rawHeaders[index + 1] ?? '');
  }
  forwarded.push('accept-encoding', readableEncodings(headers['accept-encoding']?.toString()));
  if (bodyBytes !== null) forwarded.push('content-length', String(bodyBytes));
  return forwarded;
}

/** The upstream's headers for the client: all but those of the connection. */
export function returnedHeaders(rawHeaders: readonly (Buffer | string)[]): string[] {
  const returned: string[] = [];
  let connection = '';
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toString('latin1') ?? '';
    const value = rawHeaders[index + 1]?.toString('latin1') ?? '';
    const key = name.toLowerCase();
    if (key === 'connection') connection = connection === '' ? value : `${connection}, ${value}`;
    else if (!HOP_BY_HOP.has(key)) returned.push(name, value);
  }
  const dropped = namedByConnection(connection);
  return dropped.size === 0 ? returned : withoutNames(returned, dropped);
}

function withoutNames(flat: readonly string[], dropped: ReadonlySet<string>): string[] {
  return flat.filter((_, at) => !dropped.has((flat[at - (at % 2)] ?? '').toLowerCase()));
}

/** All values of a header in a flat list of names and values, joined as one list; empty without. */
export function headerValues(rawHeaders: readonly string[], name: string): string {
  let values = '';
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] ?? '';
    if (given.length !== name.length || given.toLowerCase() !== name) continue;
    const value = rawHeaders[at + 1] ?? '';
    values = values === '' ? value : `${values}, ${value}`;
  }
  return values;
}
