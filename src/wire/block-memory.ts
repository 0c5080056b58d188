import { LRUCache } from 'lru-cache';

import type { JsonObject } from '../core/index.ts';
import type { BlockSite } from './scan-body.ts';

/** A block as it was parsed; a text where it is given as one. */
export type BlockValue = JsonObject | string;

/** What is known of a body's blocks. */
export interface RecalledBlocks {
  /** The value of each block that was seen before, null for the others. */
  readonly values: readonly (BlockValue | null)[];
  /** Bytes of those that were. */
  readonly knownBytes: number;
}

/** Blocks of bodies read lately: requests share tools, system prompts and more, in whatever bodies they stand. */
export interface BlockMemory {
  recall(bytes: Buffer, sites: readonly BlockSite[]): RecalledBlocks;
  /** Remembers those blocks of a body that were not recalled. The bytes are kept, and must not be written to. */
  add(
    bytes: Buffer,
    sites: readonly BlockSite[],
    recalled: readonly (BlockValue | null)[],
    valueOf: (site: BlockSite) => BlockValue | null,
  ): void;
}

interface KnownBlock {
  readonly body: KnownBody;
  readonly start: number;
  readonly end: number;
  readonly value: BlockValue;
}

/** A body whose blocks are known, with the keys of those. */
interface KnownBody {
  readonly bytes: Buffer;
  readonly keys: number[];
}

/** Blocks shorter than this are parsed faster than found. */
const SHORT_BYTES = 64;

/** Words of the bytes that tell most blocks apart at once; whether they are the same is then compared byte by byte. */
const SAMPLES = 6;

/** Most new bytes of a body that are copied out of it: where more is new, the body is kept as it is. */
const COPIED_SHARE = 0.5;

function keyOf(bytes: Buffer, start: number, end: number): number {
  const stride = Math.floor((end - start - 4) / (SAMPLES - 1));
  let mixed = 0x811c9dc5;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    mixed = Math.imul(mixed ^ bytes.readInt32LE(start + sample * stride), 0x01000193);
    mixed ^= mixed >>> 15;
  }
  return (mixed >>> 0) * 0x100000 + ((end - start) % 0x100000);
}

function isSame({ body, start, end }: KnownBlock, bytes: Buffer, from: number, to: number): boolean {
  return end - start === to - from && body.bytes.compare(bytes, from, to, start, end) === 0;
}

/** A memory that holds at most so many bytes of bodies; those whose blocks were found least recently go first. */
export function createBlockMemory(bytesMax: number): BlockMemory {
  const known = new Map<number, KnownBlock>();
  const bodies = new LRUCache<KnownBody, true>({
    maxSize: bytesMax,
    sizeCalculation: (_value, { bytes }) => Math.max(1, bytes.length),
    dispose(_value, body) {
      for (const key of body.keys) if (known.get(key)?.body === body) known.delete(key);
    },
  });

  const recallOne = (bytes: Buffer, { start, end }: BlockSite['span']): KnownBlock | null => {
    if (end - start < SHORT_BYTES) return null;
    const found = known.get(keyOf(bytes, start, end));
    return found && isSame(found, bytes, start, end) ? found : null;
  };

  return {
    recall(bytes, sites) {
      let knownBytes = 0;
      let latest: KnownBody | null = null;
      const values = sites.map(({ span }) => {
        const found = known.size > 0 ? recallOne(bytes, span) : null;
        if (!found) return null;
        knownBytes += span.end - span.start;
        if (found.body !== latest) bodies.get(found.body);
        latest = found.body;
        return found.value;
      });
      return { values, knownBytes };
    },
    add(bytes, sites, recalled, valueOf) {
      const isNew = ({ span }: BlockSite, index: number): boolean =>
        (recalled[index] ?? null) === null && span.end - span.start >= SHORT_BYTES;
      const added = sites.filter(isNew);
      const newBytes = added.reduce((sum, { span }) => sum + span.end - span.start, 0);
      if (newBytes === 0) return;
      // The whole body would otherwise be kept for the sake of a few blocks.
      const isCopied = newBytes < bytes.length * COPIED_SHARE;
      const parts = isCopied ? added.map(({ span }) => bytes.subarray(span.start, span.end)) : [];
      const body: KnownBody = { bytes: isCopied ? Buffer.concat(parts) : bytes, keys: [] };
      if (body.bytes.length > bytesMax) return;
      let copied = 0;
      for (const site of added) {
        const value = valueOf(site);
        const length = site.span.end - site.span.start;
        const start = isCopied ? copied : site.span.start;
        copied += length;
        if (value === null) continue;
        const key = keyOf(body.bytes, start, start + length);
        known.set(key, { body, start, end: start + length, value });
        body.keys.push(key);
      }
      bodies.set(body, true);
    },
  };
}
