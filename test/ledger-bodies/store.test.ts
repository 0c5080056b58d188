import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { openBodyDatabase } from '../../src/ledger/bodies/body-schema.ts';
import { BodyStore, type BodyStoreOptions } from '../../src/ledger/bodies/body-store.ts';
import { BodyWriter } from '../../src/ledger/bodies/body-writer.ts';
import { defaultBodyLimits, openBodies } from '../../src/ledger/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { ManualTime } from '../support/manual-time.ts';
import { everythingIn, pass, rawBodies } from './seen.ts';

const DAY_MS = 86_400_000;
const KEY = 'sk-ant-api03-verysecret';
const cleanUp = new CleanUp();
let folder = '';
let told: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-bodies-'));
  told = [];
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

const file = (): string => join(folder, 'bodies.db');
const settings = { keptMs: 3 * DAY_MS, limits: defaultBodyLimits, patterns: [] };

async function open(more: Partial<BodyStoreOptions> = {}, time = new ManualTime(5_000)): Promise<BodyStore> {
  const tell = (sentence: string): void => void told.push(sentence);
  const options = { file: file(), isKeeping: true, tell, ...settings, ...more };
  return cleanUp.add(await BodyStore.open(options, { clock: time, timers: time }));
}

describe('bodies', () => {
  it('are found under the id of their request, also after a restart, and for the owner of the file alone', async () => {
    const bodies = cleanUp.add(await openBodies(folder));
    pass(bodies, 'a', { request: `{"key":"${KEY}"}`, answer: '{"b":1}', atMs: Date.now() });
    const kept = await bodies.find('a');
    expect(kept).toMatchObject({
      id: 'a',
      request: { text: '{"key":"[redacted anthropic-key]"}', bytes: 33, isCut: false, problem: null },
      answer: { status: 200, contentType: 'application/json', text: '{"b":1}' },
    });
    expect((kept?.expiresMs ?? 0) - (kept?.atMs ?? 0)).toBe(3 * DAY_MS);
    expect(await bodies.find('b')).toBeNull();
    await bodies.close();
    expect(statSync(file()).mode & 0o077).toBe(0);
    const again = cleanUp.add(await openBodies(folder, { isKeeping: false }));
    expect(await again.find('a')).toEqual(kept);
    pass(again, 'c');
    expect(await again.find('c')).toBeNull();
    expect(again.health()).toEqual({ isKeeping: false, waiting: 0, dropped: 0, problem: null });
  });

  it('are those of the answer that the client got, whole or not, and none where none came', async () => {
    const bodies = await open();
    const kind = { contentType: '', contentEncoding: '' };
    const seen = { atMs: 1, scope: 's', tags: [], ...kind };
    const watch = bodies.watch({ id: 'again', body: Buffer.from('x'), ...seen });
    watch.begin({ status: 400, ...kind });
    watch.data(Buffer.from('refused'));
    watch.begin({ status: 200, ...kind });
    watch.data(Buffer.from('fi'));
    watch.data(Buffer.from('ne'));
    watch.end();
    watch.data(Buffer.from(' and more'));
    watch.end();
    bodies.watch({ id: 'none', body: null, ...seen }).end();
    expect((await bodies.find('again'))?.answer).toMatchObject({ status: 200, text: 'fine', bytes: 4 });
    expect(await bodies.find('none')).toMatchObject({
      answer: null,
      request: { text: null, problem: 'it was too long to be held' },
    });
  });

  it('are kept of requests that end while others are being stored', async () => {
    const bodies = await open();
    const ids = Array.from({ length: 200 }, (_, index) => `r${index}`);
    const storing: Promise<void>[] = [];
    for (const id of ids) {
      pass(bodies, id);
      storing.push(bodies.flush());
      await new Promise(setImmediate);
    }
    await Promise.all(storing);
    const found = await Promise.all(ids.map((id) => bodies.find(id)));
    expect(ids.filter((_, index) => !found[index])).toEqual([]);
    expect(bodies.health()).toMatchObject({ waiting: 0, dropped: 0 });
  });

  it('are removed by request, scope, tag, and all at once, those that wait included', async () => {
    const bodies = await open();
    const fill = (): void => {
      for (const [index, id] of ['a', 'b', 'c', 'd'].entries())
        pass(bodies, id, { scope: `s${index % 2}`, tags: index === 3 ? ['t', 'u'] : [], request: KEY });
    };
    const left = async (): Promise<string> => {
      const ids = ['a', 'b', 'c', 'd'];
      const found = await Promise.all(ids.map((id) => bodies.find(id)));
      return ids.filter((_, index) => found[index]).join('');
    };
    fill();
    expect(await bodies.remove({ id: 'a' })).toBe(1);
    expect(await left()).toBe('bcd');
    expect(await bodies.remove({ tag: 'u' })).toBe(1);
    expect(await left()).toBe('bc');
    expect(await bodies.remove({ scope: 's1' })).toBe(1);
    expect(await left()).toBe('c');
    fill();
    expect(await bodies.remove({ all: true })).toBe(4);
    expect(await left()).toBe('');
    expect(everythingIn(folder)).not.toContain('redacted');
  });

  it('go when their time has come, whether or not anything else is kept', async () => {
    const time = new ManualTime(5_000);
    const bodies = await open({}, time);
    pass(bodies, 'old', { atMs: 0 });
    pass(bodies, 'new', { atMs: DAY_MS });
    await bodies.flush();
    await bodies.close();
    const later = new ManualTime(3 * DAY_MS - 10_000);
    const reading = await open({ isKeeping: false }, later);
    expect(await reading.find('old')).not.toBeNull();
    later.advance(10_000);
    expect(await reading.find('old')).toBeNull();
    expect(await reading.find('new')).not.toBeNull();
    const database = cleanUp.add(new DatabaseSync(file(), { readOnly: true }));
    await vi.waitFor(() =>
      expect(database.prepare('SELECT count(*) AS n FROM bodies').get()).toEqual({ n: 1 }),
    );
  });
});

