import type { BetaIterationsUsage } from '@anthropic-ai/sdk/resources/beta/messages/messages';
import type { Usage } from '@anthropic-ai/sdk/resources/messages/messages';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeUsage, readUsage, type WireUsage } from './usage.ts';

const full: Usage & { iterations: BetaIterationsUsage } = {
  input_tokens: 3,
  cache_read_input_tokens: 900,
  cache_creation_input_tokens: 70,
  cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 },
  output_tokens: 12,
  output_tokens_details: { thinking_tokens: 5 },
  server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
  service_tier: 'standard',
  inference_geo: 'us',
  speed: 'fast',
  iterations: [
    {
      type: 'advisor_message',
      model: 'claude-opus-5-5',
      input_tokens: 1,
      cache_read_input_tokens: 2,
      cache_creation_input_tokens: 7,
      cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 },
      output_tokens: 5,
    },
  ],
};

const tokens = (value: unknown): readonly unknown[] => {
  const usage = readUsage(value);
  return usage === null
    ? []
    : [usage.uncachedTokens, usage.readTokens, usage.write5mTokens, usage.write1hTokens, usage.outputTokens];
};

describe('readUsage', () => {
  it('keeps the five counters apart', () => {
    // The official client's type is one our wire type takes.
    const wire: WireUsage = full;
    expect(readUsage(wire)).toEqual({
      uncachedTokens: 3,
      readTokens: 900,
      write5mTokens: 30,
      write1hTokens: 40,
      outputTokens: 12,
      serviceTier: 'standard',
      speed: 'fast',
      inferenceGeo: 'us',
      serverToolUse: { webSearchRequests: 2, webFetchRequests: 1, codeExecutionRequests: 0 },
      iterations: [
        {
          type: 'advisor_message',
          model: 'claude-opus-5-5',
          uncachedTokens: 1,
          readTokens: 2,
          write5mTokens: 3,
          write1hTokens: 4,
          outputTokens: 5,
        },
      ],
    });
  });

  it.each([
    ['no split', { cache_creation_input_tokens: 10 }, [0, 0, 10, 0, 0]],
    ['a null split', { cache_creation_input_tokens: 10, cache_creation: null }, [0, 0, 10, 0, 0]],
    ['a split alone', { cache_creation: { ephemeral_1h_input_tokens: 4 } }, [0, 0, 0, 4, 0]],
    [
      'a split below the total',
      { cache_creation_input_tokens: 10, cache_creation: { ephemeral_1h_input_tokens: 4 } },
      [0, 0, 6, 4, 0],
    ],
    [
      'a zeroed total',
      { cache_creation_input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 4 } },
      [0, 0, 4, 0, 0],
    ],
    [
      'null counters',
      { input_tokens: null, cache_read_input_tokens: null, output_tokens: null },
      [0, 0, 0, 0, 0],
    ],
    [
      'malformed counters',
      { input_tokens: '7', cache_read_input_tokens: -1, output_tokens: 1.5 },
      [0, 0, 0, 0, 0],
    ],
    ['not an object', [1], []],
    ['nothing', undefined, []],
  ])('reads %s', (_what, wire, expected) => {
    expect(tokens(wire)).toEqual(expected);
  });

  it('tells absent from empty iterations, and skips entries that are none', () => {
    expect(readUsage({})?.iterations).toBeNull();
    expect(readUsage({ iterations: [] })?.iterations).toEqual([]);
    expect(
      readUsage({ iterations: [null, 7, { type: 'message', output_tokens: 1 }] })?.iterations,
    ).toMatchObject([{ type: 'message', model: null, outputTokens: 1 }]);
  });

  it('never throws, and its counters are always whole numbers from 0', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (first, second) => {
        const keys = ['input_tokens', 'cache_creation_input_tokens', 'cache_creation', 'iterations'];
        const usage = mergeUsage(readUsage(Object.fromEntries(keys.map((key) => [key, first]))), {
          ...full,
          iterations: second,
        });
        for (const count of [usage?.uncachedTokens, usage?.write5mTokens, usage?.write1hTokens]) {
          expect(Number.isSafeInteger(count) && count! >= 0).toBe(true);
        }
        mergeUsage(readUsage(first), second);
      }),
      { numRuns: Math.ceil(50 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) },
    );
  });
});

describe('mergeUsage', () => {
  const known = readUsage(full);

  it('overwrites what the delta has, keeps what it lacks, adds nothing', () => {
    const merged = mergeUsage(known, { input_tokens: 5, cache_read_input_tokens: null, output_tokens: 80 });
    expect(merged).toEqual({ ...known, uncachedTokens: 5, outputTokens: 80 });
  });

  it.each([
    [70, 30, 40],
    [100, 60, 40],
    [35, 0, 35],
    [0, 0, 0],
  ])(
    'splits a total of %i written tokens: the known 1h part stays, the rest is 5m',
    (total, write5mTokens, write1hTokens) => {
      expect(mergeUsage(known, { cache_creation_input_tokens: total })).toEqual({
        ...known,
        write5mTokens,
        write1hTokens,
      });
    },
  );

  it('stands alone where no start was seen, and lets a start stand where the delta has no usage', () => {
    expect(mergeUsage(null, { output_tokens: 4 })).toEqual(readUsage({ output_tokens: 4 }));
    expect(mergeUsage(known, undefined)).toBe(known);
  });
});
