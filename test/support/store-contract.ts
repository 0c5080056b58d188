import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import type { Store, StoreLimits, StoredKey } from '../../src/store/index.ts';

/** A store under test, and the time that it believes in. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly advance: (ms: number) => void;
  /** Called after the test, whatever came of it. */
  readonly dispose: () => Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: { readonly bytes: Uint8Array } | null): string | null =>
  value && new TextDecoder().decode(value.bytes);

/** Keys in which one is the beginning of another, with characters that queries might take for patterns. */
const KEYS = ['a', 'a/b', 'a/b/c', 'a/%', 'a/_x', 'a/*', 'A', 'b', '~', 'a~'];

/** A plain map with lifetimes: what a store is compared with. */
class ModelStore {
  readonly #values = new Map<string, { readonly value: string; readonly expiresMs: number }>();
  nowMs = 0;

  live(key: string): string | null {
    const known = this.#values.get(key);
    return known && this.nowMs < known.expiresMs ? known.value : null;
  }

  put(key: string, value: string, ttlMs: number = Infinity): void {
    this.#values.set(key, { value, expiresMs: this.nowMs + ttlMs });
  }

  remove(key: string): void {
    this.#values.delete(key);
  }

  list(prefix: string, after: string, limit: number): readonly string[] {
    const keys = KEYS.filter((key) => this.live(key) !== null && key.startsWith(prefix) && key > after);
    return keys.toSorted().slice(0, limit);
  }
}

/** Does one thing to the store and to the model, and gives what each answered. */
type Step = (under: StoreUnderTest, model: ModelStore) => Promise<readonly [unknown, unknown]>;

const keyOf = fc.constantFrom(...KEYS);

const putStep = fc
  .record({ key: keyOf, value: fc.string(), ttlMs: fc.constantFrom(undefined, 1, 50, 1000) })
  .map(({ key, value, ttlMs }): Step => async ({ store }, model) => {
    const version = await store.put(key, bytes(value), ttlMs === undefined ? {} : { ttlMs });
    model.put(key, value, ttlMs);
    return [version !== null, true];
  });

const conditionalPutStep = fc
  .record({
    key: keyOf,
    value: fc.string(),
    guess: fc.constantFrom('right' as const, 'wrong' as const, 'absent' as const),
  })
  .map(({ key, value, guess }): Step => async ({ store }, model) => {
    const known = await store.get(key);
    const ifVersion = { right: known?.version ?? null, wrong: 'never-a-version', absent: null }[guess];
    const isRight = guess === 'right' || (guess === 'absent' && model.live(key) === null);
    if (isRight) model.put(key, value);
    return [(await store.put(key, bytes(value), { ifVersion })) !== null, isRight];
  });

const removeStep = fc
  .record({ key: keyOf, guess: fc.constantFrom('any' as const, 'right' as const, 'wrong' as const) })
  .map(({ key, guess }): Step => async ({ store }, model) => {
    const known = await store.get(key);
    const isRight = model.live(key) !== null && guess !== 'wrong';
    if (isRight) model.remove(key);
    const ifVersion = { any: undefined, right: known?.version, wrong: 'never-a-version' }[guess];
    return [await store.remove(key, ifVersion), isRight];
  });

const listStep = fc
  .record({
    prefix: fc.constantFrom('', 'a', 'a/', 'a/b', 'x', '~'),
    after: fc.constantFrom('', ...KEYS),
    limit: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ prefix, after, limit }): Step => async ({ store }, model) => {
    const found = await store.list(prefix, { after, limit });
    return [found.map(({ key }) => key), model.list(prefix, after, limit)];
  });

const waitStep = fc.constantFrom(1, 49, 50, 999).map((ms): Step => async (under, model) => {
  under.advance(ms);
  model.nowMs += ms;
  return [0, 0];
});

const steps = fc.array(fc.oneof(putStep, conditionalPutStep, removeStep, listStep, waitStep), {
  minLength: 1,
  maxLength: 40,
});

/** Plays random steps on a store and on the model beside it. */
async function playSteps(under: StoreUnderTest, list: readonly Step[]): Promise<void> {
  const model = new ModelStore();
  for (const step of list) {
    const [answer, expected] = await step(under, model);
    expect(answer).toEqual(expected);
    for (const key of KEYS) expect(text(await under.store.get(key))).toBe(model.live(key));
  }
}

