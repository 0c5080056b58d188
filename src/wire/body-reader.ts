import { LRUCache } from 'lru-cache';

import { hasKeyOrder, isObject, type JsonObject } from '../core/index.ts';
import { createBodyMemory, type KnownBody } from './body-memory.ts';
import { canBeExtended, extendBody } from './extend-body.ts';
import { decodeUtf8 } from './json-bytes.ts';
import { parseBody } from './parse-body.ts';
import { scanBody, type BlockSite, type BodyMap } from './scan-body.ts';

/** A body's value and where its blocks are. */
export type ReadBody =
  | { readonly ok: true; readonly value: JsonObject; readonly map: BodyMap }
  | { readonly ok: false; readonly reason: string };

/** Reads bodies, and remembers their blocks: a conversation sends all but its tail again and again. */
export interface BodyReader {
  /** As `parseBody` and `scanBody` together would; blocks seen before are the same objects as then. */
  read(bytes: Buffer): ReadBody;
}

/** What a reader may remember. */
export interface BodyReaderLimits {
  /** Bytes of blocks. @default 32 MiB */
  readonly blockBytesMax?: number;
  /** Bytes of whole bodies. @default 32 MiB */
  readonly bodyBytesMax?: number;
}

interface KnownBlock {
  readonly bytes: Buffer;
  readonly value: JsonObject | string;
}

const BLOCK_BYTES_MAX = 32 * 1024 * 1024;
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** What is new of a body is parsed at once when it is no longer than this: looking for its blocks would take longer. */
const SHORT_TAIL_BYTES = 8192;

/** A body is kept when more of it than this is new, in bytes or as a share: the next one can then be read from further on. */
const NEW_BYTES = 2048;
const NEW_SHARE = 0.04;

/** Blocks shorter than this are parsed faster than found. */
const SHORT_BYTES = 64;

/** Words of the bytes that tell most blocks apart at once; whether they are the same is then compared byte by byte. */
const SAMPLES = 6;

function sampleOf(bytes: Buffer, start: number, end: number): string {
  const stride = Math.floor((end - start - 4) / (SAMPLES - 1));
  let sample = `${end - start}`;
  for (let index = 0; index < SAMPLES; index += 1) sample += `.${bytes.readUInt32LE(start + index * stride)}`;
  return sample;
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  return known.length === end - start && bytes.compare(known, 0, known.length, start, end) === 0;
}

/** A text's value; null when it is none, which reading the whole body then explains. */
function parseText(bytes: Buffer): string | null {
  try {
    const text: unknown = JSON.parse(decodeUtf8(bytes));
    return typeof text === 'string' ? text : null;
  } catch {
    return null;
  }
}

/** The value of a block's bytes; null when it cannot stand alone, as an object that needs its key order noted. */
function parseBlock(bytes: Buffer, site: BlockSite): JsonObject | string | null {
  const own = bytes.subarray(site.span.start, site.span.end);
  if (site.form === 'string') return parseText(own);
  const parsed = parseBody(own);
  return parsed.ok && !hasKeyOrder(parsed.value) ? parsed.value : null;
}

/** The body with a number in the place of every block: little is left to parse. */
function withoutBlocks(bytes: Buffer, sites: readonly BlockSite[]): Buffer {
  const parts: string[] = [];
  let from = 0;
  for (const { span } of sites.toSorted((a, b) => a.span.start - b.span.start)) {
    parts.push(bytes.toString('utf8', from, span.start));
    from = span.end;
  }
  parts.push(bytes.toString('utf8', from));
  return Buffer.from(parts.join('0'));
}

/** Puts a block back in its place. The value was parsed for this call alone, so it may be written to. */
function put(body: JsonObject, path: readonly (string | number)[], block: JsonObject | string): boolean {
  let at: unknown = body;
  for (const part of path.slice(0, -1)) {
    at = isObject(at) || Array.isArray(at) ? (at as Record<string | number, unknown>)[part] : null;
  }
  const last = path.at(-1);
  if (last === undefined || (!isObject(at) && !Array.isArray(at))) return false;
  return Reflect.set(at, last, block);
}

function readWhole(bytes: Buffer, map: BodyMap): ReadBody {
  const parsed = parseBody(bytes);
  return parsed.ok ? { ok: true, value: parsed.value, map } : { ok: false, reason: parsed.reason };
}

/** Reads a body from its start, block by block. */
function createFreshReader(blockBytesMax: number): (bytes: Buffer) => ReadBody {
  const known = new LRUCache<string, KnownBlock>({
    maxSize: blockBytesMax,
    sizeCalculation: ({ bytes }) => bytes.length,
  });

  const recall = (bytes: Buffer, site: BlockSite): JsonObject | string | null => {
    const { start, end } = site.span;
    if (end - start < SHORT_BYTES) return parseBlock(bytes, site);
    const sample = sampleOf(bytes, start, end);
    const found = known.get(sample);
    if (found && isSame(found.bytes, bytes, start, end)) return found.value;
    const value = parseBlock(bytes, site);
    // A copy: the whole request would otherwise be kept for the sake of one block.
    if (value !== null) known.set(sample, { bytes: Buffer.from(bytes.subarray(start, end)), value });
    return value;
  };

  return (bytes) => {
    const map = scanBody(bytes);
    if (!map.ok) return { ok: false, reason: map.reason };
    const skeleton = parseBody(withoutBlocks(bytes, map.sites));
    if (!skeleton.ok || hasKeyOrder(skeleton.value)) return readWhole(bytes, map);
    for (const site of map.sites) {
      const block = recall(bytes, site);
      if (block === null || !put(skeleton.value, site.path, block)) return readWhole(bytes, map);
    }
    return { ok: true, value: skeleton.value, map };
  };
}

/** A reader that remembers nothing yet. */
export function createBodyReader(limits: BodyReaderLimits = {}): BodyReader {
  const readFresh = createFreshReader(limits.blockBytesMax ?? BLOCK_BYTES_MAX);
  const readTail = (bytes: Buffer): ReadBody => {
    if (bytes.length > SHORT_TAIL_BYTES) return readFresh(bytes);
    const map = scanBody(bytes);
    return map.ok ? readWhole(bytes, map) : { ok: false, reason: map.reason };
  };
  const bodies = createBodyMemory(limits.bodyBytesMax ?? BODY_BYTES_MAX);
  // A copy: a caller's bytes may be a small part of a large buffer.
  const remember = ({ bytes, value, map }: KnownBody): void => {
    if (canBeExtended({ bytes, value, map })) bodies.add({ bytes: Buffer.from(bytes), value, map });
  };
  return {
    read(bytes) {
      const known = bodies.find(bytes);
      const extended = known && extendBody(bytes, known, readTail);
      if (extended) {
        const { value, map, tailBytes } = extended;
        const isMuchNew = tailBytes > NEW_BYTES && tailBytes > bytes.length * NEW_SHARE;
        if (isMuchNew) remember(extended);
        return { ok: true, value, map };
      }
      const read = readFresh(bytes);
      if (read.ok && canBeExtended({ bytes, ...read }))
        bodies.add({ bytes, value: read.value, map: read.map });
      return read;
    },
  };
}
