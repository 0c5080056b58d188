import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { describeStoreContract } from '../../../test/support/store-contract.ts';
import { openSqliteStore, type StoreProblem } from '../index.ts';

let folder = '';
const file = (name = 'state.db'): string => join(folder, name);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

let stores = 0;
describeStoreContract('sqlite', async (limits) => {
  let nowMs = 1_000_000;
  const store = await openSqliteStore({
    file: file(`${(stores += 1)}.db`),
    limits,
    clock: { nowMs: () => nowMs },
  });
  return { store, advance: (ms) => (nowMs += ms), dispose: () => store.close() };
});

describe('sqlite: the file', () => {
  it('is read again after a restart, and is for its owner alone', async () => {
    const first = await openSqliteStore({ file: file('deep/down/state.db') });
    const version = await first.put('k', bytes('kept'));
    await first.close();
    const second = await openSqliteStore({ file: file('deep/down/state.db') });
    expect((await second.get('k'))?.version).toBe(version);
    expect(statSync(file('deep/down/state.db')).mode & 0o077).toBe(0);
    await second.close();
  });

  it('is shared by two stores: each sees what the other wrote, conditions hold across them', async () => {
    const [a, b] = [await openSqliteStore({ file: file() }), await openSqliteStore({ file: file() })];
    const version = await a.put('k', bytes('a'));
    expect(await b.put('k', bytes('b'), { ifVersion: version })).not.toBeNull();
    expect(await a.put('k', bytes('late'), { ifVersion: version })).toBeNull();
    expect(new TextDecoder().decode((await a.get('k'))?.bytes)).toBe('b');
    await a.close();
    await b.close();
  });

  it('loses no step of several processes that count together', async () => {
    const rounds = 60;
    const script = file('count.mjs');
    writeFileSync(
      script,
      `import { openSqliteStore } from ${JSON.stringify(new URL('../index.ts', import.meta.url).pathname)};
      const store = await openSqliteStore({ file: ${JSON.stringify(file())} });
      for (let done = 0; done < ${rounds}; ) {
        const known = await store.get('count');
        const next = new TextEncoder().encode(String(Number(new TextDecoder().decode(known?.bytes)) + 1));
        if ((await store.put('count', next, { ifVersion: known?.version ?? null })) !== null) done += 1;
      }
      await store.close();`,
    );
    const workers = [0, 1, 2].map(
      () =>
        new Promise<number | null>((resolve, reject) => {
          fork(script).once('exit', resolve).once('error', reject);
        }),
    );
    expect(await Promise.all(workers)).toEqual([0, 0, 0]);
    const store = await openSqliteStore({ file: file() });
    expect(new TextDecoder().decode((await store.get('count'))?.bytes)).toBe(String(3 * rounds));
    await store.close();
  });
});

describe('sqlite: a process that is killed while it writes', () => {
  it('leaves every value whole, old or new', async () => {
    const script = file('write.mjs');
    writeFileSync(
      script,
      `import { openSqliteStore } from ${JSON.stringify(new URL('../index.ts', import.meta.url).pathname)};
      const store = await openSqliteStore({ file: ${JSON.stringify(file())} });
      for (let round = 0; ; round += 1) {
        await store.put('k' + (round % 10), new Uint8Array(20_000).fill(round % 251));
        if (round === 50) process.send('writing');
      }`,
    );
    const problems: StoreProblem[] = [];
    for (let round = 0; round < 3; round += 1) {
      const writer = fork(script);
      const gone = once(writer, 'exit');
      await once(writer, 'message');
      writer.kill('SIGKILL');
      await gone;
      const store = await openSqliteStore({ file: file(), onProblem: (problem) => problems.push(problem) });
      const keys = await store.list('k');
      const values = await Promise.all(keys.map(({ key }) => store.get(key)));
      await store.close();
      expect(values.map((value) => [value?.bytes.length, new Set(value?.bytes).size])).toEqual(
        Array.from({ length: 10 }, () => [20_000, 1]),
      );
    }
    expect(problems).toEqual([]);
  });
});

