import { createCipheriv, createDecipheriv } from 'node:crypto';
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { LRUCache } from 'lru-cache';

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
const FORMAT_VERSION = 3;
const CODEC_PLAIN = 0;
const CODEC_ZSTD = 1;
const CIPHER_NONE = 0;
const CIPHER_AES_256_GCM = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Here begins what the checksum is of; before it are magic, version and checksum. */
const CHECKED_FROM = 8;
/** Magic, version, checksum, codec, cipher, lengths of the key's id, of the entry's own key, and of the body. */
const HEAD_BYTES = 16;
/** Facts beside the answer's own bytes. */
const FACTS_BYTES_MAX = 64 * 1024;

function pack({ facts, bytes }: Entry): Buffer {
  const json = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, bytes]);
}

/** What is wrong with bytes before anybody looks at what they say. */
function findProblem(bytes: Buffer): EntryProblem | null {
  if (bytes.length < HEAD_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0)
    return 'corrupt';
  if (bytes[MAGIC.length] !== FORMAT_VERSION) return 'version';
  return crc32(bytes.subarray(CHECKED_FROM)) === bytes.readUInt32BE(MAGIC.length + 1) ? null : 'corrupt';
}

/** What an encrypted body belongs to: codec, cipher, the key's id, and the key under which the entry lies. */
function contextOf(bytes: Buffer, nameEnd: number): Buffer {
  return Buffer.concat([bytes.subarray(CHECKED_FROM, CHECKED_FROM + 4), bytes.subarray(HEAD_BYTES, nameEnd)]);
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

/** Entries of which the facts are remembered; each takes about a kilobyte. */
const FACTS_MAX = 2_000;

interface KnownFacts {
  /** As they were written. */
  readonly json: Uint8Array;
  readonly facts: EntryFacts;
}

/** Reads facts, and those that were read before, letter for letter, at once. */
class FactsReader {
  readonly #known = new LRUCache<string, KnownFacts>({ max: FACTS_MAX });

  /** @param key under which they were found the last time */
  read(key: string, bytes: Buffer, from: number, to: number): EntryFacts | null {
    const known = this.#known.get(key);
    if (known && bytes.compare(known.json, 0, known.json.length, from, to) === 0) return known.facts;
    const facts: unknown = JSON.parse(bytes.toString('utf8', from, to));
    if (!isFacts(facts)) return null;
    // A copy: the bytes are part of a buffer that may be much larger.
    this.#known.set(key, { json: new Uint8Array(bytes.subarray(from, to)), facts });
    return facts;
  }
}

/**
 * Writes entries as they lie in a store, and reads them: compressed, with the key under which they lie and a checksum over
 * everything, and encrypted where there are keys. The first key encrypts; all of them decrypt, so that keys can be
 * changed while entries live.
 */
export class EntryFormat {
  readonly #keys: readonly EntryKey[];
  readonly #bytesMax: number;
  readonly #compressFromBytes: number;
  readonly #facts = new FactsReader();

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
    const plain = isSmall ? packed : compress(packed);
    const cipherKey = this.#keys[0];
    const [id, name] = [Buffer.from(cipherKey?.id ?? ''), Buffer.from(key)];
    const codec = isSmall ? CODEC_PLAIN : CODEC_ZSTD;
    const cipher = cipherKey ? CIPHER_AES_256_GCM : CIPHER_NONE;
    const head = Buffer.concat([MAGIC, Buffer.alloc(HEAD_BYTES - MAGIC.length), id, name]);
    head.set([FORMAT_VERSION], MAGIC.length);
    head.set([codec, cipher, id.length, name.length], CHECKED_FROM);
    const body = cipherKey ? encrypt(cipherKey, plain, contextOf(head, head.length)) : plain;
    head.writeUInt32BE(body.length, CHECKED_FROM + 4);
    const sealed = Buffer.concat([head, body]);
    sealed.writeUInt32BE(crc32(sealed.subarray(CHECKED_FROM)), MAGIC.length + 1);
    return sealed;
  }

  /** Reads what `seal` wrote for this key, and nothing else. Never throws. */
  open(key: string, stored: Uint8Array): Entry | EntryProblem {
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    const problem = findProblem(bytes);
    if (problem) return problem;
    const idEnd = HEAD_BYTES + (bytes[CHECKED_FROM + 2] ?? 0);
    const nameEnd = idEnd + (bytes[CHECKED_FROM + 3] ?? 0);
    const body = bytes.subarray(nameEnd);
    // What was written for another key is not given under this one.
    const isOwn = bytes.toString('latin1', idEnd, nameEnd) === key;
    if (!isOwn || body.length !== bytes.readUInt32BE(CHECKED_FROM + 4)) return 'corrupt';
    const isEncrypted = bytes[CHECKED_FROM + 1] === CIPHER_AES_256_GCM;
    const id = isEncrypted ? bytes.toString('latin1', HEAD_BYTES, idEnd) : null;
    const cipherKey = this.#keys.find((known) => known.id === id);
    // Where entries are encrypted, one that is not was not written by us.
    if (!cipherKey && (isEncrypted || this.#keys.length > 0)) return 'unknown-key';
    try {
      const plain = cipherKey ? decrypt(cipherKey, body, contextOf(bytes, nameEnd)) : body;
      return this.#unpack(key, this.#decode(bytes[CHECKED_FROM], plain)) ?? 'corrupt';
    } catch {
      return 'corrupt';
    }
  }

  #unpack(key: string, packed: Buffer): Entry | null {
    if (packed.length < 4) return null;
    const end = 4 + packed.readUInt32BE();
    if (end > packed.length) return null;
    const facts = this.#facts.read(key, packed, 4, end);
    return facts && { facts, bytes: packed.subarray(end) };
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