describe('what is kept is bounded', () => {
  it('in bytes of a body', async () => {
    const bodies = await open({ limits: { ...defaultBodyLimits, bodyBytes: 100 } });
    pass(bodies, 'a', { request: 'x '.repeat(100), answer: `${'y '.repeat(49)}${KEY}` });
    const kept = await bodies.find('a');
    expect(kept?.request).toMatchObject({ isCut: true, bytes: 200, text: 'x '.repeat(50) });
    expect(kept?.answer).toMatchObject({ isCut: true, text: `${'y '.repeat(49)}[r` });
  });

  it('in requests and in bytes of all of them, of which the oldest go first', () => {
    const noise = (seed: number): string =>
      Array.from({ length: 400 }, (_, index) => Math.sin(seed * 1_000 + index).toString(36)).join(' ');
    const limits = { bodyBytes: 10_000, requests: 30, allBytes: 20_000 };
    const writer = cleanUp.add(new BodyWriter(file(), { ...settings, limits }));
    const database = cleanUp.add(new DatabaseSync(file()));
    for (let index = 0; index < 60; index += 1) {
      writer.add([rawBodies(`r${index}`, index < 40 ? '{}' : noise(index))]);
      const sums = database.prepare('SELECT requests, bytes FROM total').get();
      const counted = 'SELECT count(*) AS requests, sum(length(zstd)) AS bytes FROM bodies';
      expect(sums).toEqual(database.prepare(counted).get());
      expect(sums?.['requests']).toBeLessThanOrEqual(30);
      expect(sums?.['bytes']).toBeLessThanOrEqual(20_000);
    }
    const [newest] = [59, 58].map((index) => writer.find(`r${index}`, 0));
    expect(newest?.request.text).toContain(noise(59).slice(0, 50));
    expect(writer.find('r45', 0)).toBeNull();
  });

  it('in bytes that are held before they are stored: what is too much is counted and told once', async () => {
    const bodies = await open();
    const body = Buffer.alloc(8 * 1024 * 1024, 'word ');
    const seen = { atMs: 1, scope: 's', tags: [], contentType: '', contentEncoding: '', body };
    const watches = Array.from({ length: 12 }, (_, index) => bodies.watch({ id: `r${index}`, ...seen }));
    expect(bodies.health().dropped).toBe(5);
    expect(told).toHaveLength(1);
    const [first] = watches;
    first?.begin({ status: 200, contentType: '', contentEncoding: '' });
    first?.data(body.subarray(3_000));
    first?.data(Buffer.from('the end'));
    first?.end();
    for (const watch of watches.slice(1)) watch.end();
    // Nothing of an answer is kept behind a part of it that there was no room for.
    expect((await bodies.find('r0'))?.answer).toMatchObject({
      isCut: true,
      text: '',
      bytes: body.length - 3_000 + 7,
    });
    expect((await bodies.find('r2'))?.request).toMatchObject({ isCut: true, bytes: body.length });
    expect(await bodies.find('r11')).toBeNull();
    // There is room again for as many.
    for (let index = 0; index < 7; index += 1) bodies.watch({ id: `again ${index}`, ...seen });
    expect(bodies.health().dropped).toBe(5);
  }, 60_000);
});

