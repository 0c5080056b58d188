import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultOpenQuestions } from '../cache/rules.ts';
import { PLATFORMS } from '../catalogue/platforms.ts';
import { resolveModel } from '../catalogue/resolve.ts';
import { noTokens, parseDay, priceAt, ratesFor, standardPricing, totalInputTokens } from './rates.ts';

const DAY_MS = 86_400_000;
const sonnet = resolveModel('claude-sonnet-5-5').facts;

describe('parseDay', () => {
  it('agrees with Date on every day of three centuries', () => {
    const days = Array.from({ length: 365 * 300 }, (_, index) => Date.UTC(1900, 0, 1) + index * DAY_MS);
    const wrong = days.filter((dayMs) => parseDay(new Date(dayMs).toISOString().slice(0, 10)) !== dayMs);
    expect(wrong).toEqual([]);
  });

  it.each(['0001-01-01', '1582-10-15', '2000-02-29', '2400-02-29', '9999-12-31'])(
    'agrees with Date on %s',
    (day) => {
      expect(parseDay(day)).toBe(Date.parse(`${day}T00:00:00Z`));
    },
  );
});

describe('priceAt', () => {
  it('takes the newest record that has begun, in whatever order they stand', () => {
    const [first, second] = sonnet.prices;
    const swapped = { ...sonnet, prices: [second!, first!] };
    for (const model of [sonnet, swapped]) {
      expect(priceAt(model, Date.UTC(2026, 9, 7))).toBe(second);
      expect(priceAt(model, Date.UTC(2026, 9, 7) - 1)).toBe(first);
    }
  });

  it('takes the oldest before all of them', () => {
    expect(priceAt(sonnet, 0)).toBe(sonnet.prices[0]);
    expect(priceAt(sonnet, -1e15)).toBe(sonnet.prices[0]);
  });

  it('names a model without prices', () => {
    expect(() => priceAt({ ...sonnet, prices: [] }, 0)).toThrow('claude-sonnet-5-5');
  });
});

describe('totalInputTokens', () => {
  it('leaves output out', () => {
    const tokens = {
      uncachedTokens: 1,
      readTokens: 20,
      write5mTokens: 300,
      write1hTokens: 4000,
      outputTokens: 50_000,
    };
    expect(totalInputTokens(tokens)).toBe(4321);
    expect(totalInputTokens(noTokens)).toBe(0);
  });
});

describe('ratesFor', () => {
  it('does not add the surcharges of geography and region up', () => {
    const context = {
      ...standardPricing(0),
      inferenceGeo: 'us',
      platform: PLATFORMS.bedrock,
      isRegionalEndpoint: true,
    };
    const rates = ratesFor(sonnet, noTokens, context, defaultOpenQuestions);
    expect(rates.uncachedPicoUsd).toBe(2_200_000);
  });

  it('knows a region only with its platform', () => {
    const context = { ...standardPricing(0), isRegionalEndpoint: true };
    expect(ratesFor(sonnet, noTokens, context, defaultOpenQuestions).uncachedPicoUsd).toBe(2_000_000);
  });

  it('is never negative and always whole, whatever the context', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('claude-haiku-5-5', 'claude-fable-5-2', 'claude-opus-4-1', 'claude-sonnet-5-5'),
        fc.record({
          atMs: fc.integer({ min: 0, max: 4e12 }),
          isBatch: fc.boolean(),
          inferenceGeo: fc.constantFrom(null, 'us', 'global', 'elsewhere'),
          speed: fc.constantFrom(null, 'fast', 'standard', 'unheard-of'),
          platform: fc.constantFrom(null, ...Object.values(PLATFORMS)),
          isRegionalEndpoint: fc.boolean(),
        }),
        fc.nat({ max: 300_000 }),
        (id, context, readTokens) => {
          const rates = ratesFor(
            resolveModel(id).facts,
            { ...noTokens, readTokens },
            context,
            defaultOpenQuestions,
          );
          for (const rate of Object.values(rates)) expect(Number.isSafeInteger(rate) && rate > 0).toBe(true);
        },
      ),
    );
  });
});
