import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';

/** Stored state cannot be used; `message` ends a sentence that begins with where it is kept. */
export class StateFormatError extends Error {
  override readonly name = 'StateFormatError' as const;
}

/** What is kept, and when it was so. */
export interface SavedState {
  readonly bytes: Uint8Array;
  /** ms since 1970 UTC */
  readonly savedMs: number;
}

/*
 * Header of 72 bytes, numbers with the low byte first:
 *   0  "CWLEARN\n"          8  format version, 4 bytes   12  how the state is packed, 4 bytes
 *  16  time, float          24  length as packed, float   32  length as it is, float   40  SHA-256 of all else
 */
const MAGIC = Buffer.from('CWLEARN\n', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 72;
const DIGEST_AT = 40;
const PLAIN = 0;
const ZSTD = 1;
/** Packed state that is not smaller than this share is not worth unpacking. */
const WORTHWHILE = 0.9;
/** More than any state is: a length above it is no length. */
const STATE_BYTES_MAX = 1024 ** 3;

const compress = promisify<Buffer, Buffer>(zstdCompress);

/** Off this thread, as packing is: a large state must not hold up requests. */
async function digestOf(head: Uint8Array, packed: Uint8Array): Promise<Buffer> {
  const inner = Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(packed)));
  return Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(Buffer.concat([head, inner]))));
}

/** State as it is kept: with a version, lengths and a checksum, packed where that helps. */
export async function encodeState({ bytes, savedMs }: SavedState): Promise<Uint8Array> {
  const plain = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const squeezed = await compress(plain);
  const isSmaller = squeezed.length < plain.length * WORTHWHILE;
  const packed = isSmaller ? squeezed : plain;
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(isSmaller ? ZSTD : PLAIN, 12);
  header.writeDoubleLE(savedMs, 16);
  header.writeDoubleLE(packed.length, 24);
  header.writeDoubleLE(plain.length, 32);
  (await digestOf(header.subarray(0, DIGEST_AT), packed)).copy(header, DIGEST_AT);
  return Buffer.concat([header, packed]);
}

function unpack(packed: Buffer, packing: number, length: number): Promise<Buffer> | Buffer {
  if (packing === PLAIN) return packed;
  if (packing !== ZSTD) throw new StateFormatError('is packed in a way that this version does not know');
  return new Promise((resolve, reject) => {
    zstdDecompress(packed, { maxOutputLength: Math.max(1, length) }, (error, plain) => {
      if (error) reject(new StateFormatError('cannot be unpacked'));
      else resolve(plain);
    });
  });
}

/** @throws StateFormatError for whatever is not, byte for byte, what `encodeState` gave. */
export async function decodeState(kept: Uint8Array): Promise<SavedState> {
  const all = Buffer.from(kept.buffer, kept.byteOffset, kept.length);
  const isOurs = all.length >= MAGIC.length && all.subarray(0, MAGIC.length).equals(MAGIC);
  if (!isOurs) throw new StateFormatError('is not what Cachewright writes');
  if (all.length < HEADER_BYTES) throw new StateFormatError('is cut off');
  const version = all.readUInt32LE(8);
  if (version !== VERSION)
    throw new StateFormatError(`has format ${version}, and this version knows ${VERSION}`);
  const packed = all.subarray(HEADER_BYTES);
  if (packed.length < all.readDoubleLE(24)) throw new StateFormatError('is cut off');
  const digest = await digestOf(all.subarray(0, DIGEST_AT), packed);
  if (!digest.equals(all.subarray(DIGEST_AT, HEADER_BYTES))) throw new StateFormatError('is damaged');
  const length = all.readDoubleLE(32);
  if (!(length >= 0 && length <= STATE_BYTES_MAX)) throw new StateFormatError('is too large');
  const bytes = await unpack(packed, all.readUInt32LE(12), length);
  if (bytes.length !== length) throw new StateFormatError('is damaged');
  // Not as a buffer: `slice` would not copy it.
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, length), savedMs: all.readDoubleLE(16) };
}
