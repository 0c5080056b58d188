import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { measureReuse } from './reuse.ts';
import { traceOf, type HandRequest } from './trace/trace-of.ts';
import { pathOf, type Trace } from './trace/trace.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MINUTE_MS = 60_000;

const chat = (startMs: number, text: string): HandRequest => ({
  startMs,
  blocks: [...text].map((name) => [name, name.charCodeAt(0)] as const),
});

/** The same, prefix by prefix. */
function measurePlainly({ requests, trie }: Trace): { gaps: Map<number, number>; firstTokens: number } {
  const lastMs = new Map<number, number>();
  const gaps = new Map<number, number>();
  let firstTokens = 0;
  for (let request = 0; request < requests.count; request += 1) {
    const nowMs = requests.startMs[request] ?? 0;
    for (const id of pathOf(trie, requests.prefixIds[request] ?? -1)) {
      const parent = trie.parents[id] ?? -1;
      const tokens =
        (trie.cumulativeTokens[id] ?? 0) - (parent < 0 ? 0 : (trie.cumulativeTokens[parent] ?? 0));
      const previous = lastMs.get(id);
      if (previous === undefined) firstTokens += tokens;
      else gaps.set(nowMs - previous, (gaps.get(nowMs - previous) ?? 0) + tokens);
      lastMs.set(id, nowMs);
    }
  }
  return { gaps, firstTokens };
}

describe('measureReuse', () => {
  it('counts the tokens of each prefix by the time since its last use', () => {
    const requests = fc.array(
      fc.record({
        afterMs: fc.constantFrom(0, 500, 20_000, 299_999, 300_000, 3_599_999, 3_600_000, 1e9),
        text: fc.stringMatching(/^[ab]{0,8}$/),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(requests, (list) => {
        let startMs = 0;
        const trace = traceOf(list.map(({ afterMs, text }) => chat((startMs += afterMs), text)));
        const { bins, firstTokens } = measureReuse(trace);
        const plain = measurePlainly(trace);
        expect(firstTokens).toBe(plain.firstTokens);
        for (const { fromMs, toMs, tokens } of bins) {
          const inBin = [...plain.gaps].filter(([gapMs]) => fromMs <= gapMs && gapMs < toMs);
          expect(tokens).toBe(inBin.reduce((sum, [, count]) => sum + count, 0));
        }
      }),
      { numRuns },
    );
  });

  it('has edges at 5 minutes and at 1 hour, and no hole', () => {
    const { bins } = measureReuse(traceOf([chat(0, 'a')]));
    expect(bins.map(({ fromMs }) => fromMs)).toEqual(expect.arrayContaining([5 * MINUTE_MS, 60 * MINUTE_MS]));
    expect(bins.slice(1).map(({ fromMs }) => fromMs)).toEqual(bins.slice(0, -1).map(({ toMs }) => toMs));
    expect([bins[0]?.fromMs, bins.at(-1)?.toMs]).toEqual([0, Infinity]);
  });
});
