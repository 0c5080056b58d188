import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowerBounds, type BoundCosts } from '../../src/replay/bounds/lower-bounds.ts';
import { clairvoyantPolicy } from '../../src/replay/policies/clairvoyant.ts';
import { POLICIES } from '../../src/replay/policies/index.ts';
import { theoryPrices } from '../../src/replay/prices.ts';
import { simulate } from '../../src/replay/simulate/simulate.ts';
import { inputUsdOf } from '../../src/replay/simulate/tally.ts';
import { traceOf, type HandRequest } from '../../src/replay/trace/trace-of.ts';
import { findOptimum, type SmallTrace } from './brute-force.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const SEARCH_RUNS = Math.ceil(15 * effort);
const TRACE_RUNS = Math.ceil(25 * effort);
const MS_PER_RUN = 4000;
const EXPANDED_MAX = 20_000;
const NAMES_PER_DEPTH = 3;
const DEPTH_MAX = 4;

const prices = fc.constantFrom(
  { read: 0.1, write5m: 1.25, write1h: 2 },
  { read: 0.025, write5m: 1.25, write1h: 2 },
  { read: 0.2, write5m: 1.1, write1h: 1.3 },
);

interface Shape {
  readonly gapsMs: readonly number[];
  readonly readyAfterMs: readonly number[];
  readonly tokens: readonly number[];
  readonly requestsMax: number;
  readonly depthMax: number;
}

/** Requests whose blocks are named by depth and a digit; the name decides the size. Low digits are likely: reuse. */
function requestsOf(shape: Shape): fc.Arbitrary<SmallTrace['requests']> {
  return fc
    .record({
      sizes: fc.array(fc.constantFrom(...shape.tokens), {
        minLength: NAMES_PER_DEPTH * DEPTH_MAX,
        maxLength: NAMES_PER_DEPTH * DEPTH_MAX,
      }),
      steps: fc.array(
        fc.record({
          gapMs: fc.constantFrom(...shape.gapsMs),
          readyAfterMs: fc.constantFrom(...shape.readyAfterMs),
          path: fc.array(fc.constantFrom(0, 0, 0, 1, 2), { minLength: 1, maxLength: shape.depthMax }),
        }),
        { minLength: 2, maxLength: shape.requestsMax, size: 'max' },
      ),
    })
    .map(({ sizes, steps }) => {
      let startMs = 0;
      return steps.map(({ gapMs, readyAfterMs, path }) => {
        startMs += gapMs;
        const blocks = path.map(
          (name, depth) => [`${depth}${name}`, sizes[NAMES_PER_DEPTH * depth + name] ?? 1] as const,
        );
        return { startMs, readyAfterMs, blocks };
      });
    });
}

function traceFrom(requests: SmallTrace['requests']): ReturnType<typeof traceOf> {
  return traceOf(
    requests.map(({ startMs, readyAfterMs, blocks }): HandRequest => ({
      startMs,
      timeToFirstTokenMs: readyAfterMs,
      blocks,
      systemEnd: 0,
    })),
  );
}

function expectOrder({ none, universal, perNode, joint, jointWithMinimum }: BoundCosts): void {
  expect(universal).toBeLessThanOrEqual(perNode + 1e-6);
  expect(perNode).toBeLessThanOrEqual(joint + 1e-6);
  expect(Math.max(joint, jointWithMinimum)).toBeLessThanOrEqual(none + 1e-6);
}

/** A conversation that grows, with other ends now and then: here 1h entries far down carry all that is above them. */
const conversations: fc.Arbitrary<SmallTrace['requests']> = fc
  .record({
    sizes: fc.tuple(
      fc.constantFrom(50, 400, 1000),
      ...Array.from({ length: 4 }, () => fc.constantFrom(5, 10, 60)),
    ),
    steps: fc.array(
      fc.record({
        gapMs: fc.constantFrom(0, 20, 60, 130, 150, 250, 299, 340, 390, 700),
        readyAfterMs: fc.constantFrom(0, 0, 10),
        grownBy: fc.constantFrom(0, 1, 1, 1, 2),
        hasOtherEnd: fc.constantFrom(false, false, false, true),
      }),
      { minLength: 3, maxLength: 4 },
    ),
  })
  .map(({ sizes, steps }) => {
    let startMs = 0;
    let length = 0;
    return steps.map(({ gapMs, readyAfterMs, grownBy, hasOtherEnd }, index) => {
      startMs += gapMs;
      length = Math.min(4, Math.max(1, length + grownBy));
      const blocks = sizes.slice(0, length).map((size, depth) => [`${depth}`, size] as const);
      return {
        startMs,
        readyAfterMs,
        blocks: hasOtherEnd ? [...blocks, [`end ${index}`, 20] as const] : blocks,
      };
    });
  });

