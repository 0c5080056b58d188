import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, expect, it } from 'vitest';

import { openSqliteCache, responseCache } from '../../src/responses/index.ts';
import { answerText, HEADERS, jsonAnswer, request, textOf } from './upstream.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
/** Fifty with twenty times the effort. */
const KILLS = Math.max(3, Math.ceil(2.5 * EFFORT));

const folder = mkdtempSync(join(tmpdir(), 'cachewright-killed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes until a number of answers is there and a little more, then ends without a word. */
async function writeAndKill(file: string, from: number, answers: number): Promise<void> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./writer.ts', import.meta.url)), file, String(from)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const gone = once(child, 'exit');
  let given = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    given += chunk.length;
    if (given >= answers) child.kill('SIGKILL');
  });
  await gone;
}

it(
  `opens after each of ${KILLS} kills in the middle of writing, and never gives a wrong answer`,
  { timeout: 600_000 },
  async () => {
    const file = join(folder, 'responses.db');
    const problems: unknown[] = [];
    let hits = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      await writeAndKill(file, kill * 7, 1 + (kill % 10));
      const store = await openSqliteCache({ file, onProblem: (problem) => problems.push(problem) });
      const cache = responseCache({ store, secret: 'a secret that is long enough' });
      for (let number = 0; number < 40; number += 1) {
        const call = { body: request({ number }), headers: HEADERS };
        const answer = await cache.answer(call, async () => jsonAnswer(answerText(number), 404));
        const text = await textOf(answer.body);
        expect(text).toBe(answerText(number));
        if (answer.served.kind === 'hit') hits += 1;
      }
      expect(cache.summary().store.unreadable).toEqual({});
      await store.close();
    }
    expect(problems).toEqual([]);
    expect(hits).toBeGreaterThan(KILLS);
  },
);
