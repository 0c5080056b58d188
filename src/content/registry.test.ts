import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import type { Timers } from '../runtime/index.ts';
import { createMemoryStore, openSqliteStore, StoreError, type Store } from '../store/index.ts';
import {
  contentRegistry,
  UnknownContentError,
  type ContentProblem,
  type ContentRegistry,
  type ContentRegistryOptions,
} from './index.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 10, 2);

/** Time that stands still until it is moved; timers that have come due run then. */
class TestTime implements Timers {
  now = START_MS;
  #due: { readonly atMs: number; readonly run: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.now + delayMs, run };
    this.#due.push(timer);
    return () => (this.#due = this.#due.filter((other) => other !== timer));
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.#due.filter(({ atMs }) => atMs <= this.now);
    this.#due = this.#due.filter(({ atMs }) => atMs > this.now);
    for (const { run } of due) run();
  }
}

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

interface Setup {
  readonly time: TestTime;
  readonly store: Store;
  readonly problems: ContentProblem[];
  /** Another registry on the same store: another process, as it were. */
  readonly another: (options?: Partial<ContentRegistryOptions>) => ContentRegistry;
}

const STORES: Readonly<Record<string, (time: TestTime) => Promise<Store>>> = {
  memory: async (clock) => createMemoryStore({ clock }),
  sqlite: async (clock) => {
    const folder = mkdtempSync(join(tmpdir(), 'cachewright-content-'));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    return openSqliteStore({ file: join(folder, 'content.db'), clock });
  },
};

