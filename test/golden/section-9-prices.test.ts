import { describe, expect, it } from 'vitest';
import {
  billTokens,
  billUncached,
  noTokens,
  ratesFor,
  standardPricing,
  type CostParts,
  type PricingContext,
  type TokenCounts,
} from '../../src/core/bill/index.ts';
import { defaultOpenQuestions } from '../../src/core/cache/index.ts';
import { MODELS, PLATFORMS, resolveModel, type ModelFacts } from '../../src/core/catalogue/index.ts';

const AUTUMN_MS = Date.UTC(2026, 10, 22);
const NOW = standardPricing(AUTUMN_MS);

const factsOf = (id: string): ModelFacts => resolveModel(id).facts;

/** Total cost in USD per million tokens of one kind, from a bill of 1,000 of them. */
function perMTok(id: string, kind: keyof TokenCounts, context: PricingContext = NOW): number {
  const { totalPicoUsd } = billTokens(factsOf(id), { ...noTokens, [kind]: 1000 }, context);
  return Number(totalPicoUsd) / 1e9;
}

/** The table of spec 9: in, 5m write, 1h write, read, out, batch in, batch out. */
const PRICES: readonly (readonly [ids: string, prices: readonly number[]])[] = [
  ['claude-fable-5-2 claude-mythos-5-2', [8, 10, 16, 0.2, 40, 4, 20]],
  ['claude-fable-5-1 claude-mythos-5-1', [10, 12.5, 20, 0.25, 50, 5, 25]],
  ['claude-fable-5 claude-mythos-5', [10, 12.5, 20, 1, 50, 5, 25]],
  ['claude-opus-5-5', [4, 5, 8, 0.2, 20, 2, 10]],
  [
    'claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5',
    [5, 6.25, 10, 0.5, 25, 2.5, 12.5],
  ],
  ['claude-opus-4-1 claude-opus-4', [15, 18.75, 30, 1.5, 75, 7.5, 37.5]],
  ['claude-sonnet-5-5', [2, 2.5, 4, 0.1, 10, 1, 5]],
  ['claude-sonnet-5', [2, 2.5, 4, 0.2, 10, 1, 5]],
  ['claude-sonnet-4-6 claude-sonnet-4-5 claude-sonnet-4', [3, 3.75, 6, 0.3, 15, 1.5, 7.5]],
  ['claude-haiku-5-5', [0.1, 0.125, 0.2, 0.01, 0.5, 0.05, 0.25]],
  ['claude-haiku-4-5', [1, 1.25, 2, 0.1, 5, 0.5, 2.5]],
  ['claude-haiku-3-5', [0.8, 1, 1.6, 0.08, 4, 0.4, 2]],
];
const ROWS = PRICES.flatMap(([ids, prices]) => ids.split(' ').map((id) => [id, prices] as const));

describe('9 price table', () => {
  it.each(ROWS)('9: %s', (id, prices) => {
    const batch = { ...NOW, isBatch: true };
    expect([
      perMTok(id, 'uncachedTokens'),
      perMTok(id, 'write5mTokens'),
      perMTok(id, 'write1hTokens'),
      perMTok(id, 'readTokens'),
      perMTok(id, 'outputTokens'),
      perMTok(id, 'uncachedTokens', batch),
      perMTok(id, 'outputTokens', batch),
    ]).toEqual(prices);
  });

  it('9: the table prices every model but Mythos Preview', () => {
    const priced = [...ROWS.map(([id]) => id), 'claude-mythos-preview'];
    expect(priced.toSorted()).toEqual(MODELS.map((facts) => facts.id).toSorted());
  });

  it('9: the bill adds up its parts', () => {
    const tokens = {
      uncachedTokens: 7,
      readTokens: 11,
      write5mTokens: 13,
      write1hTokens: 17,
      outputTokens: 19,
    };
    expect(billTokens(factsOf('claude-opus-5-5'), tokens, NOW)).toEqual({
      uncachedPicoUsd: 28_000_000n,
      readPicoUsd: 2_200_000n,
      write5mPicoUsd: 65_000_000n,
      write1hPicoUsd: 136_000_000n,
      outputPicoUsd: 380_000_000n,
      serverToolsPicoUsd: 0n,
      totalPicoUsd: 611_200_000n,
    } satisfies CostParts);
  });

  it('9: Sonnet 5.5 reads cost half from 2026-10-07, midnight UTC', () => {
    const at = (atMs: number): number => perMTok('claude-sonnet-5-5', 'readTokens', standardPricing(atMs));
    expect(at(Date.UTC(2026, 9, 7) - 1)).toBe(0.2);
    expect(at(Date.UTC(2026, 9, 7))).toBe(0.1);
    expect(at(Date.UTC(2024, 0, 1))).toBe(0.2);
    const input = (atMs: number): number =>
      perMTok('claude-sonnet-5-5', 'uncachedTokens', standardPricing(atMs));
    expect(input(Date.UTC(2026, 9, 7) - 1)).toBe(2);
  });
});

