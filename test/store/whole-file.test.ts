import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { wholeFile } from '../../src/store/whole-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rounds = Math.ceil(4 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

it('SIGKILL at any time leaves the old file or the new one, whole', async () => {
  const file = join(folder, 'state.bin');
  const script = join(folder, 'write.mjs');
  writeFileSync(
    script,
    `import { wholeFile } from ${JSON.stringify(new URL('../../src/store/whole-file.ts', import.meta.url).pathname)};
    const place = wholeFile(${JSON.stringify(file)});
    for (let round = 0; ; round += 1) {
      await place.write(new Uint8Array(3_000_000).fill(round % 251));
      process.send(round);
    }`,
  );
  for (let round = 0; round < rounds; round += 1) {
    const writer = fork(script);
    const gone = once(writer, 'exit');
    // Killed in the middle of whatever it does after so many writes.
    for (let seen = 0; seen <= round % 5; seen += 1) await once(writer, 'message');
    for (let turn = 0; turn < round * 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    writer.kill('SIGKILL');
    await gone;
    const bytes = await wholeFile(file).read();
    expect([bytes?.length, new Set(bytes).size]).toEqual([3_000_000, 1]);
  }
});

it('what a killed process had not finished is removed when it is an hour old', async () => {
  const file = join(folder, 'state.bin');
  for (const name of ['state.bin.new-old', 'state.bin.new-young', 'other.new-old']) {
    writeFileSync(join(folder, name), 'half');
    if (name.endsWith('old')) utimesSync(join(folder, name), 0, 0);
  }
  expect(await wholeFile(file).read()).toBeNull();
  expect(readdirSync(folder).toSorted()).toEqual(['other.new-old', 'state.bin.new-young']);
});

it('keeps the newest two of what was moved aside', async () => {
  const file = join(folder, 'state.bin');
  let nowMs = 1_795_000_000_000;
  const place = wholeFile(file, { nowMs: () => (nowMs += 1000) });
  for (let round = 0; round < 4; round += 1) {
    await place.write(Uint8Array.of(round));
    await place.setAside();
  }
  expect(readdirSync(folder)).toHaveLength(2);
  expect(await place.read()).toBeNull();
});
