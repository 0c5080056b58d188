import { describe, expect, it } from 'vitest';

import { layers, priceLayers, type Layer, type LayerPlacement, type LayersOptions } from '../index.ts';

const options: LayersOptions = { model: 'claude-sonnet-5', requestsPerHour: 12 };
const CHANGES = ['never', 'monthly', 'weekly', 'daily', 'hourly', 'per-session', 'per-request'] as const;

/** Seven layers of a thousand tokens and more, each of which changes more often than the one before. */
const declared = CHANGES.map((changes, index): Layer => ({
  name: changes,
  changes,
  tokens: 1_000 + 500 * index,
  system: changes,
}));

/** Every lawful placement at the ends of these layers. */
function allPlacements(names: readonly string[]): readonly (readonly LayerPlacement[])[] {
  const sets = names.reduce<string[][]>(
    (found, name) => [...found, ...found.filter(({ length }) => length < 4).map((set) => [...set, name])],
    [[]],
  );
  return sets.flatMap((set) =>
    Array.from({ length: set.length + 1 }, (_, hours) =>
      set.map((layer, at): LayerPlacement => ({ layer, ttl: at < hours ? '1h' : '5m' })),
    ),
  );
}

describe('the price of a placement', () => {
  it('is nowhere lower than that of the plan, and there the same', () => {
    for (const requestsPerHour of [0.3, 2, 12, 200]) {
      const own = { ...options, requestsPerHour };
      const { plan } = layers(own).build(declared);
      const prices = allPlacements(CHANGES.slice(1)).map((placement) =>
        priceLayers(own, declared, placement),
      );
      expect(Math.min(...prices)).toBeCloseTo(plan.expected.costUsd, 12);
      expect(priceLayers(own, declared, plan.breakpoints)).toBeCloseTo(plan.expected.costUsd, 12);
      expect(priceLayers(own, declared, [])).toBeCloseTo(plan.expected.withoutCachingUsd, 12);
    }
  });

  it('does not hang on the order in which breakpoints are named', () => {
    const placement: readonly LayerPlacement[] = [
      { layer: 'monthly', ttl: '1h' },
      { layer: 'daily', ttl: '5m' },
    ];
    expect(priceLayers(options, declared, placement.toReversed())).toBe(
      priceLayers(options, declared, placement),
    );
  });

  it.each<[string, readonly LayerPlacement[]]>([
    ['there is no layer "rules"', [{ layer: 'rules', ttl: '5m' }]],
    ['no entry can end at never', [{ layer: 'never', ttl: '5m' }]],
    [
      '1h must not come after 5m',
      [
        { layer: 'monthly', ttl: '5m' },
        { layer: 'weekly', ttl: '1h' },
      ],
    ],
    [
      'one breakpoint only',
      [
        { layer: 'weekly', ttl: '5m' },
        { layer: 'weekly', ttl: '5m' },
      ],
    ],
    ['the API takes 4 breakpoints, got 5', CHANGES.slice(1, 6).map((layer) => ({ layer, ttl: '5m' }))],
  ])('is refused: %s', (sentence, placement) => {
    expect(() => priceLayers(options, declared, placement)).toThrow(sentence);
  });
});
