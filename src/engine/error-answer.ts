import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';

/** Longest error answer that is unpacked to see what it is about. */
const ERROR_BYTES_MAX = 1024 * 1024;

const UNPACK_LIMIT = { maxOutputLength: ERROR_BYTES_MAX };

/** What unpacks each encoding that is ever asked for upstream. */
const UNPACKERS: ReadonlyMap<string, (body: Uint8Array) => Buffer> = new Map([
  ['gzip', (body) => gunzipSync(body, UNPACK_LIMIT)],
  ['br', (body) => brotliDecompressSync(body, UNPACK_LIMIT)],
  ['zstd', (body) => zstdDecompressSync(body, UNPACK_LIMIT)],
]);

function decodeError(body: Uint8Array, encoding: string): string {
  const unpack = UNPACKERS.get(encoding.trim().toLowerCase());
  if (!unpack) return Buffer.from(body).toString('utf8');
  try {
    return unpack(body).toString('utf8');
  } catch {
    return '';
  }
}

/** Is an error answer a sentence about `cache_control`? */
export function namesMarkers(body: Uint8Array, encoding: string): boolean {
  return decodeError(body, encoding).includes('cache_control');
}
