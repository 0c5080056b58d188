import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MODELS } from '../catalogue/models.ts';
import { resolveModel } from '../catalogue/resolve.ts';
import { addCosts, billTokens, billUncached, type CostParts } from './bill.ts';
import { noTokens, standardPricing, totalInputTokens, type TokenCounts } from './rates.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const NOW = standardPricing(Date.UTC(2026, 10, 22));
const opus = resolveModel('claude-opus-5-5').facts;

const count = fc.nat({ max: 50_000 });
const tokenCounts: fc.Arbitrary<TokenCounts> = fc.record({
  uncachedTokens: count,
  readTokens: count,
  write5mTokens: count,
  write1hTokens: count,
  outputTokens: count,
});

function sumOfParts({ totalPicoUsd: _total, ...parts }: CostParts): bigint {
  return Object.values(parts).reduce((sum, part) => sum + part, 0n);
}

describe('billTokens', () => {
  it('is nothing for nothing', () => {
    expect(billTokens(opus, noTokens, NOW).totalPicoUsd).toBe(0n);
  });

  it('adds its parts up, for any model', () => {
    fc.assert(
      fc.property(fc.constantFrom(...MODELS), tokenCounts, fc.nat({ max: 50 }), (facts, tokens, searches) => {
        const cost = billTokens(facts, tokens, NOW, searches);
        expect(cost.totalPicoUsd).toBe(sumOfParts(cost));
        expect(cost.serverToolsPicoUsd).toBe(BigInt(searches) * 10_000_000_000n);
      }),
      { numRuns },
    );
  });

  it('stays exact where floats would not', () => {
    const tokens = { ...noTokens, outputTokens: 9_007_199_254_740_991 };
    expect(billTokens(opus, tokens, NOW).totalPicoUsd).toBe(9_007_199_254_740_991n * 20_000_000n);
  });
});

describe('addCosts', () => {
  it('is nothing of no bills', () => {
    expect(addCosts([])).toEqual(billTokens(opus, noTokens, NOW));
  });

  it('adds part by part: the bill of a sum is the sum of the bills', () => {
    fc.assert(
      fc.property(fc.array(tokenCounts, { maxLength: 8 }), (list) => {
        const sum = (kind: keyof TokenCounts): number =>
          list.reduce((total, tokens) => total + tokens[kind], 0);
        const together: TokenCounts = {
          uncachedTokens: sum('uncachedTokens'),
          readTokens: sum('readTokens'),
          write5mTokens: sum('write5mTokens'),
          write1hTokens: sum('write1hTokens'),
          outputTokens: sum('outputTokens'),
        };
        expect(addCosts(list.map((tokens) => billTokens(opus, tokens, NOW)))).toEqual(
          billTokens(opus, together, NOW),
        );
      }),
      { numRuns },
    );
  });

  it('does not lose a pico-dollar among millions', () => {
    const small: CostParts = { ...addCosts([]), readPicoUsd: 1n, totalPicoUsd: 1n };
    const large: CostParts = { ...addCosts([]), readPicoUsd: 10n ** 20n, totalPicoUsd: 10n ** 20n };
    expect(addCosts([large, small]).totalPicoUsd).toBe(10n ** 20n + 1n);
  });
});

describe('billUncached', () => {
  it('bills all input as uncached and keeps the output', () => {
    fc.assert(
      fc.property(fc.constantFrom(...MODELS), tokenCounts, (facts, tokens) => {
        const cost = billUncached(facts, tokens, NOW);
        const same = {
          ...noTokens,
          uncachedTokens: totalInputTokens(tokens),
          outputTokens: tokens.outputTokens,
        };
        expect(cost).toEqual(billTokens(facts, same, NOW));
      }),
      { numRuns },
    );
  });
});