describe('sqlite: damage', () => {
  const problems: StoreProblem[] = [];
  const onProblem = (problem: StoreProblem): void => void problems.push(problem);
  let nowMs = 0;
  const clock = { nowMs: () => nowMs };
  const asideFiles = (): readonly string[] =>
    readdirSync(folder).filter((name) => name.includes('.corrupt-'));

  beforeEach(() => {
    problems.length = 0;
  });

  async function fill(): Promise<void> {
    const store = await openSqliteStore({ file: file(), clock });
    for (let index = 0; index < 200; index += 1) await store.put(`k${index}`, bytes('x'.repeat(2000)));
    await store.close();
  }

  it('moves a file aside that is no database, tells, and begins anew', async () => {
    writeFileSync(file(), 'this was never a database, and it is long enough to be taken for one'.repeat(100));
    const store = await openSqliteStore({ file: file(), onProblem, clock });
    expect(problems).toEqual([
      {
        kind: 'corrupt-file',
        what: file(),
        movedTo: expect.stringContaining('.corrupt-'),
        message: expect.any(String),
      },
    ]);
    expect(readFileSync(problems[0]?.movedTo ?? '', 'utf8')).toContain('this was never');
    await store.put('k', bytes('new'));
    expect(await store.list('')).toHaveLength(1);
    await store.close();
  });

  it('does so when the damage is met by a later call, which is then answered from the new file', async () => {
    await fill();
    const damaged = readFileSync(file());
    damaged.fill(0xa5, 4096);
    writeFileSync(file(), damaged);
    const store = await openSqliteStore({ file: file(), onProblem, clock });
    expect(await store.get('k100')).toBeNull();
    expect(await store.put('k100', bytes('new'))).not.toBeNull();
    expect(problems).toHaveLength(1);
    expect(asideFiles()).toHaveLength(1);
    await store.close();
  });

  it('survives damage anywhere: every call works, or the damage was told', async () => {
    await fill();
    const whole = readFileSync(file());
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 40)) {
      const damaged = Buffer.from(whole);
      damaged.fill(0x5a, at, at + 300);
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), 'cachewright-store-'));
      writeFileSync(file(), damaged);
      nowMs += 1;
      const store = await openSqliteStore({ file: file(), onProblem, clock });
      await store.list('');
      for (let index = 0; index < 200; index += 10) await store.get(`k${index}`);
      for (let index = 0; index < 20; index += 1) await store.put(`k${index}`, bytes('y'));
      await store.close();
    }
  });

  it('keeps the newest two damaged files', async () => {
    for (let round = 0; round < 4; round += 1) {
      nowMs += 1000;
      writeFileSync(file(), `no database ${round} `.repeat(1000));
      await (await openSqliteStore({ file: file(), onProblem, clock })).close();
    }
    expect(problems).toHaveLength(4);
    const kept = asideFiles().map((name) => readFileSync(join(folder, name), 'utf8').slice(0, 13));
    expect(kept.toSorted()).toEqual(['no database 2', 'no database 3']);
  });

  it('uses no version again in the new file', async () => {
    nowMs = 5000;
    const first = await openSqliteStore({ file: file(), clock });
    const old = await first.put('k', bytes('x'));
    await first.close();
    writeFileSync(file(), 'no database '.repeat(1000));
    nowMs += 1;
    const second = await openSqliteStore({ file: file(), clock });
    expect(await second.put('k', bytes('x'))).not.toBe(old);
    await second.close();
  });
});

describe('sqlite: files that are not for us', () => {
  it("leaves another program's database alone", async () => {
    const other = new DatabaseSync(file());
    other.exec('CREATE TABLE theirs (x)');
    other.close();
    await expect(openSqliteStore({ file: file() })).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
    const again = new DatabaseSync(file());
    expect(again.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'theirs' }]);
    again.close();
  });

  it('leaves a file of a newer version alone', async () => {
    await (await openSqliteStore({ file: file() })).close();
    const newer = new DatabaseSync(file());
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    await expect(openSqliteStore({ file: file() })).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
  });

  it('says in a sentence when the file cannot be had', async () => {
    await expect(openSqliteStore({ file: folder })).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
      message: expect.stringContaining('cannot be used'),
    });
    writeFileSync(file('plain'), '');
    chmodSync(file('plain'), 0o600);
    await expect(openSqliteStore({ file: file('plain/state.db') })).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
    });
  });
});
