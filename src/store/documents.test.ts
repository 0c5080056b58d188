import { describe, expect, it } from 'vitest';

import { createDocuments } from './documents.ts';
import { createMemoryStore } from './memory-store.ts';
import type { StoreProblem } from './store.ts';

const readCount = (json: unknown): number | null => (typeof json === 'number' ? json : null);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('documents', () => {
  it('loses no update of many at once, within one process and across several', async () => {
    const store = createMemoryStore();
    const processes = [createDocuments(store), createDocuments(store), createDocuments(store)];
    const updates = processes.flatMap((documents) =>
      Array.from({ length: 30 }, () => documents.update('n', readCount, (count) => (count ?? 0) + 1)),
    );
    await Promise.all(updates);
    expect(await createDocuments(store).read('n', readCount)).toBe(90);
  });

  it('leaves a document alone where the change says so', async () => {
    const store = createMemoryStore();
    const documents = createDocuments(store);
    expect(await documents.update('n', readCount, () => null)).toBeNull();
    await documents.update('n', readCount, () => 4);
    const before = (await store.get('n'))?.version;
    expect(await documents.update('n', readCount, () => null)).toBe(4);
    expect((await store.get('n'))?.version).toBe(before);
  });

  it.each(['{"no":"count"}', 'not json', '\xff\xfe', ''])(
    'moves %j aside, tells once, and begins anew',
    async (broken) => {
      const store = createMemoryStore();
      const problems: StoreProblem[] = [];
      const documents = createDocuments(store, (problem) => problems.push(problem));
      await store.put(
        'n',
        Uint8Array.from(broken, (letter) => letter.charCodeAt(0)),
      );
      expect(await documents.read('n', readCount)).toBeNull();
      expect(await documents.update('n', readCount, (count) => (count ?? 0) + 1)).toBe(1);
      expect(problems).toEqual([
        { kind: 'corrupt-value', what: 'n', movedTo: 'corrupt/n', message: expect.any(String) },
      ]);
      expect((await store.get('corrupt/n'))?.expiresMs).not.toBeNull();
    },
  );

  it('goes on where the store has no room for what is broken', async () => {
    const store = createMemoryStore({ limits: { bytesMax: 12 } });
    const problems: StoreProblem[] = [];
    await store.put('n', bytes('{"broken":'));
    expect(await createDocuments(store, (problem) => problems.push(problem)).read('n', readCount)).toBeNull();
    expect(problems).toMatchObject([{ movedTo: null }]);
  });

  it('goes on after a change that failed', async () => {
    const documents = createDocuments(createMemoryStore());
    const failing = documents.update('n', readCount, () => {
      throw new Error('no');
    });
    const after = documents.update('n', readCount, () => 2);
    await expect(failing).rejects.toThrow('no');
    expect(await after).toBe(2);
  });
});