describe.each(Object.keys(STORES))('a content registry on the %s store', (kind) => {
  async function setUp(): Promise<Setup & { registry: ContentRegistry }> {
    const time = new TestTime();
    const open = STORES[kind];
    if (!open) throw new RangeError(kind);
    const store = await open(time);
    cleanUps.push(() => store.close());
    const problems: ContentProblem[] = [];
    const another = (options: Partial<ContentRegistryOptions> = {}): ContentRegistry =>
      contentRegistry({
        store,
        clock: time,
        timers: time,
        onProblem: (problem) => problems.push(problem),
        ...options,
      });
    return { time, store, problems, another, registry: another() };
  }

  it('tells new, unchanged and changed, with the bytes that changed', async () => {
    const { registry } = await setUp();
    const first = await registry.use('rules', 'Open on Monday.');
    expect(first).toMatchObject({ status: 'new', previousVersion: null, change: null });
    // What `printf 'Open on Monday.' | sha256sum` prints.
    expect(first.version).toBe('529852a69184a93faa029a496657338006e7b44de3292d458bb86851556ff08d');
    expect(await registry.use('rules', 'Open on Monday.')).toMatchObject({
      status: 'unchanged',
      version: first.version,
    });
    expect(await registry.use('rules', 'Open on Friday.')).toMatchObject({
      status: 'changed',
      previousVersion: first.version,
      change: { startByte: 8, endByte: 11, newEndByte: 11, before: 'Mon', after: 'Fri' },
    });
    expect(await registry.use('rules')).toMatchObject({ status: 'unchanged', content: 'Open on Friday.' });
  });

  it('keeps JSON with the order of its keys, which is part of a prompt', async () => {
    const { registry } = await setUp();
    const tools = [{ name: 'search', input_schema: { type: 'object', properties: { q: {} } } }];
    const { version } = await registry.use('tools', tools);
    expect((await registry.use('tools', structuredClone(tools))).version).toBe(version);
    const turned = [{ input_schema: tools[0]?.input_schema, name: 'search' }];
    expect(await registry.use('tools', turned)).toMatchObject({
      status: 'changed',
      change: { startByte: 3 },
    });
    expect((await registry.use('tools')).content).toEqual(turned);
    // The text of a JSON document is another content than the document.
    expect(await registry.use('tools', JSON.stringify(turned))).toMatchObject({
      status: 'changed',
      change: null,
    });
  });

  it('knows contents again after a restart, and what another process changed', async () => {
    const { registry, another } = await setUp();
    const { version } = await registry.use('a name: with/odd*letters é', 'one');
    const other = another();
    expect(await other.use('a name: with/odd*letters é', 'one')).toMatchObject({
      status: 'unchanged',
      version,
    });
    await other.use('a name: with/odd*letters é', 'two');
    expect(await registry.use('a name: with/odd*letters é')).toMatchObject({ content: 'two' });
    expect(await registry.names()).toEqual(['a name: with/odd*letters é']);
  });

  it('has the history, newest first, with the bytes of each version', async () => {
    const { registry, time } = await setUp();
    await registry.register({ name: 'rules', source: 'wiki/rules', content: 'v1' });
    time.advance(MINUTE_MS);
    await registry.use('rules', 'v2');
    time.advance(MINUTE_MS);
    await registry.use('rules', 'v1');
    const history = await registry.history('rules');
    expect(history.map(({ sinceMs, untilMs, source }) => [sinceMs, untilMs, source])).toEqual([
      [START_MS + 2 * MINUTE_MS, null, 'wiki/rules'],
      [START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS, 'wiki/rules'],
      [START_MS, START_MS + MINUTE_MS, 'wiki/rules'],
    ]);
    expect(history[0]?.version).toBe(history[2]?.version);
    expect(history.map(({ change }) => change?.after ?? null)).toEqual(['1', '2', null]);
    expect(await registry.read('rules', history[1]?.version)).toBe('v2');
    expect(await registry.read('rules')).toBe('v1');
    expect(await registry.read('rules', 'f'.repeat(64))).toBeNull();
    expect(await registry.history('unknown')).toEqual([]);
  });

  it('keeps no more versions than it may, and forgets their bytes', async () => {
    const { another, store } = await setUp();
    const registry = another({ versionsMax: 3 });
    for (const text of ['a', 'b', 'c', 'd', 'a', 'e']) await registry.use('rules', text);
    expect(await registry.history('rules')).toHaveLength(3);
    const kept = await store.list('content/rules/bytes/');
    expect(kept).toHaveLength(3);
    expect(await registry.read('rules', (await registry.history('rules'))[1]?.version)).toBe('a');
    expect(await registry.remove('rules')).toBe(true);
    expect(await store.list('content/')).toEqual([]);
    expect(await registry.remove('rules')).toBe(false);
  });

  it('loads what is missing, and again what is aged; the same bytes keep their version', async () => {
    const { registry, time } = await setUp();
    const texts = ['one', 'one', 'two'];
    let loads = 0;
    const load = (): string => texts[loads++] ?? 'three';
    const first = await registry.register({ name: 'page', maxAgeMs: 30 * MINUTE_MS, load });
    expect(first).toMatchObject({ status: 'new', content: 'one', reload: 'changed' });
    time.advance(30 * MINUTE_MS - 1);
    expect(await registry.use('page')).toMatchObject({ status: 'unchanged', reload: 'not-needed' });
    time.advance(1);
    const aged = await registry.use('page');
    expect(aged).toMatchObject({ status: 'aged', reload: 'same', version: first.version });
    expect(aged.ageMs).toBe(30 * MINUTE_MS);
    // It counts as young again, or it would be loaded for ever.
    expect(await registry.use('page')).toMatchObject({ status: 'unchanged', ageMs: 0 });
    time.advance(30 * MINUTE_MS);
    expect(await registry.use('page')).toMatchObject({
      status: 'changed',
      reload: 'changed',
      content: 'two',
      previousVersion: first.version,
    });
    expect(loads).toBe(3);
  });

  it('asks the source once for many uses at a time', async () => {
    const { registry, time } = await setUp();
    let loads = 0;
    await registry.register({ name: 'page', maxAgeMs: 10, load: async () => `text ${(loads += 1) > 0}` });
    time.advance(10);
    const uses = await Promise.all(Array.from({ length: 20 }, () => registry.use('page')));
    expect(loads).toBe(2);
    expect(new Set(uses.map(({ version }) => version)).size).toBe(1);
  });

  it('counts what the caller gives again as validated where there is no loader, once a period', async () => {
    const { registry, time } = await setUp();
    await registry.register({ name: 'rules', maxAgeMs: MINUTE_MS, content: 'text' });
    const statuses: string[] = [];
    for (let half = 0; half < 6; half += 1) {
      time.advance(MINUTE_MS / 2);
      statuses.push((await registry.use('rules', 'text')).status);
    }
    expect(statuses).toEqual(['unchanged', 'aged', 'unchanged', 'aged', 'unchanged', 'aged']);
  });

  it('asks the source before it believes a caller whose content is aged', async () => {
    const { registry, time } = await setUp();
    const texts = ['old', 'new'];
    await registry.register({ name: 'page', maxAgeMs: MINUTE_MS, load: () => texts.shift() ?? 'new' });
    time.advance(MINUTE_MS);
    expect(await registry.use('page', 'old')).toMatchObject({ status: 'changed', content: 'new' });
  });

  it('goes on with the old content when the source fails, and leaves it alone for a while', async () => {
    const { registry, time, problems } = await setUp();
    let loads = 0;
    const load = (): string => {
      loads += 1;
      if (loads === 1) return 'old';
      throw new Error('503');
    };
    await registry.register({ name: 'page', maxAgeMs: MINUTE_MS, load });
    time.advance(MINUTE_MS);
    expect(await registry.use('page')).toMatchObject({ status: 'aged', content: 'old', reload: 'failed' });
    expect(await registry.use('page')).toMatchObject({ status: 'aged', content: 'old', reload: 'postponed' });
    expect(problems).toEqual([{ kind: 'other', message: 'page could not be loaded: 503' }]);
    time.advance(10_000);
    await registry.use('page');
    expect(loads).toBe(3);
  });

  it('does not wait for a source that never answers', async () => {
    const { another, time } = await setUp();
    const registry = another({ loadTimeoutMs: 500 });
    await registry.use('page', 'old');
    const asked = Promise.withResolvers<AbortSignal>();
    const load = ({ signal }: { readonly signal: AbortSignal }): Promise<string> => {
      asked.resolve(signal);
      return new Promise(() => undefined);
    };
    await registry.register({ name: 'page', maxAgeMs: MINUTE_MS, load });
    time.advance(MINUTE_MS);
    const use = registry.use('page');
    const signal = await asked.promise;
    time.advance(500);
    expect(await use).toMatchObject({ status: 'aged', content: 'old', reload: 'failed' });
    expect(signal.aborted).toBe(true);
  });

  it('takes nonsense from a source for a failure', async () => {
    const { registry } = await setUp();
    const load = (): string => undefined as unknown as string;
    await expect(registry.register({ name: 'page', load })).rejects.toThrow(UnknownContentError);
    await expect(registry.use('nothing')).rejects.toThrow('register it with its content');
  });

  it('refuses what cannot be content or a name', async () => {
    const { registry } = await setUp();
    await expect(registry.use('rules', '\ud800')).rejects.toThrow(RangeError);
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const noJson = [
      new Uint8Array(3),
      Promise.resolve('text'),
      new Map(),
      new Date(0),
      null,
      circle,
      { a: 1n },
    ];
    for (const content of noJson)
      await expect(registry.use('rules', content as object)).rejects.toThrow(RangeError);
    await expect(registry.use('rules', Promise.resolve('text'))).rejects.toThrow('not Promise');
    expect(await registry.names()).toEqual([]);
    await expect(registry.use('', 'text')).rejects.toThrow(RangeError);
    await expect(registry.use('x'.repeat(111), 'text')).rejects.toThrow(RangeError);
    await expect(registry.register({ name: 'a', content: 'b', maxAgeMs: 0 })).rejects.toThrow(RangeError);
  });

  it('moves a corrupt record aside and begins anew', async () => {
    const { registry, store, problems } = await setUp();
    await registry.use('rules', 'text');
    await store.put('content/rules/state', new TextEncoder().encode('{"schema":1,"history":[]}'));
    expect(await registry.use('rules', 'text')).toMatchObject({ status: 'new' });
    expect(problems).toMatchObject([{ kind: 'corrupt-value' }]);
    expect(await store.get('corrupt/content/rules/state')).not.toBeNull();
  });

  it('never gives bytes that are not those of their version', async () => {
    const { registry, another, store, problems } = await setUp();
    const { version } = await registry.use('rules', 'text');
    await store.put(`content/rules/bytes/${version}`, new TextEncoder().encode('test'));
    const fresh = another();
    await expect(fresh.use('rules')).rejects.toThrow(UnknownContentError);
    expect(problems).toMatchObject([{ kind: 'corrupt-value', message: expect.stringContaining('hash') }]);
    // Whoever has the content mends it: the same, and it is still that version, or another.
    expect(await fresh.use('rules', 'text')).toMatchObject({ status: 'unchanged', version });
    expect(await another().use('rules')).toMatchObject({ content: 'text', version });
    await store.remove(`content/rules/bytes/${version}`);
    expect(await another().use('rules', 'other')).toMatchObject({ status: 'changed', change: null });
    expect(await another().use('rules')).toMatchObject({ content: 'other' });
  });

  it('is whole again after it was stopped between any two steps of a change', async () => {
    for (let steps = 0; steps < 12; steps += 1) {
      const { registry, store, another, time } = await setUp();
      await registry.use('rules', 'one');
      let left = steps;
      const step = (): void => {
        left -= 1;
        if (left < 0) throw new StoreError('STORE_UNUSABLE', 'the process is gone');
      };
      const dying: Store = {
        get: async (key) => (step(), store.get(key)),
        put: async (key, bytes, options) => (step(), store.put(key, bytes, options)),
        remove: async (key, version) => (step(), store.remove(key, version)),
        list: async (prefix, options) => (step(), store.list(prefix, options)),
        close: async () => undefined,
      };
      const stopped = contentRegistry({ store: dying, clock: time, timers: time, versionsMax: 1 });
      await stopped.use('rules', 'two').catch(() => undefined);
      // What is current is there, and the change can be made as if nothing had been.
      const { content } = await another().use('rules');
      expect(['one', 'two']).toContain(content);
      await another().use('rules', 'two');
      const [current, ...others] = await another().history('rules');
      expect(current).toMatchObject({ untilMs: null, form: 'text' });
      expect(others.every(({ untilMs }) => untilMs !== null)).toBe(true);
      expect(await another().read('rules')).toBe('two');
    }
  });

  it('keeps one truth when many change a content at once', async () => {
    const { another } = await setUp();
    const processes = [another(), another(), another()];
    await Promise.all(
      processes.flatMap((registry, process) =>
        Array.from({ length: 10 }, (_, index) => registry.use('rules', `${process}-${index}`)),
      ),
    );
    const history = await another({ versionsMax: 20 }).history('rules');
    const [current] = history;
    expect(history).toHaveLength(20);
    expect(history.filter(({ untilMs }) => untilMs === null)).toEqual([current]);
    for (const { version } of history) expect(await another().read('rules', version)).not.toBeNull();
  });
});

