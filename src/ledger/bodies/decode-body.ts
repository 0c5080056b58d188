import { brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';

import { READ_BYTES_MAX, type RawBody } from './bodies.ts';

type Decoder = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Buffer;

/** Each takes what there is of a body that broke off. */
const gunzip: Decoder = (bytes, options) =>
  gunzipSync(bytes, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', (bytes, options) => inflateSync(bytes, { ...options, finishFlush: constants.Z_SYNC_FLUSH })],
  [
    'br',
    (bytes, options) =>
      brotliDecompressSync(bytes, { ...options, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  ],
  [
    'zstd',
    (bytes, options) => zstdDecompressSync(bytes, { ...options, finishFlush: constants.ZSTD_e_flush }),
  ],
]);

/** A body as text, or why there is none. */
export function decodeBody({
  bytes,
  contentEncoding,
  problem,
}: RawBody): { readonly text: string } | { readonly problem: string } {
  if (problem !== null) return { problem };
  const encoding = contentEncoding.trim().toLowerCase();
  const decoder = DECODERS.get(encoding);
  if (!decoder && encoding !== '' && encoding !== 'identity')
    return { problem: `its encoding is not known: ${encoding.slice(0, 40)}` };
  try {
    const plain = decoder ? decoder(bytes, { maxOutputLength: READ_BYTES_MAX }) : bytes;
    return { text: new TextDecoder().decode(plain) };
  } catch {
    return { problem: `it cannot be read as ${encoding} of up to ${READ_BYTES_MAX} bytes` };
  }
}
