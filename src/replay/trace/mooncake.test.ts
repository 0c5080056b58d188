import { describe, expect, test } from 'vitest';

import type { JsonObject } from '../../core/index.ts';
import { createMooncakeReader } from './mooncake.ts';
import { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX, pathOf, type Trace } from './trace.ts';

function traceFrom(records: readonly JsonObject[], fileOf = (_row: number): number => 0): Trace {
  const builder = new TraceBuilder();
  const reader = createMooncakeReader(builder);
  for (const [row, record] of records.entries()) reader.read(record, fileOf(row));
  return builder.finish({ name: 'test', ...reader });
}

const request = (timestamp: number, input: number, ids: readonly unknown[]): JsonObject => ({
  timestamp,
  input_length: input,
  output_length: 9,
  hash_ids: ids,
});

describe('the Mooncake reader', () => {
  test('makes whole blocks prefixes, and the incomplete one a tail', () => {
    const { trie, requests, hasLookbackLimit } = traceFrom([
      request(0, 1200, [0, 1, 2]),
      request(3000, 1024, [0, 7]),
      request(3000, 100, [9]),
    ]);
    expect([...requests.startMs]).toEqual([0, 3000, 3000]);
    expect([...requests.prefixIds]).toEqual([1, 2, NO_PREFIX]);
    expect(pathOf(trie, 2)).toEqual([0, 2]);
    expect([...trie.cumulativeTokens]).toEqual([512, 1024, 1024]);
    expect([...requests.tailTokens]).toEqual([176, 0, 100]);
    expect([...requests.timeToFirstTokenMs]).toEqual([1020, 1000 + 1024 / 60, 1000 + 100 / 60]);
    expect([...requests.outputTokens]).toEqual([9, 9, 9]);
    expect(hasLookbackLimit).toBe(false);
  });

  test('shares nothing between files', () => {
    const { requests } = traceFrom([request(0, 512, [0]), request(1, 512, [0])], (row) => row);
    expect([...requests.prefixIds]).toEqual([0, 1]);
  });

  test.each([
    [request(0, 1200, [0, 1]), '2 hash ids for 1200 tokens, where blocks of 512 make 3'],
    [request(0, 512, [0.5]), "'hash_ids' holds 0.5, not a whole number"],
    [request(0, -1, []), "'input_length' is -1, not a whole number of 0 or more"],
    [{ ...request(0, 0, []), timestamp: 'now' }, `'timestamp' is "now", not a number of 0 or more`],
  ])('refuses %j', (record, problem) => {
    expect(() => traceFrom([record])).toThrow(problem);
  });
});
