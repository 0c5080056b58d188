import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { hasRedis, startRedis } from '../../test/support/redis-server.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import { createMemoryStore, openRedisStore, openSqliteStore, type Store } from '../store/index.ts';
import { checkpointer, type ConversationState } from './index.ts';
import { readSettings } from './settings.ts';
import { newState } from './state.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-checkpoints-'));
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
  rmSync(folder, { recursive: true, force: true });
});

function stateOf(text: string): ConversationState {
  const settings = readSettings({ model: 'claude-sonnet-5-5', maxTokens: 100 });
  return { ...newState(settings), messages: [{ role: 'user', content: [{ type: 'text', text }] }] };
}

const STORES: readonly (readonly [string, () => Promise<Store>])[] = [
  ['in memory', () => Promise.resolve(createMemoryStore())],
  ['in a SQLite file', () => openSqliteStore({ file: join(folder, 'contract.db') })],
  ...(hasRedis
    ? ([
        [
          'on Redis',
          async () => {
            const server = await startRedis();
            closing.push(() => server.close());
            return openRedisStore({ url: server.url });
          },
        ],
      ] as const)
    : []),
];

describe.each(STORES)('checkpoints %s', (_name, openStore) => {
  it('are saved, listed, forked, removed, and guarded against a second writer', async () => {
    const store = await openStore();
    const saved = checkpointer({ store });
    const first = await saved.save('a', stateOf('one'), null, 'me');
    const second = await saved.save('a', stateOf('two'), first, 'me');
    expect((await saved.open('a'))?.state).toEqual(stateOf('two'));
    await expect(saved.save('a', stateOf('three'), first, 'you')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(saved.save('a', stateOf('three'), null, 'you')).rejects.toMatchObject({ code: 'CONFLICT' });
    // A save of one's own that arrived without one's being told is no conflict.
    await saved.save('a', stateOf('three'), first, 'me');
    expect(await saved.isCurrent('a', second, 'you')).toBe(false);
    expect(await saved.fork('a', 'b')).toBe(true);
    await expect(saved.fork('a', 'b')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await saved.fork('none', 'c')).toBe(false);
    expect(await saved.list()).toEqual(['a', 'b']);
    expect((await saved.open('b'))?.state).toEqual(stateOf('three'));
    expect(await saved.remove('a')).toBe(true);
    expect(await saved.remove('a')).toBe(false);
    expect(await saved.open('a')).toBeNull();
    await store.close();
  });
});

describe('a checkpoint', () => {
  it('is small, and unreadable without its key', async () => {
    const store = createMemoryStore();
    const encryptionKey = new Uint8Array(32).fill(1);
    const locked = checkpointer({ store, encryptionKey });
    await locked.save('a', stateOf('secret '.repeat(2_000)), null, 'me');
    const { bytes } = (await store.get('conversation/a')) ?? { bytes: new Uint8Array() };
    expect(bytes.length).toBeLessThan(1_000);
    expect((await locked.open('a'))?.state).toEqual(stateOf('secret '.repeat(2_000)));
    await expect(checkpointer({ store }).open('a')).rejects.toMatchObject({ code: 'LOCKED' });
    const other = checkpointer({ store, encryptionKey: new Uint8Array(32).fill(2) });
    await expect(other.open('a')).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('goes away when it was not saved for long enough', async () => {
    const clock = new ManualTime();
    const saved = checkpointer({ store: createMemoryStore({ clock }), clock, keepMs: 1_000 });
    const revision = await saved.save('a', stateOf('one'), null, 'me');
    clock.advance(900);
    await saved.save('a', stateOf('two'), revision, 'me');
    clock.advance(900);
    expect(await saved.list()).toEqual(['a']);
    clock.advance(100);
    expect(await saved.open('a')).toBeNull();
  });

  it.each([
    ['something else', new TextEncoder().encode('{"messages":[]}'), 'FOREIGN'],
    ['nothing', new Uint8Array(), 'FOREIGN'],
    ['a later format', new TextEncoder().encode('CWCP\u0009\u0000later'), 'NEWER'],
    ['a header alone', new TextEncoder().encode('CWCP\u0001\u0000'), 'CORRUPT'],
  ])('is refused in words where it is %s, and stays', async (_what, bytes, code) => {
    const store = createMemoryStore();
    await store.put('conversation/a', bytes);
    const opening = checkpointer({ store }).open('a');
    await expect(opening).rejects.toMatchObject({ name: 'CheckpointError', code });
    await expect(opening).rejects.toThrow(/^the checkpoint of a /);
    expect((await store.get('conversation/a'))?.bytes).toEqual(bytes);
  });

  it('has an id that every store takes, and a key of 32 bytes', async () => {
    const store = createMemoryStore();
    await expect(checkpointer({ store }).open('no spaces')).rejects.toThrow(RangeError);
    expect(() => checkpointer({ store, encryptionKey: new Uint8Array(5) })).toThrow('32 bytes');
    expect(() => checkpointer({ store, keepMs: 0 })).toThrow(RangeError);
  });
});
