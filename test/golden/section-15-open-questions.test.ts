import { describe, expect, it } from 'vitest';
import { billTokens, noTokens, standardPricing } from '../../src/core/bill/index.ts';
import { defaultOpenQuestions, type OpenQuestions, type Ttl } from '../../src/core/cache/index.ts';
import { resolveModel } from '../../src/core/catalogue/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { chainPrefixes, readPrompt } from '../../src/core/prompt/index.ts';
import {
  counters,
  createService,
  marked,
  MINUTE_MS,
  NEWER,
  OLDER,
  rulesWith,
  text,
  turns,
  user,
  type Sending,
} from './helpers.ts';

/** Blocks of 1,000 tokens, each with a marker where a TTL is given. */
function stack(...ttls: readonly (Ttl | null)[]): JsonObject {
  const blocks = ttls.map((ttl, index) => {
    const block = text(1000, `b${index}-`);
    return ttl ? marked(block, ttl) : block;
  });
  return { model: NEWER, messages: blocks.map((block) => user(block)) };
}

interface Step {
  readonly body: JsonObject;
  readonly atMs: number;
  readonly sending?: Sending;
}

/** Tokens that the last step reads under the given switches. */
function lastRead(open: Partial<OpenQuestions>, ...steps: readonly Step[]): number {
  const service = createService(rulesWith(open));
  return steps.reduce(
    (_, { body, atMs, sending }) => service.send(body, atMs, sending).outcome.readTokens,
    0,
  );
}

const BODY = turns(10, [10]);

describe('15 defaults', () => {
  it('15: every switch stands where the text says', () => {
    expect(defaultOpenQuestions).toEqual({
      batchSharesEntries: true,
      geographyInKey: false,
      betaHeadersInKey: false,
      readUpgradesTtl: false,
      rewritesBelowHit: false,
      collapsedRunEnds: 'any',
      serverBreakpointsCount: false,
      configRender: 'model',
      outputFormatLevel: 'messages',
      toolChoiceOverheadLevel: 'messages',
      fingerprintLifetimeMs: 3_600_000,
      earlyEvictionMs: null,
      longPromptCounts: 'total-input',
      entriesAre: 'self-contained',
      readRefreshes: 'path',
    } satisfies OpenQuestions);
  });
});

describe('15 what partitions the cache', () => {
  const geo = { ...BODY, inference_geo: 'us' };

  it.each<[string, Partial<OpenQuestions>, Step, Step]>([
    [
      'batch and sync',
      { batchSharesEntries: false },
      { body: BODY, atMs: 0, sending: { isBatch: true } },
      { body: BODY, atMs: 1 },
    ],
    ['geography', { geographyInKey: true }, { body: geo, atMs: 0 }, { body: BODY, atMs: 1 }],
    [
      'beta headers',
      { betaHeadersInKey: true },
      { body: BODY, atMs: 0, sending: { betas: ['a'] } },
      { body: BODY, atMs: 1, sending: { betas: ['a', 'b'] } },
    ],
  ])('15: %s: shared, and apart when switched', (_name, flipped, first, second) => {
    expect(lastRead({}, first, second)).toBe(1000);
    expect(lastRead(flipped, first, second)).toBe(0);
    expect(lastRead(flipped, second, { ...second, atMs: 2 })).toBe(1000);
  });

  it('15: the order of beta values is no difference', () => {
    const first = { body: BODY, atMs: 0, sending: { betas: ['a', 'b'] } };
    const second = { body: BODY, atMs: 1, sending: { betas: ['b', 'a'] } };
    expect(lastRead({ betaHeadersInKey: true }, first, second)).toBe(1000);
  });
});