describe('9.1 long prompts', () => {
  const haiku = factsOf('claude-haiku-5-5');
  const bill = (tokens: Partial<TokenCounts>): CostParts =>
    billTokens(haiku, { ...noTokens, ...tokens }, NOW);

  it('9.1: Haiku 5.5 switches every rate of a request above 100,000 tokens, output included', () => {
    expect(bill({ uncachedTokens: 100_000, outputTokens: 1000 })).toMatchObject({
      uncachedPicoUsd: 10_000_000_000n,
      outputPicoUsd: 500_000_000n,
    });
    expect(bill({ uncachedTokens: 100_001, outputTokens: 1000 })).toMatchObject({
      uncachedPicoUsd: 50_000_500_000n,
      outputPicoUsd: 2_500_000_000n,
    });
  });

  it.each([
    ['write5mTokens', 0.625],
    ['write1hTokens', 1],
    ['readTokens', 0.05],
    ['uncachedTokens', 0.5],
  ] as const)('9, 9.1: %s at %f above the step', (kind, usdPerMTok) => {
    const { totalPicoUsd } = bill({ [kind]: 200_000 });
    expect(Number(totalPicoUsd) / 200_000 / 1e6).toBe(usdPerMTok);
    const batch = billTokens(haiku, { ...noTokens, [kind]: 200_000 }, { ...NOW, isBatch: true });
    expect(batch.totalPicoUsd * 2n).toBe(totalPicoUsd);
  });

  it('9.1, 15: the step looks at input, creation and read together', () => {
    const parts = { uncachedTokens: 1, readTokens: 60_000, write5mTokens: 20_000, write1hTokens: 20_000 };
    expect(bill({ ...parts, outputTokens: 1 }).outputPicoUsd).toBe(2_500_000n);
    expect(bill({ ...parts, uncachedTokens: 0, outputTokens: 1 }).outputPicoUsd).toBe(500_000n);
    expect(bill({ outputTokens: 200_000 }).outputPicoUsd).toBe(100_000_000_000n);
  });

  it('9.1: no other model has a step', () => {
    for (const facts of MODELS.filter((other) => other.id !== 'claude-haiku-5-5')) {
      const small = billTokens(facts, { ...noTokens, uncachedTokens: 1000 }, NOW).totalPicoUsd;
      const large = billTokens(facts, { ...noTokens, uncachedTokens: 1_000_000 }, NOW).totalPicoUsd;
      expect(large).toBe(small * 1000n);
    }
  });
});

/** Models that refuse `inference_geo`: all before 4.6 (spec 9.4). */
const BEFORE_4_6 = [
  'claude-opus-4-5',
  'claude-opus-4-1',
  'claude-opus-4',
  'claude-sonnet-4-5',
  'claude-sonnet-4',
  'claude-haiku-4-5',
  'claude-haiku-3-5',
];

const TOKENS: TokenCounts = {
  uncachedTokens: 1001,
  readTokens: 2003,
  write5mTokens: 3007,
  write1hTokens: 4013,
  outputTokens: 5009,
};