/**
 * What every store must do, whatever lies below it. `open` gives an empty store with the limits asked for.
 *
 * @example describeStoreContract('memory', async (limits) => ({ store: createMemoryStore({ limits, clock }), ... }));
 */
export function describeStoreContract(
  name: string,
  open: (limits: Partial<StoreLimits>) => Promise<StoreUnderTest>,
): void {
  const opened: StoreUnderTest[] = [];
  const start = async (limits: Partial<StoreLimits> = {}): Promise<StoreUnderTest> => {
    const under = await open(limits);
    opened.push(under);
    return under;
  };
  afterEach(async () => {
    for (const under of opened.splice(0)) await under.dispose();
  });

  describe(`${name}: values`, () => {
    it('gives back the bytes that were put, any bytes', async () => {
      const { store } = await start();
      const every = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.put('k', every);
      expect([...((await store.get('k'))?.bytes ?? [])]).toEqual([...every]);
      await store.put('empty', new Uint8Array());
      expect((await store.get('empty'))?.bytes).toHaveLength(0);
      expect(await store.get('other')).toBeNull();
    });

    it('is not changed through the bytes it was given, nor through those it gave', async () => {
      const { store } = await start();
      const given = bytes('abc');
      await store.put('k', given);
      given.fill(0);
      (await store.get('k'))?.bytes.fill(0);
      expect(text(await store.get('k'))).toBe('abc');
    });

    it('behaves as a map with lifetimes does', async () => {
      const numRuns = Math.ceil(15 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const under = await open({});
          try {
            await playSteps(under, list);
          } finally {
            await under.dispose();
          }
        }),
        { numRuns },
      );
    });
  });

  describe(`${name}: versions`, () => {
    it('never uses a version twice, not after a removal either', async () => {
      const { store } = await start();
      const seen = new Set<string | null>();
      for (let round = 0; round < 5; round += 1) {
        seen.add(await store.put('k', bytes('same')));
        seen.add(await store.put('k', bytes('same')));
        await store.remove('k');
      }
      expect(seen.size).toBe(10);
      expect(seen.has(null)).toBe(false);
    });

    it('lets exactly one of many writers through who saw the same state', async () => {
      const { store } = await start();
      const first = await store.put('k', bytes('0'));
      const writers = Array.from({ length: 20 }, (_, index) =>
        store.put('k', bytes(`${index}`), { ifVersion: first }),
      );
      expect((await Promise.all(writers)).filter((version) => version !== null)).toHaveLength(1);
      const makers = Array.from({ length: 20 }, () => store.put('new', bytes('x'), { ifVersion: null }));
      expect((await Promise.all(makers)).filter((version) => version !== null)).toHaveLength(1);
    });

    it('changes nothing when the condition fails', async () => {
      const { store } = await start();
      const version = await store.put('k', bytes('old'), { ttlMs: 1000 });
      expect(await store.put('k', bytes('new'), { ifVersion: null })).toBeNull();
      expect(await store.remove('k', 'another')).toBe(false);
      const kept = await store.get('k');
      expect([text(kept), kept?.version, kept?.expiresMs]).toEqual(['old', version, expect.any(Number)]);
    });
  });

  describe(`${name}: lifetimes`, () => {
    it('forgets at the end of the TTL, not before, and a later put decides anew', async () => {
      const { store, advance } = await start();
      await store.put('k', bytes('x'), { ttlMs: 100 });
      await store.put('kept', bytes('x'), { ttlMs: 100 });
      await store.put('kept', bytes('y'));
      advance(99);
      expect(text(await store.get('k'))).toBe('x');
      advance(1);
      expect(await store.get('k')).toBeNull();
      expect((await store.list('')).map(({ key }) => key)).toEqual(['kept']);
      expect(await store.remove('k')).toBe(false);
      expect(await store.put('k', bytes('z'), { ifVersion: null })).not.toBeNull();
      expect((await store.get('kept'))?.expiresMs).toBeNull();
    });

    it('refuses a lifetime that is none', async () => {
      const { store } = await start();
      for (const ttlMs of [0, -1, Number.NaN, Infinity])
        await expect(store.put('k', bytes('x'), { ttlMs })).rejects.toThrow(RangeError);
    });
  });

  describe(`${name}: lists`, () => {
    it('pages through keys in order, with their sizes', async () => {
      const { store } = await start();
      const keys = Array.from({ length: 25 }, (_, index) => `p/${String(index).padStart(2, '0')}`);
      for (const key of keys.toReversed()) await store.put(key, bytes(key.repeat(2)));
      await store.put('q/0', bytes('other'));
      const found: StoredKey[] = [];
      for (let page = await store.list('p/', { limit: 10 }); page.length > 0;) {
        found.push(...page);
        page = await store.list('p/', { limit: 10, after: found.at(-1)?.key ?? '' });
      }
      expect(found.map(({ key }) => key)).toEqual(keys);
      expect(found.every(({ sizeBytes }) => sizeBytes === 8)).toBe(true);
      await expect(store.list('', { limit: 0 })).rejects.toThrow(RangeError);
      await expect(store.list('', { limit: 1001 })).rejects.toThrow(RangeError);
    });
  });

  describe(`${name}: limits`, () => {
    it('refuses keys that not every database takes', async () => {
      const { store } = await start();
      for (const key of ['', 'a b', 'a\n', 'ä', 'x'.repeat(251), '\u0000', '\x7f'])
        await expect(store.put(key, bytes('x'))).rejects.toMatchObject({ code: 'STORE_BAD_KEY' });
      await store.put('x'.repeat(250), bytes('x'));
    });

    it('refuses a value that is too large', async () => {
      const { store } = await start({ valueBytesMax: 4 });
      await store.put('k', bytes('1234'));
      await expect(store.put('k', bytes('12345'))).rejects.toMatchObject({ code: 'STORE_VALUE_TOO_LARGE' });
      expect(text(await store.get('k'))).toBe('1234');
    });

    it('refuses more keys than it may hold, but not a new value for an old one', async () => {
      const { store, advance } = await start({ keysMax: 2 });
      await store.put('a', bytes('1'));
      await store.put('b', bytes('1'), { ttlMs: 10 });
      await expect(store.put('c', bytes('1'))).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect(await store.get('c')).toBeNull();
      await store.put('a', bytes('2'));
      advance(10);
      await store.put('c', bytes('1'));
      expect((await store.list('')).map(({ key }) => key)).toEqual(['a', 'c']);
    });

    it('refuses more bytes than it may hold and keeps what it had', async () => {
      const { store } = await start({ bytesMax: 20 });
      await store.put('a', bytes('123456789'));
      await store.put('b', bytes('123456789'));
      await expect(store.put('a', bytes('1234567890'))).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect(text(await store.get('a'))).toBe('123456789');
      await store.remove('b');
      await store.put('a', bytes('1234567890'));
    });

    it('drops what was written longest ago where it may', async () => {
      const { store } = await start({ keysMax: 3, whenFull: 'drop-oldest' });
      for (const key of ['a', 'b', 'c']) await store.put(key, bytes('1'));
      await store.put('a', bytes('2'));
      await store.put('d', bytes('1'));
      expect((await store.list('')).map(({ key }) => key)).toEqual(['a', 'c', 'd']);
    });

    it('drops as many as a large value needs', async () => {
      const { store } = await start({ bytesMax: 40, whenFull: 'drop-oldest' });
      for (const key of ['a', 'b', 'c', 'd']) await store.put(key, bytes('123456789'));
      await store.put('e', bytes('1234567890123456789'));
      expect((await store.list('')).map(({ key }) => key)).toEqual(['c', 'd', 'e']);
      await expect(store.put('f', bytes('x'.repeat(40)))).rejects.toMatchObject({
        code: 'STORE_VALUE_TOO_LARGE',
      });
    });
  });

  describe(`${name}: closing`, () => {
    it('refuses calls afterwards; closing again is nothing', async () => {
      const { store } = await start();
      await store.close();
      await store.close();
      for (const call of [
        () => store.get('k'),
        () => store.put('k', bytes('x')),
        () => store.remove('k'),
        () => store.list(''),
      ])
        await expect(call()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    });
  });
}
