import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

import { isObject, type CacheEntry, type JsonObject, type TokenCounts } from '../core/index.ts';
import { secretBytes } from '../runtime/index.ts';
import { CheckpointError } from './errors.ts';
import type { HistoryMessage } from './message.ts';
import type { Settings } from './settings.ts';
import type { ConversationState } from './state.ts';

/** What a checkpoint holds. */
export interface CheckpointContent {
  readonly state: ConversationState;
  readonly savedMs: number;
  /** The process that wrote it. */
  readonly writer: string;
}

const MAGIC = 'CWCP';
const FORMAT = 1;
const HEADER_BYTES = 6;
const SUM_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ENCRYPTED = 1;
const CIPHER = 'aes-256-gcm';
/** The most that a checkpoint unpacks to. */
const CONTENT_BYTES_MAX = 256 * 1024 * 1024;

const pack = promisify<Buffer, Buffer>(gzip);
const unpack = promisify(gunzip);

function headerOf(isEncrypted: boolean): Buffer {
  return Buffer.concat([Buffer.from(MAGIC, 'latin1'), Buffer.from([FORMAT, isEncrypted ? ENCRYPTED : 0])]);
}

/** Header and id: what belongs to the bytes besides themselves. */
function contextOf(header: Uint8Array, id: string): Buffer {
  return Buffer.concat([header, Buffer.from(id, 'utf8')]);
}

function sumOf(header: Uint8Array, id: string, packed: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([contextOf(header, id), packed]), 'buffer');
}

/**
 * A checkpoint in bytes: `CWCP`, format, flags; then SHA-256 and gzip, or nonce, tag and AES-256-GCM of the gzip. Sum and tag
 * cover the header and the id, so that a checkpoint is good under its own name alone.
 */
export async function encodeCheckpoint(
  id: string,
  content: CheckpointContent,
  key: Uint8Array | null,
): Promise<Uint8Array> {
  const json = JSON.stringify(content, (_name, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  const packed = await pack(Buffer.from(json, 'utf8'));
  const header = headerOf(key !== null);
  if (!key) return Buffer.concat([header, sumOf(header, id, packed), packed]);
  const nonce = secretBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(contextOf(header, id));
  const sealed = Buffer.concat([cipher.update(packed), cipher.final()]);
  return Buffer.concat([header, nonce, cipher.getAuthTag(), sealed]);
}

function refuse(code: CheckpointError['code'], id: string, why: string): CheckpointError {
  return new CheckpointError(code, `the checkpoint of ${id} ${why}`);
}

/** What the header says of the rest. */
function readHeader(id: string, bytes: Uint8Array): { readonly isEncrypted: boolean } {
  const [format = 0, flags = 0] = bytes.subarray(MAGIC.length, HEADER_BYTES);
  if (Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1') !== MAGIC)
    throw refuse('FOREIGN', id, 'is not one of ours: it begins with something else');
  if (format > FORMAT)
    throw refuse(
      'NEWER',
      id,
      `has format ${format}, and this version reads up to ${FORMAT}: use a newer one`,
    );
  if (format < FORMAT || flags > ENCRYPTED) throw refuse('CORRUPT', id, 'has a damaged header');
  return { isEncrypted: flags === ENCRYPTED };
}

function decrypt(id: string, bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const nonceEnd = HEADER_BYTES + NONCE_BYTES;
  const tagEnd = nonceEnd + TAG_BYTES;
  if (bytes.length <= tagEnd) throw refuse('CORRUPT', id, 'is cut short');
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(HEADER_BYTES, nonceEnd))
    .setAAD(contextOf(bytes.subarray(0, HEADER_BYTES), id))
    .setAuthTag(bytes.subarray(nonceEnd, tagEnd));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()]);
  } catch {
    throw refuse('LOCKED', id, 'does not open with this key, or is damaged, or is of another conversation');
  }
}

function checkSum(id: string, bytes: Uint8Array): Uint8Array {
  const sumEnd = HEADER_BYTES + SUM_BYTES;
  const packed = bytes.subarray(sumEnd);
  const isWhole = sumOf(bytes.subarray(0, HEADER_BYTES), id, packed).equals(
    bytes.subarray(HEADER_BYTES, sumEnd),
  );
  if (bytes.length > sumEnd && isWhole) return packed;
  throw refuse('CORRUPT', id, 'is damaged, cut short or of another conversation: its sum is wrong');
}

/** @throws CheckpointError in words, whatever the bytes are. */
export async function decodeCheckpoint(
  id: string,
  bytes: Uint8Array,
  key: Uint8Array | null,
): Promise<CheckpointContent> {
  const { isEncrypted } = readHeader(id, bytes);
  if (isEncrypted && !key) throw refuse('LOCKED', id, 'is encrypted, and there is no key');
  const packed = isEncrypted && key ? decrypt(id, bytes, key) : checkSum(id, bytes);
  let json: unknown;
  try {
    const plain = await unpack(packed, { maxOutputLength: CONTENT_BYTES_MAX });
    json = JSON.parse(plain.toString('utf8'));
  } catch {
    throw refuse('CORRUPT', id, 'cannot be unpacked');
  }
  const content = readContent(json);
  if (!content) throw refuse('CORRUPT', id, 'does not hold a conversation');
  return content;
}

function readContent(json: unknown): CheckpointContent | null {
  if (!isObject(json) || typeof json['savedMs'] !== 'number' || typeof json['writer'] !== 'string')
    return null;
  const state = readState(json['state']);
  return state && { state, savedMs: json['savedMs'], writer: json['writer'] };
}

const LISTS = ['messages', 'instructions', 'entries'] as const;

/** Sum or tag have shown that the bytes are what we wrote; this sees that it was a conversation. */
function readState(json: unknown): ConversationState | null {
  if (!isObject(json) || !LISTS.every((name) => Array.isArray(json[name]))) return null;
  const { settings, sums, promptTokens, ratio, sentMessages } = json;
  if (!isObject(settings) || !isObject(sums) || typeof sums['costPicoUsd'] !== 'string') return null;
  if (typeof ratio !== 'number' || typeof sentMessages !== 'number') return null;
  return {
    settings: settings as JsonObject & Settings,
    messages: json['messages'] as readonly HistoryMessage[],
    instructions: json['instructions'] as readonly string[],
    entries: json['entries'] as readonly CacheEntry[],
    promptTokens: typeof promptTokens === 'number' ? promptTokens : null,
    ratio,
    sentMessages,
    sums: {
      turns: Number(sums['turns']),
      summaries: Number(sums['summaries']),
      cuts: Number(sums['cuts']),
      tokens: sums['tokens'] as TokenCounts,
      costPicoUsd: BigInt(sums['costPicoUsd']),
    },
  };
}
