import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { isObject, type JsonObject } from '../core/index.ts';
import { secretBytes } from '../runtime/index.ts';
import type { AnswerForm } from './request.ts';

/** What is kept of an answer beside its bytes. */
export interface EntryFacts {
  /** As the bytes are, which is how the answer was first seen. */
  readonly form: AnswerForm;
  readonly headers: Readonly<Record<string, string>>;
  readonly model: string;
  readonly usage: JsonObject;
  /** ms since 1970 UTC. */
  readonly createdMs: number;
  /** Up to here it is given without asking. */
  readonly freshUntilMs: number;
  /** Up to here it is given while a newer one is fetched. */
  readonly revalidateUntilMs: number;
  /** Up to here it is given where the upstream fails. */
  readonly errorUntilMs: number;
  /** How long the upstream took. */
  readonly upstreamMs: number;
  /** Marks by name, as they were when the request was made: it is purged once one of them has another value. */
  readonly marks: Readonly<Record<string, string>>;
}

/** An answer that is kept. */
export interface Entry {
  readonly facts: EntryFacts;
  readonly bytes: Uint8Array;
  /** The same answer in the other form, once somebody has asked for that; not kept at rest. */
  readonly otherForm?: Uint8Array;
}

/** A key for entries at rest. */
export interface EntryKey {
  /** 1 to 32 characters; stands before each entry in the clear. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Why stored bytes are no entry. */
export type EntryProblem = 'corrupt' | 'version' | 'unknown-key';

const MAGIC = Buffer.from('CWR');
const FORMAT_VERSION = 2;
const CODEC_PLAIN = 0;
const CODEC_ZSTD = 1;
const CIPHER_NONE = 0;
const CIPHER_AES_256_GCM = 1;
const CHECKSUM_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Magic, version, codec, cipher, length of the key's id. */
const HEAD_BYTES = 7;
/** Facts beside the answer's own bytes. */
const FACTS_BYTES_MAX = 64 * 1024;

function pack({ facts, bytes }: Entry): Buffer {
  const json = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, bytes]);
}

/** Of key and head a hash, of the body what finds damage: hashing it would take as long as all the rest of a hit. */
function checksum(key: string, head: Buffer, body: Uint8Array): Buffer {
  const all = `${key}\n${head.toString('hex')}\n${body.length}\n${crc32(body)}`;
  return hash('sha256', all, 'buffer').subarray(0, CHECKSUM_BYTES);
}

function isTextMap(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((member) => typeof member === 'string');
}

const TIMES = ['createdMs', 'freshUntilMs', 'revalidateUntilMs', 'errorUntilMs', 'upstreamMs'] as const;

function isFacts(value: unknown): value is EntryFacts {
  if (!isObject(value)) return false;
  const hasTimes = TIMES.every((name) => Number.isFinite(value[name]));
  const hasForm = value['form'] === 'json' || value['form'] === 'sse';
  const hasMaps = isTextMap(value['headers']) && isTextMap(value['marks']) && isObject(value['usage']);
  return hasTimes && hasForm && hasMaps && typeof value['model'] === 'string';
}

function unpack(packed: Buffer): Entry | null {
  if (packed.length < 4) return null;
  const end = 4 + packed.readUInt32BE();
  if (end > packed.length) return null;
  const facts: unknown = JSON.parse(packed.subarray(4, end).toString('utf8'));
  return isFacts(facts) ? { facts, bytes: packed.subarray(end) } : null;
}

/**
 * Writes entries as they lie in a store, and reads them: compressed, with a checksum over everything and the key under
 * which they lie, and encrypted where there are keys. The first key encrypts; all of them decrypt, so that keys can be
 * changed while entries live.
 */
export class EntryFormat {
  readonly #keys: readonly EntryKey[];
  readonly #bytesMax: number;
  readonly #compressFromBytes: number;

