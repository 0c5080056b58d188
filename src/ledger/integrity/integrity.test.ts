import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { recordOf, usageOf } from '../../../test/support/record.ts';
import type { Prediction, RequestRecord } from '../record.ts';
import { integrity } from './integrity.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

interface Counters {
  readonly read?: number;
  readonly write5m?: number;
  readonly write1h?: number;
  readonly uncached?: number;
}

function billedAs({ read = 0, write5m = 0, write1h = 0, uncached = 0 }: Counters): RequestRecord['usage'] {
  return usageOf({
    readTokens: read,
    write5mTokens: write5m,
    write1hTokens: write1h,
    uncachedTokens: uncached,
    outputTokens: 9,
  });
}

function predictedAs(counters: Counters, more: Partial<Prediction> = {}): Prediction {
  const { read = 0, write5m = 0, write1h = 0, uncached = 0 } = counters;
  return {
    readTokens: read,
    write5mTokens: write5m,
    write1hTokens: write1h,
    uncachedTokens: uncached,
    estimatedTokens: read + write5m + write1h + uncached,
    readLeftMs: read > 0 ? 200_000 : null,
    ...more,
  };
}

function check(predicted: Counters, billed: Counters, more: Partial<Prediction> = {}) {
  return integrity().check(recordOf({ usage: billedAs(billed), prediction: predictedAs(predicted, more) }));
}

describe('a bill', () => {
  it.each([
    [
      'as predicted',
      { read: 9_000, write5m: 800, uncached: 50 },
      { read: 9_000, write5m: 800, uncached: 50 },
    ],
    ['within the share', { read: 9_000, uncached: 1_000 }, { read: 8_100, uncached: 1_900 }],
    ['within the tokens', { read: 300, uncached: 10 }, { read: 60, uncached: 250 }],
  ])('%s fits', (_name, predicted, billed) => {
    expect(check(predicted, billed)).toBeNull();
  });

  it('that reads nothing of what should be there is told, with what it cost', () => {
    const watch = integrity();
    const miss = { reason: 'evicted_or_unknown', tokens: 9_000, costPicoUsd: 77n, evidence: {} };
    const finding = watch.check(
      recordOf({
        id: 'req_7',
        atMs: 40,
        scope: 's',
        model: 'claude-sonnet-5-5',
        usage: billedAs({ write5m: 9_000, uncached: 50 }),
        prediction: predictedAs({ read: 9_000, uncached: 50 }),
        misses: [miss as unknown as RequestRecord['misses'][number]],
      }),
    );
    expect(finding).toEqual({
      code: 'read_less',
      cause: 'unexplained',
      requestId: 'req_7',
      atMs: 40,
      scope: 's',
      model: 'claude-sonnet-5-5',
      expectedTokens: 9_000,
      billedTokens: 0,
      costPicoUsd: 77n,
      sentence:
        '9,000 tokens should have been read, and 0 tokens were: nothing that is known here explains it.',
    });
    expect(watch.list(5)).toEqual([finding]);
  });

  it('that reads nothing of an entry in its last seconds is explained by time', () => {
    const reads = [{ read: 9_000 }, { write5m: 9_000 }] as const;
    expect(check(...reads, { readLeftMs: 10_000 })).toMatchObject({
      code: 'read_less',
      cause: 'near_expiry',
    });
    expect(check(...reads, { readLeftMs: 10_001 })).toMatchObject({
      code: 'read_less',
      cause: 'unexplained',
    });
  });

  it('that reads more is explained by another writer, also where it then writes less', () => {
    expect(check({ write5m: 9_000, uncached: 20 }, { read: 9_000, uncached: 20 })).toMatchObject({
      code: 'read_more',
      cause: 'other_writer',
      expectedTokens: 0,
      billedTokens: 9_000,
    });
  });

  it('that neither writes nor reads what should have been written is told', () => {
    const told = { code: 'not_written', expectedTokens: 9_000, billedTokens: 0 };
    expect(check({ write5m: 9_000 }, { uncached: 9_000 })).toMatchObject({ ...told, cause: 'unexplained' });
  });

  it('of a prefix near the minimum is explained by the estimate', () => {
    // The minimum of claude-opus-5-5 is 512 tokens: up to a quarter above it nobody can tell.
    expect(check({ write5m: 639 }, { uncached: 639 })).toMatchObject({
      code: 'not_written',
      cause: 'near_minimum',
    });
    expect(check({ write5m: 640 }, { uncached: 640 })).toMatchObject({ cause: 'unexplained' });
  });

  it('for five minutes of what was written for an hour is told before all else', () => {
    expect(check({ write1h: 9_000, uncached: 5 }, { write5m: 9_000, uncached: 5 })).toMatchObject({
      code: 'ttl_downgraded',
      expectedTokens: 9_000,
      billedTokens: 0,
    });
    expect(check({ write1h: 9_000 }, { uncached: 9_000 })).toMatchObject({ code: 'not_written' });
    expect(check({ write1h: 9_000 }, { read: 9_000 })).toMatchObject({ code: 'read_more' });
  });

  it.each([
    ['without a bill', { usage: null }],
    ['without a prediction', { prediction: null }],
    ['cut short', { isPartial: true }],
    ['of an error', { status: 529 }],
    ['of nothing', { status: 0 }],
  ])('%s is not judged', (_name, more) => {
    const watch = integrity();
    const record = recordOf({
      usage: billedAs({ uncached: 9_000 }),
      prediction: predictedAs({ read: 9_000 }),
      ...more,
    });
    expect(watch.check(record)).toBeNull();
    expect(watch.totals()).toMatchObject({ checked: 0, fitting: 0, counts: [] });
  });

  it('is never told without a difference past the tolerance', () => {
    const counters = fc.record({
      read: fc.nat(200_000),
      write5m: fc.nat(50_000),
      write1h: fc.nat(50_000),
      uncached: fc.nat(50_000),
    });
    fc.assert(
      fc.property(counters, counters, (predicted, billed) => {
        const finding = check(predicted, billed);
        const total = Object.values(billed).reduce((sum, tokens) => sum + tokens, 0);
        const slack = Math.max(256, total / 10);
        const { expectedTokens, billedTokens } = finding ?? {
          expectedTokens: predicted.read,
          billedTokens: billed.read,
        };
        expect(Math.abs(expectedTokens - billedTokens) > slack).toBe(finding !== null);
      }),
      { numRuns },
    );
  });
});

