import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { EntryFormat, type Entry, type EntryKey } from './entry.ts';

const BYTES_MAX = 1024 * 1024;
const COMPRESS_FROM = 1024;
const entryOf = (bytes: Uint8Array): Entry => ({
  bytes,
  facts: {
    form: 'json',
    headers: { 'request-id': 'req_1' },
    model: 'claude-opus-5-5',
    usage: { input_tokens: 3 },
    createdMs: 1,
    freshUntilMs: 2,
    revalidateUntilMs: 3,
    errorUntilMs: 4,
    upstreamMs: 5,
    marks: { 'all.x': 'v' },
  },
});
const key = (id: string, fill: number): EntryKey => ({ id, key: new Uint8Array(32).fill(fill) });
const one = key('2026-11', 1);
const two = key('2026-12', 2);

describe('an entry at rest', () => {
  it.each([[[]], [[one]], [[two, one]]])('is read as it was written: keys %#', (keys) => {
    const format = new EntryFormat(keys, BYTES_MAX, COMPRESS_FROM);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        const read = format.open('k', format.seal('k', entryOf(bytes)));
        expect(read).toEqual({ ...entryOf(bytes), bytes: Buffer.from(bytes) });
      }),
    );
  });

  it.each([[[]], [[one]]])('is corrupt with any byte changed, cut, or under another key: keys %#', (keys) => {
    const format = new EntryFormat(keys, BYTES_MAX, COMPRESS_FROM);
    const sealed = format.seal('k', entryOf(Buffer.from('x'.repeat(3000))));
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      expect(typeof format.open('k', changed)).toBe('string');
      expect(typeof format.open('k', sealed.subarray(0, at))).toBe('string');
    }
    expect(format.open('other', sealed)).toBe('corrupt');
    expect(format.open('k', Buffer.from('something else'))).toBe('corrupt');
  });

  it('is compressed, and encrypted shows nothing of itself', () => {
    const bytes = Buffer.from('a secret sentence. '.repeat(500));
    expect(new EntryFormat([], BYTES_MAX, COMPRESS_FROM).seal('k', entryOf(bytes)).length).toBeLessThan(1000);
    const sealed = new EntryFormat([one], BYTES_MAX, COMPRESS_FROM).seal(
      'k',
      entryOf(Buffer.from('a secret')),
    );
    expect(Buffer.from(sealed).toString('latin1')).not.toMatch(/secret|claude/);
    expect(
      new EntryFormat([one], BYTES_MAX, COMPRESS_FROM).seal('k', entryOf(Buffer.from('a secret'))),
    ).not.toEqual(sealed);
  });

  it('is read with every key there is, and with none other', () => {
    const old = new EntryFormat([one], BYTES_MAX, COMPRESS_FROM).seal('k', entryOf(Buffer.from('x')));
    expect(typeof new EntryFormat([two, one], BYTES_MAX, COMPRESS_FROM).open('k', old)).toBe('object');
    expect(new EntryFormat([two], BYTES_MAX, COMPRESS_FROM).open('k', old)).toBe('unknown-key');
    expect(new EntryFormat([], BYTES_MAX, COMPRESS_FROM).open('k', old)).toBe('unknown-key');
    const plain = new EntryFormat([], BYTES_MAX, COMPRESS_FROM).seal('k', entryOf(Buffer.from('x')));
    expect(new EntryFormat([one], BYTES_MAX, COMPRESS_FROM).open('k', plain)).toBe('unknown-key');
    expect(new EntryFormat([key('2026-11', 9)], BYTES_MAX, COMPRESS_FROM).open('k', old)).toBe('corrupt');
  });

  it('grows no further than an entry may', () => {
    const sealed = new EntryFormat([], BYTES_MAX, COMPRESS_FROM).seal(
      'k',
      entryOf(new Uint8Array(BYTES_MAX + 100_000)),
    );
    expect(new EntryFormat([], BYTES_MAX, COMPRESS_FROM).open('k', sealed)).toBe('corrupt');
  });

  it('of another version is not read', () => {
    const sealed = Uint8Array.from(
      new EntryFormat([], BYTES_MAX, COMPRESS_FROM).seal('k', entryOf(Buffer.from('x'))),
    );
    sealed[3] = 99;
    expect(new EntryFormat([], BYTES_MAX, COMPRESS_FROM).open('k', sealed)).toBe('version');
  });

  it('takes no keys that are none', () => {
    expect(() => new EntryFormat([{ id: 'a', key: new Uint8Array(16) }], BYTES_MAX, COMPRESS_FROM)).toThrow(
      RangeError,
    );
    expect(() => new EntryFormat([{ id: '', key: new Uint8Array(32) }], BYTES_MAX, COMPRESS_FROM)).toThrow(
      RangeError,
    );
    expect(() => new EntryFormat([one, one], BYTES_MAX, COMPRESS_FROM)).toThrow(RangeError);
  });
});
