import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { JsonObject } from '../../src/core/index.ts';
import { billTokens, noTokens, resolveModel, standardPricing } from '../../src/core/index.ts';
import { warmer, type WarmPrompt } from '../../src/warming/index.ts';
import { MODEL, startEmulated, text, type Emulated, type Usage } from './emulated.ts';

const MINUTE_MS = 60_000;

let emulated: Emulated;

beforeEach(async () => {
  emulated = await startEmulated();
});

afterEach(() => emulated.close());

const systemOf = (name: string): JsonObject[] => [
  { type: 'text', text: text(1000, name), cache_control: { type: 'ephemeral' } },
];

/** The warmer that is often recommended: what was warmed once counts as warm for ever, and ten tokens are asked for. */
function createUsualWarmer() {
  const warmed = new Set<string>();
  return async (names: readonly string[]): Promise<readonly Usage[]> => {
    const cold = names.filter((name) => !warmed.has(name));
    return Promise.all(
      cold.map(async (name) => {
        const messages = [{ role: 'user', content: 'Warm up' }];
        const usage = await emulated.ask({ max_tokens: 10, system: systemOf(name), messages });
        warmed.add(name);
        return usage;
      }),
    );
  };
}

/** What the next user reads. */
async function readByUser(name: string): Promise<number> {
  const usage = await emulated.ask({
    system: systemOf(name),
    messages: [{ role: 'user', content: 'Hello' }],
  });
  return usage.cache_read_input_tokens;
}

describe('warming every four minutes, beside the usual way', () => {
  const prompts: readonly WarmPrompt[] = ['a', 'b'].map((id) => ({
    id,
    body: { model: MODEL, system: systemOf(id) },
  }));

  it('keeps prompts warm that the usual way takes for warm', async () => {
    const usual = createUsualWarmer();
    await usual(['a']);
    for (let minutes = 0; minutes < 20; minutes += 4) {
      await usual(['a']);
      await emulated.advance(4 * MINUTE_MS);
    }
    expect(await readByUser('a')).toBe(0);

    const { send, clock, timers } = emulated;
    const ours = warmer({ send, clock, timers });
    for (let minutes = 0; minutes < 20; minutes += 4) {
      const report = await ours.run(prompts.slice(1), { enoughMs: 4.5 * MINUTE_MS });
      expect(report.notWarm).toBe(0);
      await emulated.advance(4 * MINUTE_MS);
    }
    expect(await readByUser('b')).toBe(1000);
  });

  it('goes on where one fails, and says which', async () => {
    const failure = { status: 400, error: 'invalid_request_error' };
    await emulated.script(failure);
    await expect(createUsualWarmer()(['a', 'b'])).rejects.toThrow('invalid_request_error');
    await emulated.script(failure);
    const { send, clock, timers } = emulated;
    const report = await warmer({ send, clock, timers, concurrency: 1 }).run(prompts);
    expect(report.results.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'failed'],
      ['b', 'already-warm'],
    ]);
  });

  it('pays for no output', async () => {
    const [usage] = await createUsualWarmer()(['a']);
    const facts = resolveModel(MODEL).facts;
    const outputTokens = usage?.output_tokens ?? 0;
    const output = billTokens(facts, { ...noTokens, outputTokens }, standardPricing(0)).totalPicoUsd;
    expect(output).toBeGreaterThan(0n);
    const { send, clock, timers } = emulated;
    const report = await warmer({ send, clock, timers }).run(prompts.slice(1));
    expect(report.tokens.outputTokens).toBe(0);
  });
});