/** Lifetimes of 100 and 300 ms keep the search small: few pings bridge any gap. */
const smallTraces: fc.Arbitrary<SmallTrace> = fc
  .record({
    prices,
    requests: fc.oneof(
      conversations,
      requestsOf({
        gapsMs: [0, 20, 99, 101, 150, 199, 240, 299, 301, 350, 400, 620],
        readyAfterMs: [0, 0, 10, 30],
        tokens: [10, 20, 50, 100, 400],
        requestsMax: 4,
        depthMax: 3,
      }),
    ),
    minCacheableTokens: fc.constantFrom(0, 0, 60),
  })
  .map(({ prices: chosen, ...rest }) => ({ ...chosen, ...rest, live5mMs: 100, live1hMs: 300 }));

/** The documented lifetimes, and gaps that few pings bridge. */
const documentedTraces: fc.Arbitrary<SmallTrace> = fc
  .record({
    requests: requestsOf({
      gapsMs: [0, 1000, 100_000, 299_000, 301_000, 450_000, 3_500_000, 3_700_000, 7_300_000],
      readyAfterMs: [0, 500, 3000],
      tokens: [200, 900, 2000, 8000],
      requestsMax: 3,
      depthMax: 3,
    }),
    minCacheableTokens: fc.constantFrom(0, 1024),
  })
  .map((rest) => ({ ...theoryPrices, ...rest, live5mMs: 300_000, live1hMs: 3_600_000 }));

/** A gate moves requests to other times, and so into another trace than the one that the bound and the optimum are of. */
const isTimely = ({ name }: { readonly name: string }): boolean => !name.endsWith('+gate');

const policies = [
  ...POLICIES.filter((policy) => isTimely(policy) && policy.name !== clairvoyantPolicy.name),
  clairvoyantPolicy,
];

function costOf(
  trace: ReturnType<typeof traceOf>,
  policy: (typeof policies)[number],
  small: SmallTrace,
): number {
  const { read, write5m, write1h, minCacheableTokens } = small;
  const own = [{ ...theoryPrices, read, write5m, write1h, minCacheableTokens, inputUsdPerToken: 1 }];
  const { tallies } = simulate(trace, policy, { prices: own });
  return tallies.reduce((sum, tally) => sum + inputUsdOf(tally, own), 0);
}

describe('lower bounds', () => {
  it(
    'are not above the cheapest plan that a full search finds',
    () => {
      fc.assert(
        fc.property(smallTraces, (small) => {
          const bounds = lowerBounds(traceFrom(small.requests), [small], small);
          expectOrder(bounds);
          const { cost } = findOptimum(small, EXPANDED_MAX);
          if (cost === null) return;
          expect(bounds.joint).toBeLessThanOrEqual(cost + 1e-6);
          expect(bounds.jointWithMinimum).toBeLessThanOrEqual(cost + 1e-6);
        }),
        { numRuns: SEARCH_RUNS },
      );
    },
    MS_PER_RUN * SEARCH_RUNS,
  );

  it(
    'stay below the cheapest plan, and that below every policy, with the documented lifetimes',
    () => {
      fc.assert(
        fc.property(documentedTraces, (small) => {
          const trace = traceFrom(small.requests);
          const bounds = lowerBounds(trace, [small]);
          const { cost } = findOptimum(small, EXPANDED_MAX);
          if (cost === null) return;
          expect(Math.max(bounds.joint, bounds.jointWithMinimum)).toBeLessThanOrEqual(cost + 1e-6);
          for (const policy of policies) {
            expect([policy.name, costOf(trace, policy, small) >= cost - 1e-6]).toEqual([policy.name, true]);
          }
        }),
        { numRuns: SEARCH_RUNS },
      );
    },
    MS_PER_RUN * SEARCH_RUNS,
  );

  it(
    'are not above any policy on longer traces',
    () => {
      const longer = requestsOf({
        gapsMs: [0, 50, 4000, 60_000, 250_000, 310_000, 1_200_000, 4_000_000, 20_000_000],
        readyAfterMs: [0, 800, 5000],
        tokens: [40, 300, 1000, 5000, 30_000],
        requestsMax: 60,
        depthMax: DEPTH_MAX,
      });
      fc.assert(
        fc.property(longer, prices, fc.constantFrom(0, 1024), (requests, chosen, minCacheableTokens) => {
          const small = { requests, ...chosen, minCacheableTokens, live5mMs: 300_000, live1hMs: 3_600_000 };
          const trace = traceFrom(requests);
          const bounds = lowerBounds(trace, [small]);
          expectOrder(bounds);
          const least = Math.max(bounds.joint, bounds.jointWithMinimum);
          for (const policy of policies) {
            expect([policy.name, costOf(trace, policy, small) >= least - 1e-6]).toEqual([policy.name, true]);
          }
        }),
        { numRuns: TRACE_RUNS },
      );
    },
    MS_PER_RUN * TRACE_RUNS,
  );
});