describe('a content registry whose store fails', () => {
  it('says so', async () => {
    const store = createMemoryStore();
    await store.close();
    await expect(contentRegistry({ store }).use('rules', 'text')).rejects.toThrow(StoreError);
  });
});

describe('a registry that tells of changes', () => {
  it('says which version is over, before whoever changed it goes on', async () => {
    const changes: unknown[] = [];
    const registry = contentRegistry({ onChange: (change) => void changes.push(change) });
    const { version: first } = await registry.use('handbook', 'one');
    await registry.use('handbook', 'one');
    expect(changes).toEqual([]);
    const { version: second } = await registry.use('handbook', 'two');
    expect(changes).toEqual([{ name: 'handbook', previousVersion: first, version: second }]);
    await registry.remove('handbook');
    expect(changes.slice(1)).toEqual([
      { name: 'handbook', previousVersion: second, version: null },
      { name: 'handbook', previousVersion: first, version: null },
    ]);
  });

  it('goes on where nobody can be told, and says so', async () => {
    const problems: ContentProblem[] = [];
    const registry = contentRegistry({
      onChange: () => Promise.reject(new Error('the store is gone')),
      onProblem: (problem) => problems.push(problem),
    });
    await registry.use('handbook', 'one');
    expect((await registry.use('handbook', 'two')).status).toBe('changed');
    expect(problems.map(({ message }) => message)).toEqual([
      'handbook has changed, and not all could be told: the store is gone',
    ]);
  });
});
