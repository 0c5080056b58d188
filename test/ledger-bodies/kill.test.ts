import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, expect, it } from 'vitest';

import { BODIES_FILE, openBodies } from '../../src/ledger/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { everythingIn } from './seen.ts';

const rounds = Math.ceil(3 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const WRITER = new URL('kill-writer.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'cachewright-bodies-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lets a process write until it has said something so often, and kills it. */
async function writeAndKill(round: number, messages: number): Promise<void> {
  const writer = fork(WRITER, [folder, String(round)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let said = 0;
  writer.on('message', () => {
    said += 1;
    if (said === messages) writer.kill('SIGKILL');
  });
  await once(writer, 'exit');
}

const seed = Date.now();

it(
  `a gateway that is killed leaves whole bodies and no secrets (${rounds} times, seed ${seed})`,
  async () => {
    const random = seededRandom(seed);
    let stored = 0;
    for (let round = 0; round < rounds; round += 1) {
      await writeAndKill(round, 20 + Math.floor(random() * 60));
      expect(everythingIn(folder)).not.toContain('TopSecretOfMine');
      const database = new DatabaseSync(join(folder, BODIES_FILE));
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      const sums = database.prepare('SELECT requests, bytes FROM total').get();
      const counted =
        'SELECT count(*) AS requests, coalesce(sum(length(zstd)), 0) AS bytes FROM bodies JOIN request USING (seq)';
      expect(database.prepare(counted).get()).toEqual(sums);
      const last = database.prepare('SELECT id FROM request ORDER BY seq DESC LIMIT 1').get()?.['id'];
      database.close();
      stored = Number(sums?.['requests']);
      if (stored === 0) continue;
      const bodies = await openBodies(folder);
      const kept = await bodies.find(String(last));
      expect(kept?.request.text).toContain('{"text":"[redacted anthropic-key] and word word');
      await bodies.close();
    }
    expect(stored).toBeGreaterThan(0);
  },
  60_000 + 5_000 * rounds,
);
