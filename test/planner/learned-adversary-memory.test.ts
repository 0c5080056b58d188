import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';

import { createEngine } from '../../src/engine/index.ts';
import { createMemoryLedger } from '../../src/ledger/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { START_MS, answer, openWith } from '../support/engine.ts';
import { adversaries, type Traffic } from './adversarial-traffic.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const REQUESTS = EFFORT >= 20 ? 100_000 : 4000;
const MEGABYTE = 1_000_000;

/** All that an engine may hold: bodies, blocks, estimates, entries of three caches, runs, prompts, records. */
const HELD_MAX = 400 * MEGABYTE;

describe('the memory of an engine', () => {
  test(`after ${REQUESTS} distinct prefixes is within its limit`, { timeout: 900_000 }, () => {
    const { gapMs, make } = adversaries()['distinct prefixes, ten a second'] as Traffic;
    let nowMs = START_MS;
    collectGarbage();
    const before = process.memoryUsage();
    const engine = createEngine({
      clock: { nowMs: () => nowMs },
      random: seededRandom(1),
      ledger: createMemoryLedger(),
      secret: Buffer.alloc(32, 7),
    });
    for (let request = 0; request < REQUESTS; request += 1) {
      answer(openWith(engine, make(request)), { input: 1000 });
      nowMs += gapMs;
    }
    collectGarbage();
    const after = process.memoryUsage();
    const held = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(held).toBeLessThanOrEqual(HELD_MAX);
    expect(engine.counters).toEqual({ failedAnalyses: 0, failedAccounts: 0, refusedPlans: 0 });
    expect(engine.findings().map(({ code }) => code)).toEqual(['nothing-repeats']);
  });
});