describe('9.2-9.4 batch, fast mode, geography', () => {
  it.each(MODELS.map((facts) => facts.id))('9.2: a batch halves every part of %s', (id) => {
    const full = billTokens(factsOf(id), TOKENS, NOW);
    const half = billTokens(factsOf(id), TOKENS, { ...NOW, isBatch: true });
    for (const part of Object.keys(full) as (keyof CostParts)[]) expect(half[part] * 2n).toBe(full[part]);
  });

  it.each([
    ['claude-opus-5-5', [8, 10, 16, 0.4, 40]],
    ['claude-fable-5-2', [16, 20, 32, 0.4, 80]],
    ['claude-mythos-5-2', [16, 20, 32, 0.4, 80]],
    ['claude-opus-5', [10, 12.5, 20, 1, 50]],
    ['claude-opus-4-8', [10, 12.5, 20, 1, 50]],
    ['claude-sonnet-5-5', [2, 2.5, 4, 0.1, 10]],
  ])('9.3: fast mode of %s', (id, prices) => {
    const kinds = ['uncachedTokens', 'write5mTokens', 'write1hTokens', 'readTokens', 'outputTokens'] as const;
    expect(kinds.map((kind) => perMTok(id, kind, { ...NOW, speed: 'fast' }))).toEqual(prices);
    expect(perMTok(id, 'uncachedTokens', { ...NOW, speed: 'standard' })).toBe(perMTok(id, 'uncachedTokens'));
  });

  it.each(MODELS.map((facts) => facts.id))('9.4: inference_geo "us" of %s', (id) => {
    const isOffered = !BEFORE_4_6.includes(id);
    const plain = billTokens(factsOf(id), TOKENS, NOW);
    const us = billTokens(factsOf(id), TOKENS, { ...NOW, inferenceGeo: 'us' });
    for (const part of Object.keys(plain) as (keyof CostParts)[]) {
      expect(us[part] * 10n).toBe(plain[part] * (isOffered ? 11n : 10n));
    }
    const elsewhere = billTokens(factsOf(id), TOKENS, { ...NOW, inferenceGeo: 'global' });
    expect(elsewhere).toEqual(plain);
  });

  it.each([
    ['bedrock', 11n],
    ['google-cloud', 11n],
    ['claude-api', 10n],
    ['claude-on-aws', 10n],
    ['foundry', 10n],
  ] as const)('9.4: regional endpoints of %s', (id, tenths) => {
    const platform = PLATFORMS[id];
    const facts = factsOf('claude-sonnet-5-5');
    const global = billTokens(facts, TOKENS, { ...NOW, platform });
    const regional = billTokens(facts, TOKENS, { ...NOW, platform, isRegionalEndpoint: true });
    expect(regional.totalPicoUsd * 10n).toBe(global.totalPicoUsd * tenths);
  });

  it('9: every combination is a whole number of pico-dollars per token', () => {
    const flags = [false, true];
    const contexts = flags.flatMap((isBatch) =>
      [null, 'us'].flatMap((inferenceGeo) =>
        [null, 'fast'].map((speed) => ({ ...NOW, isBatch, inferenceGeo, speed })),
      ),
    );
    for (const facts of MODELS) {
      for (const context of contexts) {
        for (const uncachedTokens of [1, 100_001]) {
          const rates = ratesFor(facts, { ...noTokens, uncachedTokens }, context, defaultOpenQuestions);
          const record = facts.prices.at(-1)!;
          const divisor = (context.isBatch ? 2n : 1n) * 1_000_000n;
          const surcharge = context.inferenceGeo && facts.hasGeoPricing ? 1100n : 1000n;
          const scaled = BigInt(rates.uncachedPicoUsd) * divisor;
          expect(scaled % (1000n * surcharge)).toBe(0n);
          const base = scaled / (1000n * surcharge);
          expect(BigInt(rates.readPicoUsd) * divisor).toBe(base * BigInt(record.readPerMille) * surcharge);
          expect(BigInt(rates.write5mPicoUsd) * divisor).toBe(base * 1250n * surcharge);
          expect(BigInt(rates.write1hPicoUsd) * divisor).toBe(base * 2000n * surcharge);
        }
      }
    }
  });
});

