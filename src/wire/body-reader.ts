import { isObject, type JsonObject } from '../core/index.ts';
import { createBlockMemory, type BlockValue } from './block-memory.ts';
import { createBodyMemory, type KnownBody } from './body-memory.ts';
import { canBeExtended, extendBody } from './extend-body.ts';
import { decodeUtf8 } from './json-bytes.ts';
import { parseBody, parseScanned } from './parse-body.ts';
import {
  scanBodyAndKeys,
  type BlockSite,
  type BodyMap,
  type BodyPath,
  type ScannedBody,
} from './scan-body.ts';

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

const BLOCK_BYTES_MAX = 32 * 1024 * 1024;
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** What is new of a body is parsed at once when it is no longer than this: looking for its blocks would take longer. */
const SHORT_TAIL_BYTES = 8192;

/** A body is kept when so much of its messages is new, in bytes and as a share of it: the next is then read from further on. */
const NEW_BYTES = 2048;
const NEW_SHARE = 0.04;

/** Of a body of which less is known, the whole is parsed: that is faster than parsing it block by block. */
const KNOWN_SHARE = 0.5;

/** A text's value; null when it is none, which reading the whole body then explains. */
function parseText(bytes: Buffer): string | null {
  try {
    const text: unknown = JSON.parse(decodeUtf8(bytes));
    return typeof text === 'string' ? text : null;
  } catch {
    return null;
  }
}

/** The value of a block's bytes, in a body whose keys are plain; null when it is none. */
function parseBlock(bytes: Buffer, { span, form }: BlockSite): JsonObject | string | null {
  const own = bytes.subarray(span.start, span.end);
  if (form === 'string') return parseText(own);
  const parsed = parseScanned(own);
  return parsed.ok ? parsed.value : null;
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

/** What holds the value at a path. */
function parentAt(body: JsonObject, path: BodyPath): Record<string | number, unknown> | null {
  let at: unknown = body;
  for (let depth = 0; depth < path.length - 1; depth += 1) {
    const part = path[depth];
    if (part === undefined || typeof at !== 'object' || at === null) return null;
    at = (at as Record<string | number, unknown>)[part];
  }
  return typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>) : null;
}

/** Puts a block in its place. The value was parsed for this call alone, so it may be written to. */
function put(body: JsonObject, path: BodyPath, block: BlockValue): boolean {
  const parent = parentAt(body, path);
  const last = path.at(-1);
  if (last === undefined || !parent) return false;
  parent[last] = block;
  return true;
}

function valueAt(body: JsonObject, path: BodyPath): BlockValue | null {
  const value = parentAt(body, path)?.[path.at(-1) ?? ''];
  return isObject(value) || typeof value === 'string' ? value : null;
}

function readWhole(bytes: Buffer, { map, hasPlainKeys }: ScannedBody): ReadBody {
  const parsed = hasPlainKeys ? parseScanned(bytes) : parseBody(bytes);
  return parsed.ok ? { ok: true, value: parsed.value, map } : { ok: false, reason: parsed.reason };
}

/** Reads a body of which most is known: only the blocks that are not are parsed. Null where a block is not what it seems. */
function readAround(bytes: Buffer, map: BodyMap, recalled: readonly (BlockValue | null)[]): ReadBody | null {
  const skeleton = parseScanned(withoutBlocks(bytes, map.sites));
  if (!skeleton.ok) return null;
  for (const [index, site] of map.sites.entries()) {
    const block = recalled[index] ?? parseBlock(bytes, site);
    if (block === null || !put(skeleton.value, site.path, block)) return null;
  }
  return { ok: true, value: skeleton.value, map };
}

/** Reads a body from its start; blocks seen before are the objects that they were then. */
function createFreshReader(blockBytesMax: number): (bytes: Buffer) => ReadBody {
  const memory = createBlockMemory(blockBytesMax);

  return (bytes) => {
    const scanned = scanBodyAndKeys(bytes);
    if (!('map' in scanned)) return { ok: false, reason: scanned.reason };
    const { map, hasPlainKeys } = scanned;
    // An object whose key order has to be noted is no object for two bodies.
    if (!hasPlainKeys) return readWhole(bytes, scanned);
    const { values, knownBytes } = memory.recall(bytes, map.sites);
    const isMostlyKnown = knownBytes > bytes.length * KNOWN_SHARE;
    const around = isMostlyKnown ? readAround(bytes, map, values) : null;
    const read = around ?? readWhole(bytes, scanned);
    if (!read.ok) return read;
    if (!around) {
      for (const [index, { path }] of map.sites.entries()) {
        const block = values[index] ?? null;
        if (block !== null) put(read.value, path, block);
      }
    }
    memory.add(bytes, map.sites, values, (site) => valueAt(read.value, site.path));
    return read;
  };
}

/** A reader that remembers nothing yet. */
export function createBodyReader(limits: BodyReaderLimits = {}): BodyReader {
  const readFresh = createFreshReader(limits.blockBytesMax ?? BLOCK_BYTES_MAX);
  const readTail = (bytes: Buffer): ReadBody => {
    if (bytes.length > SHORT_TAIL_BYTES) return readFresh(bytes);
    const scanned = scanBodyAndKeys(bytes);
    return 'map' in scanned ? readWhole(bytes, scanned) : { ok: false, reason: scanned.reason };
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
        const { value, map, newBytes } = extended;
        const isMuchNew = newBytes > NEW_BYTES && newBytes > bytes.length * NEW_SHARE;
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
