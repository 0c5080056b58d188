import type { Block } from '../core/index.ts';

/** Gives a number for what a block says: the same for the same content, level and role. */
export type ContentId = (block: Block | undefined) => number;

/** Bytes that are put together without asking for memory; longer blocks get their own. */
const SCRATCH_BYTES = 256 * 1024;
/** Most bytes of UTF-8 that one character takes. */
const CHARACTER_BYTES = 3;
/** Of the second lane, so that both together are a whole number that JavaScript can hold. */
const LOW_BITS = 21;

/** Two lanes over words of four bytes: not for secrets, and enough to tell the blocks of a few thousand prompts apart. */
function mixWords(words: Uint32Array, count: number, bytes: number): number {
  let high = 0x811c9dc5 ^ bytes;
  let low = 0x9e3779b9;
  for (let at = 0; at < count; at += 1) {
    const word = words[at] ?? 0;
    high = Math.imul(high ^ word, 0x01000193);
    high ^= high >>> 15;
    low = Math.imul(low + word, 0x85ebca6b);
    low ^= low >>> 13;
  }
  return (high >>> 0) * 2 ** LOW_BITS + (low >>> (32 - LOW_BITS));
}

/** Makes such numbers. Every byte counts: what was edited has another. */
export function createContentIds(): ContentId {
  let scratch = Buffer.alloc(SCRATCH_BYTES);
  let words = new Uint32Array(scratch.buffer, scratch.byteOffset, scratch.length >>> 2);
  const holdBytes = (bytes: number): void => {
    if (bytes <= scratch.length) return;
    scratch = Buffer.alloc(bytes + SCRATCH_BYTES - (bytes % 4));
    words = new Uint32Array(scratch.buffer, scratch.byteOffset, scratch.length >>> 2);
  };
  const read = ({ plain, content, label }: Pick<Block, 'plain' | 'content' | 'label'>): number => {
    const length = plain ? plain.length : content.length * CHARACTER_BYTES;
    holdBytes(label.length * CHARACTER_BYTES + length + 4);
    const start = scratch.write(label);
    const end = plain ? plain.copyTo(scratch, start) : start + scratch.write(content, start);
    const count = (end + 3) >>> 2;
    // Nothing of the block before it.
    for (let at = end; at < count << 2; at += 1) scratch[at] = 0;
    return mixWords(words, count, end);
  };
  return (block) => {
    if (!block) return 0;
    const { plain, label } = block;
    return read({ plain, label, content: plain ? '' : block.content });
  };
}