describe('what goes wrong hurts no request, and is seen', () => {
  it('a place that cannot be written', async () => {
    writeFileSync(join(folder, 'in-the-way'), '');
    const bodies = await open({ file: join(folder, 'in-the-way', 'bodies.db') });
    pass(bodies, 'a');
    await bodies.flush();
    expect(bodies.health()).toMatchObject({ dropped: 1, waiting: 0, problem: expect.any(String) });
    await expect(bodies.find('a')).rejects.toMatchObject({ name: 'LedgerError' });
    rmSync(join(folder, 'in-the-way'));
    pass(bodies, 'b');
    expect(await bodies.find('b')).not.toBeNull();
    expect(bodies.health()).toMatchObject({ dropped: 1, problem: null });
    expect(told).toEqual([
      expect.stringContaining('cannot be kept now'),
      'bodies of requests are kept again',
    ]);
  });

  it('a full disk: what is there stays, whole, and goes on when there is room', () => {
    let pagesMax = 30;
    const writer = cleanUp.add(
      new BodyWriter(file(), settings, {
        open: (path) => {
          const database = openBodyDatabase(path);
          database.exec(`PRAGMA max_page_count = ${pagesMax}`);
          return database;
        },
      }),
    );
    const text = (seed: number): string =>
      Array.from({ length: 200 }, (_, index) => Math.sin(seed * 999 + index).toString(36)).join(' ');
    let stored = 0;
    const addAll = (): void => {
      for (; stored < 60; stored += 1) writer.add([rawBodies(`r${stored}`, text(stored))]);
    };
    expect(addAll).toThrow('full');
    expect(stored).toBeGreaterThan(0);
    expect(writer.find(`r${stored - 1}`, 0)?.request.text).toBe(text(stored - 1));
    expect(writer.find(`r${stored}`, 0)).toBeNull();
    writer.close();
    pagesMax = 10_000;
    addAll();
    expect(writer.find('r59', 0)?.request.text).toBe(text(59));
  });

  it('a damaged file is removed, and not moved to where nobody looks after it', async () => {
    writeFileSync(file(), 'no database at all, '.repeat(100));
    const bodies = await open();
    expect(told).toEqual([expect.stringContaining('was damaged: it was removed')]);
    pass(bodies, 'a');
    expect(await bodies.find('a')).not.toBeNull();
  });

  it('the file of another program, or of a newer version, is left alone', async () => {
    const other = new DatabaseSync(file());
    other.exec('CREATE TABLE theirs (x)');
    other.close();
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_FOREIGN' });
    rmSync(file());
    await (await open()).close();
    const newer = new DatabaseSync(file());
    newer.exec('PRAGMA user_version = 9');
    newer.close();
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_FOREIGN' });
    expect(existsSync(file())).toBe(true);
  });

  it('a pattern that takes too long: bodies that could not be looked through are not kept', () => {
    const traps = { ...settings, patterns: ['(a+)+$'] };
    const writer = cleanUp.add(new BodyWriter(file(), traps, { searchMsMax: 50 }));
    const trap = rawBodies('trap', `${'a'.repeat(60)}!`);
    expect(writer.add([rawBodies('fine', 'b'), trap])).toEqual({ refused: 1, isNew: false });
    expect(writer.find('fine', 0)).not.toBeNull();
    expect(writer.find('trap', 0)).toBeNull();
  });
});
