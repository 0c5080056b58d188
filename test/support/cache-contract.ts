import assert from 'node:assert/strict';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { CacheStore } from '../../src/store/index.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const OPERATIONS_IN_A_RUN = 50;

export interface CacheUnderTest {
  readonly store: CacheStore;
  /** Lets time pass; absent where the clock is the server's. */
  readonly advance?: (ms: number) => void;
}

/** Opens an empty cache. */
export type OpenCache = () => Promise<CacheUnderTest>;

const bytes = (text: string): Uint8Array => Buffer.from(text);
const DAY_MS = 24 * 3_600_000;

type Operation =
  | { readonly do: 'put'; readonly key: string; readonly value: Uint8Array; readonly ttlMs: number }
  | { readonly do: 'get' | 'remove' | 'readMark'; readonly key: string }
  | { readonly do: 'setMark'; readonly key: string; readonly mark: string; readonly isOnlyIfAbsent: boolean }
  | { readonly do: 'advance'; readonly ms: number };

const keys = fc.constantFrom(
  'a',
  'b',
  'key with spaces',
  'ä',
  `${'long'.repeat(100)}1`,
  `${'long'.repeat(100)}2`,
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    do: fc.constant('put' as const),
    key: keys,
    value: fc.uint8Array({ maxLength: 3000 }),
    ttlMs: fc.constantFrom(60_000, DAY_MS, 31 * DAY_MS, 400 * DAY_MS),
  }),
  fc.record({
    do: fc.constantFrom('get' as const, 'get' as const, 'remove' as const, 'readMark' as const),
    key: keys,
  }),
  fc.record({
    do: fc.constant('setMark' as const),
    key: keys,
    mark: fc.string({ minLength: 1 }),
    isOnlyIfAbsent: fc.boolean(),
  }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 59_999, DAY_MS) }),
);

interface Held {
  readonly value: Buffer;
  readonly endsMs: number;
}

/** What a cache does when it loses nothing, done with maps. */
class Model {
  readonly #values = new Map<string, Held>();
  readonly #marks = new Map<string, { readonly mark: string; readonly endsMs: number }>();
  #nowMs = 0;

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  put(key: string, value: Uint8Array, ttlMs: number): void {
    this.#values.set(key, { value: Buffer.from(value), endsMs: this.#nowMs + ttlMs });
  }

  get(key: string): Buffer | null {
    const held = this.#values.get(key);
    return held && this.#nowMs < held.endsMs ? held.value : null;
  }

  remove(key: string): void {
    this.#values.delete(key);
  }

  mark(key: string): string | null {
    const held = this.#marks.get(key);
    return held && this.#nowMs < held.endsMs ? held.mark : null;
  }

  setMark(key: string, mark: string, isOnlyIfAbsent: boolean): void {
    if (isOnlyIfAbsent && this.mark(key) !== null) return;
    this.#marks.set(key, { mark, endsMs: this.#nowMs + 30 * DAY_MS });
  }
}

async function step({ store, advance }: CacheUnderTest, model: Model, next: Operation): Promise<void> {
  switch (next.do) {
    case 'put':
      await store.put(next.key, next.value, next.ttlMs);
      return model.put(next.key, next.value, next.ttlMs);
    case 'remove':
      await store.remove(next.key);
      return model.remove(next.key);
    case 'setMark':
      await store.setMark(next.key, next.mark, next.isOnlyIfAbsent);
      return model.setMark(next.key, next.mark, next.isOnlyIfAbsent);
    case 'advance':
      if (!advance) return undefined;
      advance(next.ms);
      return model.advance(next.ms);
    case 'get': {
      const found = await store.get(next.key);
      return assert.deepEqual(found && Buffer.from(found), model.get(next.key));
    }
    case 'readMark':
      return assert.deepEqual(await store.readMarks([next.key]), [model.mark(next.key)]);
  }
}

/** What every cache must do, whatever database lies below. */
export function describeCacheContract(name: string, open: OpenCache): void {
  describe(`the contract of caches: ${name}`, () => {
    it('gives back the bytes that were put, whatever they are', async () => {
      const { store } = await open();
      const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      for (const value of [all, bytes(''), bytes('12'), bytes('{"a":1}'), bytes('\r\nEND\r\n')]) {
        await store.put('k', value, 60_000);
        expect(Buffer.from((await store.get('k')) ?? [0])).toEqual(Buffer.from(value));
      }
      await store.close();
    });

    it('keeps what is to be kept for longer than a month', async () => {
      const { store } = await open();
      for (const days of [29, 30, 31, 366, 4000]) {
        await store.put(`days-${days}`, bytes('x'), days * DAY_MS);
        expect(await store.get(`days-${days}`)).not.toBeNull();
      }
      await store.close();
    });

    it('refuses lifetimes that are none', async () => {
      const { store } = await open();
      for (const ttlMs of [0, -1, Number.NaN, Infinity])
        await expect(store.put('k', bytes('x'), ttlMs)).rejects.toThrow(RangeError);
      await store.close();
    });

    it('says of a value that it is too large, keeps what was there or nothing, and goes on', async () => {
      const { store } = await open();
      const large = new Uint8Array(64 * 1024 * 1024);
      await expect(store.put('k', large, 60_000)).rejects.toMatchObject({ code: 'STORE_VALUE_TOO_LARGE' });
      await store.put('k', bytes('x'), 60_000);
      expect(await store.get('k')).not.toBeNull();
      await store.close();
    });

    it('reads many marks at once, in order', async () => {
      const { store } = await open();
      await store.setMark('one', '1', false);
      await store.setMark('three', '3', true);
      await store.setMark('three', 'other', true);
      expect(await store.readMarks(['three', 'two', 'one'])).toEqual(['3', null, '1']);
      expect(await store.readMarks([])).toEqual([]);
      await store.close();
    });

    it('refuses calls once it is closed', async () => {
      const { store } = await open();
      await store.close();
      await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    });

    it('does what maps do', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { minLength: OPERATIONS_IN_A_RUN, maxLength: OPERATIONS_IN_A_RUN }),
          async (operations) => {
            const under = await open();
            const model = new Model();
            for (const next of operations) await step(under, model, next);
            await under.store.close();
          },
        ),
        { numRuns: 10 * EFFORT },
      );
    });
  });
}
