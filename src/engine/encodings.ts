import type { Transform } from 'node:stream';
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  gunzipSync,
  inflateSync,
  zstdDecompressSync,
  type ZlibOptions,
} from 'node:zlib';

/** How one content encoding is undone. */
export interface Decoder {
  /** As the bytes come. */
  stream(): Transform;
  /** All at once, up to a limit; throws past it and on bytes that are not so encoded. */
  whole(bytes: Uint8Array, limit: Pick<ZlibOptions, 'maxOutputLength'>): Buffer;
}

const gzip: Decoder = { stream: () => createGunzip(), whole: gunzipSync };

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gzip],
  ['x-gzip', gzip],
  ['deflate', { stream: () => createInflate(), whole: inflateSync }],
  ['br', { stream: () => createBrotliDecompress(), whole: brotliDecompressSync }],
  ['zstd', { stream: () => createZstdDecompress(), whole: zstdDecompressSync }],
]);

/** What undoes a `content-encoding`: `plain` where there is nothing to undo, null where it is not known. */
export function decoderFor(contentEncoding: string): Decoder | 'plain' | null {
  const encoding = contentEncoding.trim().toLowerCase();
  return encoding === '' || encoding === 'identity' ? 'plain' : (DECODERS.get(encoding) ?? null);
}
