import { describe, expect, it } from 'vitest';

import { recordOf, usageOf } from '../../test/support/record.ts';
import { noTokens, type Ttl } from '../core/index.ts';
import { nothingKnown, type Miss, type RequestRecord } from './record.ts';
import { expiredCostOf, reuseCodeOf, ReuseSums, reuseOf, REUSE_BOUNDS_MS, type ReuseBin } from './reuse.ts';

const predicted = { ...noTokens, estimatedTokens: 0, readLeftMs: null };

function readOf(ageMs: number | null, ttl: Ttl | null, readTokens = 9): Partial<RequestRecord> {
  const prediction = { ...predicted, readAgeMs: ageMs, readTtl: ttl };
  return { usage: usageOf({ ...noTokens, readTokens }), prediction };
}

function missOf(ageMs: number | null, tokens = 5, reason: Miss['reason'] = 'expired'): Miss {
  return { reason, tokens, costPicoUsd: BigInt(tokens), evidence: { ...nothingKnown, ageMs } };
}

/** The bins that are not empty, of these requests. */
function binsOf(...requests: readonly Partial<RequestRecord>[]): readonly Partial<ReuseBin>[] {
  const sums = new ReuseSums();
  for (const request of requests) {
    const record = recordOf(request);
    sums.add(reuseCodeOf(record), 1, expiredCostOf(record));
  }
  return sums.show().bins.filter(({ read5m, read1h, expired }) => read5m + read1h + expired > 0);
}

describe('bins', () => {
  it('are next to each other, and have both TTLs as ends', () => {
    const { bins } = new ReuseSums().show();
    expect(bins.map(({ fromMs }) => fromMs)).toEqual([0, ...REUSE_BOUNDS_MS]);
    expect(bins.map(({ toMs }) => toMs)).toEqual([...REUSE_BOUNDS_MS, null]);
    expect(REUSE_BOUNDS_MS).toEqual(expect.arrayContaining([300_000, 3_600_000]));
  });

  it.each(REUSE_BOUNDS_MS)('begin with their first ms, and end before their last: %i', (boundMs) => {
    for (const ttl of ['5m', '1h'] as const) {
      const [before, from] = binsOf(readOf(boundMs - 1, ttl), readOf(boundMs, ttl));
      expect([before?.toMs, from?.fromMs]).toEqual([boundMs, boundMs]);
      expect(ttl === '5m' ? before?.read5m : before?.read1h).toBe(1);
    }
    const [before, from] = binsOf({ misses: [missOf(boundMs - 1)] }, { misses: [missOf(boundMs)] });
    expect([before?.toMs, from?.fromMs]).toEqual([boundMs, boundMs]);
  });
});

describe('a request', () => {
  it('that reads one prefix and comes too late for another counts as both', () => {
    const both = { ...readOf(4_000, '1h'), misses: [missOf(400_000)] };
    expect(binsOf(both)).toMatchObject([
      { fromMs: 0, read5m: 0, read1h: 1, expired: 0 },
      { fromMs: 300_000, read5m: 0, read1h: 0, expired: 1, expiredCostPicoUsd: 5n },
    ]);
  });

  it('counts once for what had expired, by its largest part, with the cost of all of it', () => {
    const misses = [missOf(400_000, 2), missOf(4_000_000, 7), missOf(1_000, 90, 'tools_changed')];
    expect(binsOf({ misses })).toMatchObject([{ fromMs: 3_600_000, expired: 1, expiredCostPicoUsd: 9n }]);
  });

  it('that reads nothing, or misses for another reason, is in no bin', () => {
    const records = [{}, readOf(1, '5m', 0), { misses: [missOf(1_000, 9, 'never_written')] }];
    expect(binsOf(...records)).toEqual([]);
    expect(records.map((more) => reuseCodeOf(recordOf(more)))).toEqual([0, 0, 0]);
  });

  it('of which the time is not known is counted as that', () => {
    const sums = new ReuseSums();
    const old = { usage: usageOf({ ...noTokens, readTokens: 9 }), prediction: predicted };
    const unknown = [old, { ...old, prediction: null }, readOf(5, null), { misses: [missOf(null)] }];
    for (const more of unknown) sums.add(reuseCodeOf(recordOf(more)), 10, 0n);
    expect(sums.show().unknown).toBe(40);
    expect(sums.show().bins.every(({ read5m, read1h, expired }) => read5m + read1h + expired === 0)).toBe(
      true,
    );
    expect(reuseOf(recordOf(old))).toEqual({ read: { ageMs: null, ttl: null }, expired: null });
  });
});
