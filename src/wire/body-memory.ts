import { LRUCache } from 'lru-cache';

import type { ByteBody } from './byte-body.ts';

/** Bodies read lately, found by how they begin: a later one that begins with the same bytes need not be read from its start. */
export interface BodyMemory {
  /** One that probably shares a long beginning with these bytes: whether it does is for the caller to see. */
  find(bytes: Buffer): ByteBody | null;
  add(body: ByteBody): void;
}

/** Beginnings of these lengths are told apart: powers of two from 256 bytes on. */
const SHORTEST = 256;
/** Words looked at between one such length and the next. */
const SAMPLES = 8;

/** A number for the beginning of each of those lengths, shortest first: equal bytes have equal numbers. */
function beginnings(bytes: Buffer): readonly number[] {
  const found: number[] = [];
  let mixed = 0x811c9dc5;
  let from = 0;
  for (let length = SHORTEST; length <= bytes.length; length *= 2) {
    const stride = (length - 4 - from) / (SAMPLES - 1);
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      mixed = Math.imul(mixed ^ bytes.readUInt32LE(Math.floor(from + sample * stride)), 0x01000193);
      mixed ^= mixed >>> 15;
    }
    found.push(mixed * 64 + found.length);
    from = length;
  }
  return found;
}

/** A memory of at most so many bytes of bodies; the least recently found go first. */
export function createBodyMemory(bytesMax: number): BodyMemory {
  const latest = new Map<number, ByteBody>();
  const kept = new LRUCache<Buffer, ByteBody>({
    maxSize: bytesMax,
    sizeCalculation: ({ bytes, rewrites }) => bytes.length + rewrites.byteLength,
    dispose(body) {
      for (const beginning of beginnings(body.bytes)) {
        if (latest.get(beginning) === body) latest.delete(beginning);
      }
    },
  });
  return {
    find(bytes) {
      const body =
        beginnings(bytes)
          .map((beginning) => latest.get(beginning))
          .findLast((known) => known) ?? null;
      if (body) kept.get(body.bytes);
      return body;
    },
    add(body) {
      if (body.bytes.length > bytesMax) return;
      kept.set(body.bytes, body);
      for (const beginning of beginnings(body.bytes)) latest.set(beginning, body);
    },
  };
}

/** Bytes compared at a time while looking for the first difference, fewer when it is close; the last of them one by one. */
const STEPS: readonly number[] = [65_536, 4096, 256];

/** Bytes that both begin with. */
export function commonLength(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  let same = 0;
  for (const step of STEPS) {
    while (same + step <= length && a.compare(b, same, same + step, same, same + step) === 0) same += step;
  }
  while (same < length && a[same] === b[same]) same += 1;
  return same;
}
