import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { noTokens, resolveModel, totalInputTokens, type TokenCounts } from '../core/index.ts';
import { AuditPlanner } from './audit-planner.ts';
import type { WhatIfStep } from './what-if-step.ts';
import { WHAT_IF_NAMES, WhatIf } from './what-if.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const MODEL = resolveModel('claude-opus-4-5').facts;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Turn {
  readonly conversation: string;
  readonly atMs: number;
  readonly endTokens: number;
  readonly sharedTokens: number;
  readonly readTokens?: number;
}

function stepOf({ atMs, endTokens, sharedTokens, readTokens = 0 }: Turn): WhatIfStep {
  return {
    model: MODEL,
    atMs,
    readyMs: atMs + 2000,
    tokens: { ...noTokens, readTokens, write5mTokens: endTokens - readTokens },
    totalTokens: endTokens,
    endTokens,
    sharedTokens,
  };
}

/** Input tokens by policy, weighed by the prices of 5m writes, 1h writes and reads. */
function costsOf(turns: readonly Turn[]): Readonly<Record<string, number>> {
  const planner = new AuditPlanner();
  const conversations = new Map<string, WhatIf>();
  const costs: Record<string, number> = Object.fromEntries(WHAT_IF_NAMES.map((name) => [name, 0]));
  for (const turn of turns) {
    const known = conversations.get(turn.conversation) ?? new WhatIf(planner);
    conversations.set(turn.conversation, known);
    for (const [index, tokens] of known.advance(stepOf(turn)).entries()) {
      const name = WHAT_IF_NAMES[index] ?? '';
      costs[name] = (costs[name] ?? 0) + weigh(tokens);
    }
  }
  return costs;
}

const weigh = ({ readTokens, write5mTokens, write1hTokens, uncachedTokens }: TokenCounts): number =>
  readTokens * 0.1 + write5mTokens * 1.25 + write1hTokens * 2 + uncachedTokens;

/** A conversation that grows by 500 tokens a turn, with the same pause before each. */
function conversation(name: string, startMs: number, pauseMs: number, turns: number): readonly Turn[] {
  return Array.from({ length: turns }, (_, turn) => ({
    conversation: name,
    atMs: startMs + turn * pauseMs,
    endTokens: 20_000 + 500 * turn,
    sharedTokens: turn === 0 ? 0 : 20_000 + 500 * (turn - 1),
  }));
}

describe('the policy named cachewright is the planner of the gateway', () => {
  test('it learns that pauses are long, and then writes for an hour', () => {
    const turns = Array.from({ length: 12 }, (_, day) =>
      conversation(`day ${day}`, day * 24 * HOUR_MS, 10 * MINUTE_MS, 20),
    ).flat();
    const { cachewright = 0, 'automatic-5m': short = 0, 'always-1h': long = 0 } = costsOf(turns);
    expect(long).toBeLessThan(short / 4);
    expect(cachewright).toBeLessThan(long * 1.15);
  });

  test('it learns that prompts do not come again, and then writes nothing', () => {
    const turns = Array.from({ length: 300 }, (_, index) =>
      conversation(`${index}`, index * 1000, 0, 1),
    ).flat();
    const { cachewright = 0, 'automatic-5m': short = 0 } = costsOf(turns);
    const uncached = 300 * 20_000;
    expect(short).toBe(uncached * 1.25);
    expect(cachewright).toBeLessThan(uncached * 1.06);
  });

  test('a conversation longer than a path is read to its end', () => {
    const { cachewright = 0, 'automatic-5m': short = 0 } = costsOf(conversation('one', 0, MINUTE_MS, 1300));
    expect(cachewright).toBeLessThan(short * 1.01);
  });

  test('what conversations share is read where the log read it', () => {
    const turns = Array.from({ length: 20 }, (_, index) => ({
      conversation: `${index}`,
      atMs: index * MINUTE_MS,
      endTokens: 16_000,
      sharedTokens: 15_000,
      readTokens: index === 0 ? 0 : 15_000,
    }));
    const { cachewright = 0, 'automatic-5m': short = 0 } = costsOf(turns);
    expect(short).toBe(20 * 16_000 * 1.25);
    expect(cachewright).toBeLessThan(16_000 * 1.25 + 19 * (15_000 * 0.1 + 1000 * 1.25) + 1);
  });

  test('it hardly matters whether a log is sorted by time, by conversation or backwards', () => {
    const days = Array.from({ length: 30 }, (_, index) =>
      conversation(`${index}`, index * 20 * MINUTE_MS, index % 3 === 0 ? 12 * MINUTE_MS : 30_000, 15),
    );
    const byTime = costsOf(days.flat().toSorted((a, b) => a.atMs - b.atMs))['cachewright'] ?? 0;
    for (const turns of [days.flat(), days.toReversed().flat()]) {
      const cost = costsOf(turns)['cachewright'] ?? 0;
      expect(Math.abs(cost / byTime - 1)).toBeLessThan(0.05);
    }
  });
});

test('whatever a log holds, each policy has all of its tokens, and output stays as it was', () => {
  const turn = fc.record({
    conversation: fc.constantFrom('one', 'two', 'three'),
    atMs: fc.nat({ max: 12 * HOUR_MS }),
    endTokens: fc.integer({ min: 1, max: 60_000 }),
    shared: fc.double({ min: 0, max: 1, noNaN: true }),
    read: fc.constantFrom(0, 0.3, 1),
    rest: fc.nat({ max: 900 }),
    hour: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 60 }), (turns) => {
      const planner = new AuditPlanner();
      const conversations = new Map<string, WhatIf>();
      for (const { conversation: name, atMs, endTokens, shared, read, rest, hour } of turns) {
        const whatIf = conversations.get(name) ?? new WhatIf(planner);
        conversations.set(name, whatIf);
        const sharedTokens = Math.floor(endTokens * shared);
        const step = stepOf({
          conversation: name,
          atMs,
          endTokens,
          sharedTokens,
          readTokens: Math.floor(sharedTokens * read),
        });
        const { write5mTokens } = step.tokens;
        const tokens = hour
          ? { ...step.tokens, write5mTokens: 0, write1hTokens: write5mTokens, outputTokens: 7 }
          : { ...step.tokens, outputTokens: 7 };
        const results = whatIf.advance({ ...step, tokens, totalTokens: endTokens + rest });
        expect(results).toHaveLength(WHAT_IF_NAMES.length);
        for (const result of results) {
          expect(totalInputTokens(result)).toBe(endTokens + rest);
          expect(result.outputTokens).toBe(7);
          expect(Math.min(...Object.values(result))).toBeGreaterThanOrEqual(0);
        }
      }
    }),
    { numRuns: Math.ceil(100 * effort) },
  );
});