describe('the hook', () => {
  const bad = (atMs: number, more: Partial<RequestRecord> = {}): RequestRecord =>
    recordOf({
      atMs,
      usage: billedAs({ uncached: 9_000 }),
      prediction: predictedAs({ read: 9_000 }),
      ...more,
    });

  it('is called for what nothing explains, and not again at once', () => {
    const told: string[] = [];
    const watch = integrity({ onFinding: ({ atMs, scope }) => void told.push(`${atMs} ${scope}`) });
    watch.check(bad(0, { scope: 'a' }));
    watch.check(bad(59_999, { scope: 'a' }));
    watch.check(bad(59_999, { scope: 'b' }));
    watch.check(bad(60_000, { scope: 'a' }));
    watch.check(bad(200_000, { prediction: predictedAs({ read: 9_000 }, { readLeftMs: 1 }) }));
    expect(told).toEqual(['0 a', '59999 b', '60000 a']);
    expect(watch.totals().counts).toEqual([{ code: 'read_less', requests: 5, unexplained: 4 }]);
  });

  it('may fail', async () => {
    let calls = 0;
    const watch = integrity({
      onFinding: () => {
        calls += 1;
        if (calls === 1) throw new Error('no');
        return Promise.reject(new Error('no'));
      },
    });
    expect(watch.check(bad(0))).not.toBeNull();
    expect(watch.check(bad(100_000))).not.toBeNull();
    await Promise.resolve();
    await Promise.resolve();
    expect(watch.totals().failedHooks).toBe(2);
  });
});

describe('the drift of estimates', () => {
  const bill = (estimatedTokens: number, total: number): RequestRecord =>
    recordOf({
      usage: billedAs({ uncached: total }),
      prediction: predictedAs({ uncached: total }, { estimatedTokens }),
    });

  it('is told once when thirty bills show it, and again after it was right', () => {
    const watch = integrity();
    const tell = (estimated: number, total: number, times: number): number =>
      Array.from({ length: times }, () => watch.check(bill(estimated, total))).filter(Boolean).length;
    expect(tell(1_000, 1_160, 29)).toBe(0);
    expect(tell(1_000, 1_160, 100)).toBe(1);
    expect(tell(1_000, 1_000, 500)).toBe(0);
    expect(tell(1_000, 800, 500)).toBe(1);
    expect(watch.list(1)).toMatchObject([
      { code: 'estimate_drift', expectedTokens: 1_000, billedTokens: 800 },
    ]);
    expect(watch.totals().estimates['claude-opus-5-5']?.ratio).toBeCloseTo(0.8, 2);
  });

  it('of a few per cent, or of small prompts, is none', () => {
    const watch = integrity();
    for (let number = 0; number < 100; number += 1) {
      expect(watch.check(bill(1_000, 1_140))).toBeNull();
      expect(watch.check(bill(199, 400))).toBeNull();
    }
  });
});

describe('what is kept', () => {
  it('is bounded', () => {
    const watch = integrity({ findingsMax: 10 });
    const record = recordOf({
      usage: billedAs({ uncached: 9_000 }),
      prediction: predictedAs({ read: 9_000 }),
    });
    for (let number = 0; number < 100; number += 1) watch.check({ ...record, id: `req_${number}` });
    expect(watch.list(3).map(({ requestId }) => requestId)).toEqual(['req_99', 'req_98', 'req_97']);
    expect(watch.list(1_000).length).toBeLessThanOrEqual(11);
    expect(watch.list(0)).toEqual([]);
    expect(watch.totals()).toMatchObject({ checked: 100, fitting: 0 });
  });
});
