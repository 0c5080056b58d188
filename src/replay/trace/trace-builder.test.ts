import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { RecordProblem } from './record-fields.ts';
import { TraceBuilder, type TraceFacts } from './trace-builder.ts';
import { traceOf } from './trace-of.ts';
import { NO_PREFIX } from './trace.ts';

const facts: TraceFacts = { name: 'test', format: 'requests', hasLookbackLimit: true };
const runs = { numRuns: Math.ceil(50 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };

describe('TraceBuilder', () => {
  test('puts requests in order of time, equal times as they were added', () => {
    const times = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 50 }), (startTimes, expected) => {
        const builder = new TraceBuilder(expected);
        for (const [index, startMs] of startTimes.entries()) {
          builder.add({ startMs, timeToFirstTokenMs: 0, prefixId: NO_PREFIX, conversation: index });
        }
        const { requests } = builder.finish(facts);
        const order = startTimes
          .map((_time, index) => index)
          .toSorted((a, b) => {
            return (startTimes[a] ?? 0) - (startTimes[b] ?? 0) || a - b;
          });
        expect([...requests.conversations]).toEqual(order);
        expect([...requests.startMs]).toEqual(startTimes.toSorted((a, b) => a - b));
      }),
      runs,
    );
  });

  test('fills what is not given with what says nothing', () => {
    const builder = new TraceBuilder();
    builder.add({ startMs: 7, timeToFirstTokenMs: 5, prefixId: NO_PREFIX });
    const { requests, models, badLines } = builder.finish(facts);
    expect(requests).toMatchObject({
      count: 1,
      tailTokens: Float64Array.of(0),
      outputTokens: Float64Array.of(0),
      toolsEnds: Int32Array.of(NO_PREFIX),
      systemEnds: Int32Array.of(NO_PREFIX),
      documentsEnds: Int32Array.of(NO_PREFIX),
      kinds: Uint8Array.of(0),
      stops: Uint8Array.of(2),
    });
    expect(requests.startMs[0]).toBe(7);
    expect(models).toEqual(['']);
    expect(badLines).toEqual({ count: 0, examples: [] });
  });

  test('moves the first request to time 0 when asked', () => {
    const builder = new TraceBuilder();
    for (const startMs of [1_800_000_000_500, 1_800_000_000_000]) {
      builder.add({ startMs, timeToFirstTokenMs: 0, prefixId: NO_PREFIX });
    }
    expect([...builder.finish({ ...facts, startsAtZero: true }).requests.startMs]).toEqual([0, 500]);
  });

  test('puts every column on shared memory', () => {
    const { trie, requests } = traceOf([{ startMs: 0, blocks: [['a', 1]] }]);
    const columns = [...Object.values(trie), ...Object.values(requests)].filter((column) =>
      ArrayBuffer.isView(column),
    );
    expect(columns).toHaveLength(17);
    for (const { buffer } of columns) expect(buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('shortens a time to first token, never makes it longer', () => {
    const builder = new TraceBuilder();
    builder.add({ startMs: 5, timeToFirstTokenMs: 900, prefixId: NO_PREFIX });
    builder.add({ startMs: 1, timeToFirstTokenMs: 900, prefixId: NO_PREFIX });
    builder.limitTimeToFirstToken(0, 40);
    builder.limitTimeToFirstToken(1, 2000);
    expect([...builder.finish(facts).requests.timeToFirstTokenMs]).toEqual([900, 40]);
  });

  test('takes 256 models and no more', () => {
    const builder = new TraceBuilder();
    for (let model = 0; model < 256; model += 1) expect(builder.model(`m${model}`)).toBe(model);
    expect(builder.model('m7')).toBe(7);
    expect(() => builder.model('one more')).toThrow(RecordProblem);
  });
});

describe('traceOf', () => {
  test('shares prefixes within a model only, and finds the ends', () => {
    const blocks = [
      ['system', 2000],
      ['question', 50],
    ] as const;
    const { trie, requests, models } = traceOf([
      { startMs: 0, blocks, systemEnd: 0, model: 'x' },
      { startMs: 1, blocks: [...blocks, ['answer', 70]], systemEnd: 0, toolsEnd: 5, model: 'x' },
      { startMs: 2, blocks, systemEnd: 0, model: 'y' },
      { startMs: 3, blocks: [] },
    ]);
    expect([...requests.prefixIds]).toEqual([1, 2, 4, NO_PREFIX]);
    expect([...requests.systemEnds]).toEqual([0, 0, 3, NO_PREFIX]);
    expect(requests.toolsEnds[1]).toBe(NO_PREFIX);
    expect([...trie.cumulativeTokens]).toEqual([2000, 2050, 2120, 2000, 2050]);
    expect(models).toEqual(['x', 'y', '']);
  });
});
