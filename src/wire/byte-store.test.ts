import { describe, expect, it } from 'vitest';
import { createByteStore } from './byte-store.ts';

describe('createByteStore', () => {
  it('holds what was appended, in order, as copies', () => {
    const store = createByteStore();
    const chunks = [1, 600, 0, 600, 5000, 3].map((size, i) => new Uint8Array(size).fill(i));
    const expected = Buffer.concat(chunks);
    for (const chunk of chunks) {
      store.append(chunk);
      chunk.fill(99);
    }
    expect(Buffer.from(store.view()).equals(expected)).toBe(true);
  });

  it('is empty at first and after clear', () => {
    const store = createByteStore();
    expect(store.view().length).toBe(0);
    store.append(Buffer.from('abc'));
    store.clear();
    expect(store.view().length).toBe(0);
    store.append(Buffer.from('de'));
    expect(Buffer.from(store.view()).toString()).toBe('de');
  });
});
