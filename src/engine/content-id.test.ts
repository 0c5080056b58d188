import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPrompt, type Block } from '../core/index.ts';
import { createBodyReader } from '../wire/index.ts';
import { createContentIds } from './content-id.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const idOf = createContentIds();

/** The block of a message, read from bytes or from parsed JSON. */
function blockOf(text: string, role: string, isFromBytes: boolean): Block | undefined {
  const body = { model: 'claude-opus-5-5', messages: [{ role, content: [{ type: 'text', text }] }] };
  if (!isFromBytes) return readPrompt(body).blocks[0];
  const read = createBodyReader().read(Buffer.from(JSON.stringify(body)));
  return read.ok ? readPrompt(read.value, { blocks: read.blocks }).blocks[0] : undefined;
}

describe('the number of what a block says', () => {
  it('is the same for the same text, however it is read, and another for another', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const id = idOf(blockOf(one, 'user', true));
        expect(idOf(blockOf(one, 'user', false))).toBe(id);
        expect(idOf(blockOf(one, 'assistant', true))).not.toBe(id);
        expect(idOf(blockOf(other, 'user', true)) === id).toBe(one === other);
        expect(Number.isSafeInteger(id) && id >= 0).toBe(true);
      }),
      { numRuns },
    );
  });

  it('tells texts apart that differ in one letter somewhere, however long they are', () => {
    const long = 'word '.repeat(70_000);
    const ids = [0, 1, 170_001, 349_999].map((at) =>
      idOf(blockOf(`${long.slice(0, at)}x${long.slice(at + 1)}`, 'user', true)),
    );
    expect(new Set([...ids, idOf(blockOf(long, 'user', true))]).size).toBe(5);
  });
});
