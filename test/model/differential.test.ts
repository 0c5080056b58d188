import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmulator } from '../../src/emulator/index.ts';
import { compareSequence, emptyCoverage, shrinkSequence, type Coverage } from './compare.ts';
import { describeStep } from './describe-step.ts';
import { EmulatorClient } from './emulator-client.ts';
import { makeSequence } from './sequences.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
/** Sequence `i` has seed `FIRST_SEED + i`; set CACHEWRIGHT_SEED and a small effort to repeat one. */
const FIRST_SEED = Number(process.env['CACHEWRIGHT_SEED'] ?? 20_261_122);
const SEQUENCES = Math.ceil(60 * EFFORT);

let emulator: { url: string; close(): Promise<void> };
let client: EmulatorClient;

beforeAll(async () => {
  emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words' });
  client = new EmulatorClient(emulator.url);
});

afterAll(async () => {
  await emulator.close();
});

async function explainMismatch(seed: number): Promise<string> {
  const { steps, mismatch } = await shrinkSequence(client, makeSequence(seed));
  return [
    `shrunk to ${steps.length} steps they part at step ${mismatch?.step}`,
    `reference ${JSON.stringify(mismatch?.expected)}`,
    `emulator  ${JSON.stringify(mismatch?.actual)}`,
    ...steps.map((step, index) => `${index}. ${describeStep(step)}`),
  ].join('\n');
}

async function runSequences(): Promise<Coverage> {
  const coverage = emptyCoverage();
  for (let sequence = 0; sequence < SEQUENCES; sequence += 1) {
    const seed = FIRST_SEED + sequence;
    const mismatch = await compareSequence(client, makeSequence(seed), coverage);
    if (mismatch === null) continue;
    const where = `seed ${seed} (sequence ${sequence}) step ${mismatch.step}`;
    throw new Error(
      `${where}: reference ${JSON.stringify(mismatch.expected)}, emulator ${JSON.stringify(mismatch.actual)}\n${await explainMismatch(seed)}`,
    );
  }
  return coverage;
}

test(
  `emulator and reference agree on ${SEQUENCES} random sequences`,
  { timeout: 60_000 + SEQUENCES * 2_000 },
  async () => {
    const coverage = await runSequences();
    // A check that reads nothing or refuses nothing would agree on everything.
    expect(Object.entries(coverage).filter(([, count]) => count === 0)).toEqual([]);
    expect(coverage.reads / coverage.requests).toBeGreaterThan(0.25);
  },
);
