import { describe, expect, it } from 'vitest';

import { choosePrices, familiesOf, theoryPrices } from './prices.ts';

const atMs = Date.UTC(2026, 10, 20);
const weka = { format: 'weka', models: ['claude-opus-4-5', 'claude-haiku-4-5'] } as const;
const requests = { format: 'requests', models: ['claude-opus-5-5', 'claude-haiku-5-5'] } as const;

describe('choosePrices', () => {
  it('is one price for all where the source has no prices of its own to be true to', () => {
    expect(choosePrices(weka, { atMs })).toEqual({
      model: 'theory',
      prices: [theoryPrices, theoryPrices],
      notes: [],
    });
    expect(choosePrices(weka, { atMs, read: 0.05 }).prices[1]).toEqual({ ...theoryPrices, read: 0.05 });
  });

  it('takes minimum and prices of a named model for all', () => {
    const { model, prices } = choosePrices(weka, { atMs, model: 'claude-opus-5-5' });
    expect(model).toBe('claude-opus-5-5');
    expect(prices).toHaveLength(2);
    expect(prices[0]).toEqual(prices[1]);
    expect(prices[0]).toMatchObject({ read: 0.05, write5m: 1.25, write1h: 2, minCacheableTokens: 512 });
    expect(prices[0]?.inputUsdPerToken).toBeCloseTo(4e-6, 15);
  });

  it('takes each recorded model for itself, with the step for long prompts (spec 9.1)', () => {
    const { model, prices } = choosePrices(requests, { atMs });
    expect(model).toBe('recorded');
    expect(prices.map(({ read }) => read)).toEqual([0.05, 0.1]);
    expect(prices[0]).not.toHaveProperty('longPrompt');
    expect(prices[1]?.longPrompt?.aboveTokens).toBe(100_000);
    expect(choosePrices(weka, { atMs, model: 'recorded' }).prices[1]?.minCacheableTokens).toBe(4096);
  });

  it('takes the price of the day', () => {
    const readAt = (day: number): number | undefined =>
      choosePrices(weka, { atMs: day, model: 'claude-sonnet-5-5' }).prices[0]?.read;
    expect([readAt(Date.UTC(2026, 9, 6)), readAt(Date.UTC(2026, 9, 7))]).toEqual([0.1, 0.05]);
  });

  it('says what it had to guess', () => {
    expect(choosePrices(weka, { atMs, model: 'claude-opus-9' }).notes).toEqual([
      'unknown model "claude-opus-9": using the facts of claude-opus-5-5',
    ]);
  });
});

it('familiesOf names the family of each model', () => {
  expect(familiesOf(['claude-opus-4-5', 'claude-3-5-haiku-latest', 'gpt-7', ''])).toEqual([
    'opus',
    'haiku',
    'other',
    'other',
  ]);
});
