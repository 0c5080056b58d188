import { describe, expect, it } from 'vitest';

import { replay, type ReplayOptions } from './run.ts';
import { generateWorkload } from './synthetic/index.ts';
import { traceOf } from './trace/trace-of.ts';

const prices: ReplayOptions['prices'] = { atMs: Date.UTC(2026, 10, 20) };
const chats = generateWorkload('chats', { hours: 3 });

describe('replay', () => {
  it('gives each policy over no caching, in the order asked for', async () => {
    const { policies, lowerBound, noCacheUsd, outputUsd, requests } = await replay(chats, {
      prices,
      policies: ['clairvoyant', 'automatic-5m', 'none'],
    });
    expect(policies.map(({ name }) => name)).toEqual(['clairvoyant', 'automatic-5m', 'none']);
    expect(requests).toBe(chats.requests.count);
    const [clairvoyant, automatic, none] = policies;
    expect(none).toMatchObject({ costRatio: 1, costUsd: noCacheUsd, readTokens: 0, pings: 0, pingUsd: 0 });
    expect(none?.uncachedTokens).toBeCloseTo(noCacheUsd * 1e6, 3);
    expect(automatic?.costRatio).toBeLessThan(1);
    expect(clairvoyant?.costRatio).toBeLessThan(automatic?.costRatio ?? 0);
    expect(lowerBound.costRatio).toBeLessThanOrEqual(clairvoyant?.costRatio ?? 0);
    expect(lowerBound.assumptions.length).toBeGreaterThan(0);
    expect(outputUsd).toBeGreaterThanOrEqual(0);
  });

  it('counts the same with workers as without', async () => {
    const policies = ['none', 'layers', 'keep-alive-tails', 'clairvoyant'];
    const here = await replay(chats, { prices, policies, workers: 0 });
    const shares: number[] = [];
    const there = await replay(chats, {
      prices,
      policies,
      workers: 2,
      onProgress: (share) => shares.push(share),
    });
    expect(there).toEqual(here);
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  });

  it('ends the curve of cost over time with the whole cost', async () => {
    const { costOverTime, policies } = await replay(chats, { prices });
    expect(costOverTime.timesMs.at(-1)).toBe(chats.requests.startMs.at(-1));
    for (const [index, { costUsd }] of costOverTime.policies.entries()) {
      expect(costUsd.at(-1)).toBeCloseTo(policies[index]?.costUsd ?? 0, 9);
      expect(costUsd).toHaveLength(costOverTime.timesMs.length);
    }
  });

  it('tells families of models apart where there are several', async () => {
    const blocks = [['system', 5000]] as const;
    const rows = ['claude-opus-4-5', 'claude-opus-4-8', 'claude-haiku-4-5'].flatMap((model) =>
      [0, 60_000].map((startMs) => ({ startMs, model, blocks, systemEnd: 0 })),
    );
    const { families, noCacheUsd } = await replay(traceOf(rows), {
      prices: { ...prices, model: 'recorded' },
      policies: ['none', 'automatic-5m'],
    });
    expect(families.map(({ family, requests }) => [family, requests])).toEqual([
      ['opus', 4],
      ['haiku', 2],
    ]);
    expect(families.reduce((sum, family) => sum + family.noCacheUsd, 0)).toBeCloseTo(noCacheUsd, 12);
    for (const { policies, lowerBound } of families) {
      expect(policies.map(({ costRatio }) => costRatio.toFixed(6))).toEqual(['1.000000', '0.675000']);
      expect(lowerBound.costRatio).toBeLessThanOrEqual(0.675);
    }
  });

  it('takes an empty trace', async () => {
    const { policies, noCacheUsd, lowerBound } = await replay(traceOf([]), { prices, policies: ['layers'] });
    expect([policies[0]?.costRatio, noCacheUsd, lowerBound.costRatio]).toEqual([1, 0, 1]);
  });

  it('refuses a policy that does not exist, and none at all', async () => {
    await expect(replay(chats, { prices, policies: ['best'] })).rejects.toThrow('there is no policy "best"');
    await expect(replay(chats, { prices, policies: [] })).rejects.toThrow('there is no policy to run');
  });
});
