import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, expect, it } from 'vitest';

import { openLedgerFile } from '../../src/ledger/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';

const rounds = Math.ceil(4 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const WRITER = new URL('kill-writer.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'cachewright-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Progress {
  readonly added: number;
  readonly atMs: number;
}

/** Lets a process write until it has said something so often, kills it, and gives what it said. */
async function writeAndKill(round: number, messages: number): Promise<readonly Progress[]> {
  const writer = fork(WRITER, [folder, String(round)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const said: Progress[] = [];
  writer.on('message', (message) => {
    said.push(message as Progress);
    if (said.length === messages) writer.kill('SIGKILL');
  });
  await once(writer, 'exit');
  return said;
}

function numbersOf(database: DatabaseSync, sql: string): readonly number[] {
  return Object.values(database.prepare(sql).get() ?? {}).map(Number);
}

it(`loses at most the last moments of a gateway that is killed, and counts nothing twice (${rounds} times)`, async () => {
  const random = seededRandom(Date.now());
  const lostMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const said = await writeAndKill(round, 1 + Math.floor(random() * 60));
    const database = new DatabaseSync(join(folder, 'ledger.db'));
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    const whole = numbersOf(
      database,
      'SELECT count(*), coalesce(sum(cost_pico), 0), coalesce(sum(own_pico), 0) FROM amount',
    );
    const [requests = 0, ...money] = numbersOf(
      database,
      'SELECT sum(requests), sum(cost_pico), sum(own_pico) FROM rollup WHERE level_ms = 300000 AND tag = 0 AND scope = 0',
    );
    expect([requests + (money[1] ?? 0), ...money]).toEqual(whole);
    expect(numbersOf(database, 'SELECT count(*) FROM record')).toEqual([whole[0]]);
    for (const filter of ['tag = 0 AND scope > 0', 'tag > 0 AND scope = 0', 'tag > 0 AND scope > 0'])
      expect(
        numbersOf(database, `SELECT sum(requests) FROM rollup WHERE level_ms = 86400000 AND ${filter}`),
      ).toEqual([requests]);
    const [stored = 0] = numbersOf(
      database,
      `SELECT count(*) FROM record WHERE is_own = 0 AND id LIKE '${round}-%'`,
    );
    database.close();
    const ledger = await openLedgerFile(folder);
    expect((await ledger.summary()).requests).toBe(requests);
    await ledger.close();
    const last = said.at(-1);
    const firstLost = said.find(({ added }) => added > stored);
    lostMs.push(last && firstLost ? last.atMs - firstLost.atMs : 0);
  }
  const sorted = lostMs.toSorted((a, b) => a - b);
  // On a machine that does other things as well a single round may take longer.
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(250);
  expect(sorted.at(-1)).toBeLessThanOrEqual(3_000);
}, 600_000);