  /** @throws RangeError for a key that is none. */
  constructor(keys: readonly EntryKey[], bytesMax: number, compressFromBytes: number) {
    for (const { id, key } of keys) {
      if (!/^[\x21-\x7e]{1,32}$/.test(id))
        throw new RangeError('the id of a key has 1 to 32 printable characters');
      if (key.length !== 32) throw new RangeError(`key ${id} must have 32 bytes, it has ${key.length}`);
    }
    if (new Set(keys.map(({ id }) => id)).size !== keys.length) throw new RangeError('two keys have one id');
    this.#keys = keys;
    this.#bytesMax = bytesMax;
    this.#compressFromBytes = compressFromBytes;
  }

  seal(key: string, entry: Entry): Uint8Array {
    const packed = pack(entry);
    const isSmall = packed.length < this.#compressFromBytes;
    const body = isSmall ? packed : compress(packed);
    const cipherKey = this.#keys[0];
    const id = Buffer.from(cipherKey?.id ?? '');
    const codec = isSmall ? CODEC_PLAIN : CODEC_ZSTD;
    const cipher = cipherKey ? CIPHER_AES_256_GCM : CIPHER_NONE;
    const head = Buffer.concat([MAGIC, Uint8Array.of(FORMAT_VERSION, codec, cipher, id.length), id]);
    const sealed = cipherKey ? encrypt(cipherKey, body, Buffer.concat([head, Buffer.from(key)])) : body;
    return Buffer.concat([head, checksum(key, head, sealed), sealed]);
  }

  /** Reads what `seal` wrote for this key, and nothing else. Never throws. */
  open(key: string, stored: Uint8Array): Entry | EntryProblem {
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'corrupt';
    if (bytes[3] !== FORMAT_VERSION) return 'version';
    const headEnd = HEAD_BYTES + (bytes[6] ?? 0);
    const head = bytes.subarray(0, headEnd);
    const body = bytes.subarray(headEnd + CHECKSUM_BYTES);
    if (!checksum(key, head, body).equals(bytes.subarray(headEnd, headEnd + CHECKSUM_BYTES)))
      return 'corrupt';
    const cipherKey = this.#keys.find(({ id }) => id === head.subarray(HEAD_BYTES).toString());
    if (bytes[5] === CIPHER_AES_256_GCM && !cipherKey) return 'unknown-key';
    // Where entries are encrypted, one that is not was not written by us.
    if (bytes[5] !== CIPHER_AES_256_GCM && this.#keys.length > 0) return 'unknown-key';
    try {
      const plain = cipherKey ? decrypt(cipherKey, body, Buffer.concat([head, Buffer.from(key)])) : body;
      return unpack(this.#decode(bytes[4], plain)) ?? 'corrupt';
    } catch {
      return 'corrupt';
    }
  }

  #decode(codec: number | undefined, bytes: Buffer): Buffer {
    if (codec === CODEC_PLAIN) return bytes;
    if (codec !== CODEC_ZSTD) throw new RangeError('a codec that is not known');
    return decompress(bytes, this.#bytesMax + FACTS_BYTES_MAX);
  }
}

/** With the length before it, so that there is one buffer of the right size to decompress into. */
function compress(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, zstdCompressSync(bytes)]);
}

function decompress(bytes: Buffer, bytesMax: number): Buffer {
  const length = bytes.readUInt32BE();
  if (length > bytesMax) throw new RangeError('more bytes than an entry has');
  return zstdDecompressSync(bytes.subarray(4), { maxOutputLength: length, chunkSize: Math.max(64, length) });
}

function encrypt({ key }: EntryKey, bytes: Buffer, context: Buffer): Buffer {
  const nonce = secretBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context);
  const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

function decrypt({ key }: EntryKey, bytes: Buffer, context: Buffer): Buffer {
  const bodyStart = NONCE_BYTES + TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(context).setAuthTag(bytes.subarray(NONCE_BYTES, bodyStart));
  return Buffer.concat([decipher.update(bytes.subarray(bodyStart)), decipher.final()]);
}