describe('15 entries and reads', () => {
  it('15: no upgrade on read', () => {
    const steps = [
      { body: stack('5m'), atMs: 0 },
      { body: stack('1h'), atMs: 1 },
      { body: stack('1h'), atMs: 10 * MINUTE_MS },
    ];
    expect(lastRead({}, ...steps)).toBe(0);
    expect(lastRead({ readUpgradesTtl: true }, ...steps)).toBe(1000);
  });

  it('15: an upgrade needs a 1h marker on the hit itself', () => {
    const steps = [
      { body: stack('5m'), atMs: 0 },
      { body: stack(null, '1h'), atMs: 1 },
      { body: stack('5m'), atMs: 10 * MINUTE_MS },
    ];
    expect(lastRead({ readUpgradesTtl: true }, ...steps)).toBe(0);
  });

  // A 5m entry with a 1h one on top of it, ten minutes later.
  const layered = [
    { body: stack('5m'), atMs: 0 },
    { body: stack(null, '1h'), atMs: 1 },
  ];

  it('15: a breakpoint below the hit creates or renews nothing of its own', () => {
    const steps = [
      ...layered,
      { body: stack('1h', '1h'), atMs: 10 * MINUTE_MS },
      { body: stack('5m'), atMs: 10 * MINUTE_MS + 1 },
    ];
    expect(lastRead({}, ...steps)).toBe(0);
    expect(lastRead({ rewritesBelowHit: true }, ...steps)).toBe(1000);
  });

  it('15: and where it writes again, it does so free of charge, and not what is there', () => {
    const service = createService(rulesWith({ rewritesBelowHit: true }));
    for (const { body, atMs } of layered) service.send(body, atMs);
    const again = service.send(stack('1h', '1h'), 10 * MINUTE_MS).outcome;
    expect(counters(again)).toEqual([2000, 0, 0, 0]);
    expect(again.written.map(({ tokens, ttl }) => [tokens, ttl])).toEqual([[1000, '1h']]);
    expect(service.send(stack('1h', '1h'), 11 * MINUTE_MS).outcome.written).toEqual([]);
    expect(service.send(stack('1h'), 70 * MINUTE_MS).outcome.readTokens).toBe(1000);
  });

  it('15: a live entry of another TTL below the hit is another entry', () => {
    const service = createService(rulesWith({ rewritesBelowHit: true }));
    for (const { body, atMs } of layered) service.send(body, atMs);
    service.send(stack('1h', '1h'), MINUTE_MS);
    expect(service.send(stack('5m'), 59 * MINUTE_MS).outcome.readTokens).toBe(1000);
  });

  it('15: a 1h entry serves its whole prefix, whatever lies below it', () => {
    const steps = [...layered, { body: stack(null, '1h'), atMs: 10 * MINUTE_MS }];
    expect(lastRead({}, ...steps)).toBe(2000);
    expect(lastRead({ entriesAre: 'layered' }, ...steps)).toBe(0);
  });

  it('15: a layered entry is readable as long as what it rests on', () => {
    const soon = [...layered, { body: stack(null, '1h'), atMs: MINUTE_MS }];
    expect(lastRead({ entriesAre: 'layered' }, ...soon)).toBe(2000);
  });

  it('15: a read refreshes every live entry on its path', () => {
    const steps = [
      { body: stack('5m', '5m'), atMs: 0 },
      { body: stack(null, '5m'), atMs: 4 * MINUTE_MS },
      { body: stack('5m'), atMs: 6 * MINUTE_MS },
    ];
    expect(lastRead({}, ...steps)).toBe(1000);
    expect(lastRead({ readRefreshes: 'hit' }, ...steps)).toBe(0);
    const hit = [...steps.slice(0, 2), { body: stack(null, '5m'), atMs: 6 * MINUTE_MS }];
    expect(lastRead({ readRefreshes: 'hit' }, ...hit)).toBe(2000);
  });

  it('15: no early eviction; or so long after the last use', () => {
    const open = { earlyEvictionMs: MINUTE_MS };
    const write = { body: stack('1h'), atMs: 0 };
    const at = (atMs: number): Step => ({ body: stack('1h'), atMs });
    expect(lastRead({}, write, at(59 * MINUTE_MS))).toBe(1000);
    expect(lastRead(open, write, at(MINUTE_MS - 1))).toBe(1000);
    expect(lastRead(open, write, at(MINUTE_MS))).toBe(0);
    expect(lastRead(open, write, at(MINUTE_MS - 1), at(2 * MINUTE_MS - 2))).toBe(1000);
  });

  it('15: early eviction never prolongs a life', () => {
    const steps = [
      { body: stack('5m'), atMs: 0 },
      { body: stack('5m'), atMs: 5 * MINUTE_MS },
    ];
    expect(lastRead({ earlyEvictionMs: 60 * MINUTE_MS }, ...steps)).toBe(0);
  });
});

