import { describe, expect, it } from 'vitest';

import { makeChat, runChat, type Outcome } from './rivals.ts';

/** Three hundred turns with three times the effort. */
const EFFORT = Math.max(1, Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const TALKERS = ['article', 'unbounded', 'drop each turn', 'drop-oldest', 'summarise', 'api'] as const;
type Talker = (typeof TALKERS)[number];

async function runAll(model: string, turns: number): Promise<Readonly<Record<Talker, Outcome>>> {
  const script = makeChat(turns, 1, model);
  const outcomes: [Talker, Outcome][] = [];
  for (const talker of TALKERS) outcomes.push([talker, await runChat(script, talker)]);
  return Object.fromEntries(outcomes) as Record<Talker, Outcome>;
}

describe.each([
  ['claude-sonnet-5-5', Math.min(300, 150 * EFFORT)],
  ['claude-opus-4-6', Math.min(300, 100 * EFFORT)],
])('a chat with %s of %i turns', (model, turns) => {
  it('costs a third of what windows cost, and less than keeping everything', async () => {
    const all = await runAll(model, turns);
    for (const own of [all['drop-oldest'], all.summarise, all.api]) {
      expect(own.cuts).toBeGreaterThan(1);
      expect(own.hitRatio).toBeGreaterThan(0.9);
      expect(own.inputUsd).toBeLessThan(0.35 * all.article.inputUsd);
      expect(own.inputUsd).toBeLessThan(0.35 * all['drop each turn'].inputUsd);
      const sinceFirst = ({ costs }: Outcome): number =>
        costs.slice(own.firstCut).reduce((sum, cost) => sum + cost, 0);
      expect(sinceFirst(own)).toBeLessThan(sinceFirst(all.unbounded));
      expect(own.inputUsd).toBeLessThan(all.unbounded.inputUsd);
    }
    expect(all.article.hitRatio).toBe(0);
  }, 120_000);
});