describe('9.6 tool overhead and server tools', () => {
  it.each([
    ['claude-opus-5-5', 286, null],
    ['claude-sonnet-5-5', 286, null],
    ['claude-opus-5', 286, 406],
    ['claude-haiku-5-5', 286, 406],
    ['claude-opus-4-8', 290, 410],
    ['claude-sonnet-5', 354, 474],
    ['claude-opus-4-7', 675, 804],
    ['claude-opus-4-6', 497, 589],
    ['claude-sonnet-4-6', 497, 589],
    ['claude-opus-4-5', 496, 588],
    ['claude-sonnet-4-5', 496, 588],
    ['claude-haiku-4-5', 496, 588],
    ['claude-opus-4-1', 313, 315],
    ['claude-opus-4', 313, 315],
    ['claude-sonnet-4', 313, 315],
  ])('9.6: %s adds %i tokens for tools, %s where one is forced', (id, autoTokens, forcedTokens) => {
    expect(factsOf(id).toolOverhead).toEqual({ autoTokens, forcedTokens });
  });

  it('9.6: any and tool are refused by Fable and Mythos 5.1 and later too', () => {
    for (const id of ['claude-fable-5-1', 'claude-fable-5-2', 'claude-mythos-5-1', 'claude-mythos-5-2']) {
      expect(factsOf(id).toolOverhead.forcedTokens).toBeNull();
    }
  });

  it('9.6: web search costs 10 dollars per 1,000', () => {
    const bill = billTokens(factsOf('claude-opus-5-5'), noTokens, NOW, 1000);
    expect(bill.serverToolsPicoUsd).toBe(10_000_000_000_000n);
    expect(bill.totalPicoUsd).toBe(10_000_000_000_000n);
  });
});

describe('9.11, 10.3 break-evens', () => {
  const total = (facts: ModelFacts, tokens: Partial<TokenCounts>): bigint =>
    billTokens(facts, { ...noTokens, ...tokens }, NOW).totalPicoUsd;

  it.each(MODELS.map((facts) => [facts.id, facts] as const))(
    '9.11: on %s a 5m write pays after one read, a 1h write after two',
    (_id, facts) => {
      const readsToPay = (write: bigint): number => {
        const [read, uncached] = [total(facts, { readTokens: 1000 }), total(facts, { uncachedTokens: 1000 })];
        let reads = 0;
        while (write + BigInt(reads) * read >= uncached * BigInt(1 + reads)) reads += 1;
        return reads;
      };
      expect(readsToPay(total(facts, { write5mTokens: 1000 }))).toBe(1);
      expect(readsToPay(total(facts, { write1hTokens: 1000 }))).toBe(2);
    },
  );

  it.each([
    ['claude-fable-5-2', 49, 30],
    ['claude-opus-5-5', 24, 15],
    ['claude-sonnet-5-5', 24, 15],
    ['claude-opus-4-8', 11.5, 7.5],
  ])('10.3: %s: %f pings cost a cold rewrite, %f the 1h premium', (id, rewrite, premium) => {
    const facts = factsOf(id);
    const [read, write5m, write1h] = (['readTokens', 'write5mTokens', 'write1hTokens'] as const).map((kind) =>
      Number(total(facts, { [kind]: 1000 })),
    );
    expect((write5m! - read!) / read!).toBe(rewrite);
    expect((write1h! - write5m!) / read!).toBe(premium);
  });

  it('9: the counterfactual without caching', () => {
    const facts = factsOf('claude-opus-5-5');
    expect(billUncached(facts, TOKENS, NOW).totalPicoUsd).toBe(
      total(facts, { uncachedTokens: 1001 + 2003 + 3007 + 4013, outputTokens: 5009 }),
    );
  });
});