describe('15 where settings are rendered', () => {
  /** Tokens of system that survive a change of effort. */
  const afterEffort = (model: string, open: Partial<OpenQuestions>): number => {
    const body = (effort: string): JsonObject => ({
      model,
      system: [marked(text(2000))],
      messages: [user(text(5))],
      output_config: { effort },
    });
    return lastRead(open, { body: body('low'), atMs: 0 }, { body: body('high'), atMs: 1 });
  };

  it('6, 15: thinking and effort: by model, or the same for all', () => {
    expect([afterEffort(NEWER, {}), afterEffort(OLDER, {})]).toEqual([2000, 0]);
    const ahead = { configRender: 'ahead' } as const;
    expect([afterEffort(NEWER, ahead), afterEffort(OLDER, ahead)]).toEqual([0, 0]);
    const messages = { configRender: 'messages' } as const;
    expect([afterEffort(NEWER, messages), afterEffort(OLDER, messages)]).toEqual([2000, 2000]);
  });

  it('15: output format is mixed in at messages', () => {
    const body = (format: unknown): JsonObject => ({
      model: NEWER,
      system: [marked(text(600))],
      messages: [user(text(5))],
      output_config: { format },
    });
    const steps = [
      { body: body({ type: 'json_schema', schema: { a: 1 } }), atMs: 0 },
      { body: body({ type: 'json_schema', schema: { a: 2 } }), atMs: 1 },
    ];
    expect(lastRead({}, ...steps)).toBe(600);
    expect(lastRead({ outputFormatLevel: 'system' }, ...steps)).toBe(0);
  });

  it('9.6, 15: tokens that depend on tool_choice are rendered at messages, so that system stays as it is', () => {
    const cumulative = (model: string, type: string, open: Partial<OpenQuestions>): readonly number[] => {
      const body = {
        model,
        tools: [{ name: 't' }],
        system: 's',
        messages: [user(text(1))],
        tool_choice: { type },
      };
      const options = { partition: '', hash: (content: string) => content, countTokens: () => 1 };
      const prompt = readPrompt(body, { open: { ...defaultOpenQuestions, ...open } });
      return chainPrefixes(prompt, { ...options, countsOverhead: true }).cumulativeTokens;
    };
    expect(cumulative('claude-opus-5', 'auto', {})).toEqual([1, 288, 289]);
    expect(cumulative('claude-opus-5', 'any', {})).toEqual([1, 288, 409]);
    expect(cumulative('claude-opus-5', 'tool', {})).toEqual([1, 288, 409]);
    expect(cumulative('claude-opus-5', 'none', {})).toEqual([1, 288, 289]);
    expect(cumulative(NEWER, 'any', {})).toEqual([1, 288, 289]);
    const atSystem = { toolChoiceOverheadLevel: 'system' } as const;
    expect(cumulative('claude-opus-5', 'any', atSystem)).toEqual([1, 408, 409]);
    expect(cumulative('claude-opus-5', 'auto', atSystem)).toEqual([1, 288, 289]);
  });

  it('9.6: a prompt without tools, or with deferred ones only, has no overhead', () => {
    const tools = [{ name: 't', defer_loading: true }];
    for (const body of [{ messages: [user(text(1))] }, { tools, messages: [user(text(1))] }]) {
      expect(readPrompt({ model: NEWER, ...body }).overhead).toEqual({ systemTokens: 0, messagesTokens: 0 });
    }
  });

  it('13: settings go into the prefix where their level begins', () => {
    const { mixes } = readPrompt({ model: NEWER, messages: [] });
    expect(mixes.root).toBe('');
    expect(readPrompt({ model: OLDER, messages: [] }).mixes.root).not.toBe('');
    const fast = readPrompt({ model: NEWER, speed: 'fast' }).mixes;
    expect([
      fast.root === mixes.root,
      fast.system === mixes.system,
      fast.messages === mixes.messages,
    ]).toEqual([true, false, true]);
  });
});

describe('15 the Haiku 5.5 step', () => {
  it('15: it looks at input, creation and read, or at what was not read', () => {
    const { facts } = resolveModel('claude-haiku-5-5');
    const tokens = { ...noTokens, readTokens: 90_000, uncachedTokens: 10_001 };
    const cost = (open: Partial<OpenQuestions>): bigint =>
      billTokens(facts, tokens, standardPricing(0), 0, { ...defaultOpenQuestions, ...open }).totalPicoUsd;
    expect(cost({})).toBe(90_000n * 50_000n + 10_001n * 500_000n);
    expect(cost({ longPromptCounts: 'not-read' })).toBe(90_000n * 10_000n + 10_001n * 100_000n);
  });
});
