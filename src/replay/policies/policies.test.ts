import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BREAKPOINTS_MAX } from '../../core/index.ts';
import { theoryPrices } from '../prices.ts';
import { TTL_1H, TTL_5M, type PlacementBuffer, type PolicyContext, type ReplayPolicy } from '../policy.ts';
import { createPlacements } from '../simulate/cache-simulator.ts';
import { simulate } from '../simulate/simulate.ts';
import { generateWorkload } from '../synthetic/index.ts';
import { traceOf, type HandRequest } from '../trace/trace-of.ts';
import { pathOf, type Trace } from '../trace/trace.ts';
import { POLICIES, findPolicy } from './index.ts';

const numRuns = Math.ceil(8 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MINUTE_MS = 60_000;

function policyOf(name: string): ReplayPolicy {
  const policy = findPolicy(name);
  if (policy === null) throw new Error(`no policy ${name}`);
  return policy;
}

const context = (trace: Trace): PolicyContext => ({
  prices: trace.models.map(() => theoryPrices),
  pingOverheadTokens: 8,
  entriesAre: 'self-contained',
  isReadable: () => false,
  expiresMs: () => -Infinity,
});

/** Breakpoints as `index:ttl` along the path of the request. */
function show(trace: Trace, request: number, { count, prefixIds, ttls }: PlacementBuffer): string {
  const path = pathOf(trace.trie, trace.requests.prefixIds[request] ?? -1);
  return Array.from({ length: count }, (_, index) => {
    const ttl = ttls[index] === TTL_1H ? '1h' : '5m';
    return `${path.indexOf(prefixIds[index] ?? -1)}:${ttl}`;
  }).join(' ');
}

/** What a policy places in each request of a trace. */
function placed(name: string, trace: Trace): readonly string[] {
  const run = policyOf(name).start(trace, context(trace));
  return Array.from({ length: trace.requests.count }, (_, request) => {
    const placements = createPlacements();
    run.place(request, placements, trace.requests.startMs[request] ?? 0);
    return show(trace, request, placements);
  });
}

const full: HandRequest = {
  startMs: 0,
  blocks: [
    ['tools', 2000],
    ['system', 2000],
    ['documents', 2000],
    ['question', 2000],
  ],
  toolsEnd: 0,
  systemEnd: 1,
  documentsEnd: 2,
};
const bare: HandRequest = { startMs: 1, blocks: [['question', 2000]] };
const short: HandRequest = {
  startMs: 2,
  blocks: [
    ['few tools', 100],
    ['short system', 900],
    ['short question', 24],
  ],
  toolsEnd: 0,
  systemEnd: 1,
};

describe('breakpoints', () => {
  it.each([
    ['none', ['', '', '']],
    ['automatic-5m', ['3:5m', '0:5m', '2:5m']],
    ['automatic-1h', ['3:1h', '0:1h', '2:1h']],
    ['always-1h', ['1:1h 2:1h 3:1h', '0:1h', '1:1h 2:1h']],
    ['system-5m', ['1:5m', '', '1:5m']],
    ['system+last-5m', ['1:5m 3:5m', '0:5m', '1:5m 2:5m']],
    ['layers', ['1:1h 2:5m 3:5m', '0:5m', '1:1h 2:5m']],
    ['article', ['', '', '']],
    ['keep-alive-system', ['1:5m 3:5m', '0:5m', '1:5m 2:5m']],
    ['cachewright', ['0:5m 1:5m 2:5m 3:5m', '0:5m', '2:5m']],
  ])('%s', (name, expected) => {
    expect(placed(name, traceOf([full, bare, short]))).toEqual(expected);
  });

  it('stand once where two layers end at one block', () => {
    const trace = traceOf([{ startMs: 0, blocks: [['system', 3000]], toolsEnd: 0, systemEnd: 0 }]);
    expect(POLICIES.map(({ name }) => placed(name, trace)[0]?.split(' ').length)).toEqual(
      POLICIES.map(() => 1),
    );
  });
});

describe('article', () => {
  const times = (gapMs: number, count: number): Trace =>
    traceOf(
      Array.from({ length: count }, (_, index) => ({
        startMs: index * gapMs,
        blocks: [['system', 3000] as const, [`question ${index}`, 100] as const],
        systemEnd: 0,
        conversation: index,
      })),
    );

  it('marks what this is the sixth use of within an hour', () => {
    expect(placed('article', times(11 * MINUTE_MS, 7))).toEqual(['', '', '', '', '', '0:5m', '0:5m']);
    expect(placed('article', times(12 * MINUTE_MS, 7)).join('')).toBe('');
  });

  it('marks what was mostly used within 300 s, after more than three uses', () => {
    expect(placed('article', times(5 * MINUTE_MS, 6))).toEqual(['', '', '', '', '0:5m', '0:5m']);
  });
});

describe('keep-alive', () => {
  const pingsOf = (name: string, trace: Trace): number =>
    simulate(trace, policyOf(name), { prices: [theoryPrices] }).tallies.reduce(
      (sum, tally) => sum + (tally.isPing ? tally.requests : 0),
      0,
    );
  const chat = (...times: readonly number[]): Trace =>
    traceOf(
      times.map((startMs, turn) => ({
        startMs,
        systemEnd: 0,
        blocks: [
          ['system', 3000] as const,
          ...Array.from({ length: turn + 1 }, (_, n) => [`${n}`, 500] as const),
        ],
      })),
    );

  it('of system pings every 280 s, as long as the trace lasts', () => {
    expect(pingsOf('keep-alive-system', chat(0, 279_000))).toBe(0);
    expect(pingsOf('keep-alive-system', chat(0, 280_000))).toBe(1);
    expect(pingsOf('keep-alive-system', chat(0, 28_000_000))).toBe(100);
  });

  it('of tails ends after eleven pings, and with the next turn', () => {
    expect(pingsOf('keep-alive-tails', chat(0, 28_000_000))).toBe(11);
    expect(pingsOf('keep-alive-tails', chat(0, 100_000, 200_000, 300_000))).toBe(0);
  });
});

describe('every policy', () => {
  it('places lawful breakpoints on the path of the request, and bills every token once', () => {
    const arbitrary = fc.tuple(
      fc.constantFrom('chats', 'agents', 'rag', 'zipf-tenants', 'fan-out'),
      fc.nat({ max: 999 }),
    );
    fc.assert(
      fc.property(arbitrary, ([workload, seed]) => {
        const trace = generateWorkload(workload, { seed, hours: 1 });
        const total = totalTokensOf(trace);
        for (const policy of POLICIES) {
          const run = checked(policy, trace);
          const { tallies } = simulate(trace, run, { prices: [theoryPrices] });
          let billed = 0;
          for (const tally of tallies.filter(({ isPing }) => !isPing))
            billed += tally.readTokens + tally.write5mTokens + tally.write1hTokens + tally.uncachedTokens;
          expect(billed).toBe(total);
        }
      }),
      { numRuns },
    );
  });
});

function totalTokensOf({ requests, trie }: Trace): number {
  let total = 0;
  for (let request = 0; request < requests.count; request += 1)
    total +=
      (trie.cumulativeTokens[requests.prefixIds[request] ?? -1] ?? 0) + (requests.tailTokens[request] ?? 0);
  return total;
}

/** The policy, with a look at what it places. */
function checked(policy: ReplayPolicy, trace: Trace): ReplayPolicy {
  return {
    ...policy,
    start(given, givenContext) {
      const run = policy.start(given, givenContext);
      const place = run.place.bind(run);
      run.place = (request, placements, sendMs) => {
        place(request, placements, sendMs);
        const path = pathOf(trace.trie, trace.requests.prefixIds[request] ?? -1);
        const ends = Array.from(placements.prefixIds.subarray(0, placements.count), (id) => path.indexOf(id));
        const ttls = Array.from(placements.ttls.subarray(0, placements.count));
        expect(placements.count).toBeLessThanOrEqual(BREAKPOINTS_MAX);
        expect(ends).toEqual([...new Set(ends)].filter((end) => end >= 0).toSorted((a, b) => a - b));
        expect(ttls.lastIndexOf(TTL_1H)).toBeLessThan(
          ttls.includes(TTL_5M) ? ttls.indexOf(TTL_5M) : ttls.length,
        );
      };
      return run;
    },
  };
}
