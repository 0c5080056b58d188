import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BREAKPOINTS_MAX } from '../../src/core/index.ts';
import { LearnedPlanner, type LearnedPlan, type PlanPrices } from '../../src/planner/index.ts';
import { PRICES, WordRequests, type WordRequest } from './word-requests.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MINUTE_MS = 60_000;

function prices(minCacheableTokens: number): PlanPrices {
  return { ...PRICES, minCacheableTokens };
}

/** Breakpoints as `index:ttl place`, by block. */
function show({ breakpoints }: LearnedPlan): string[] {
  return breakpoints
    .toSorted((a, b) => a.index - b.index)
    .map(({ index, isHour, place }) => `${index}:${isHour ? '1h' : '5m'} ${place}`);
}

/** A planner whose own breakpoints are sent, and whose responses begin as they are told to. */
class Traffic {
  readonly planner = new LearnedPlanner();
  readonly #words = new WordRequests();

  plan(request: WordRequest): LearnedPlan {
    return this.planner.plan(this.#words.request(request));
  }

  /** A request whose response begins at once. */
  send(request: WordRequest): LearnedPlan {
    const plan = this.plan(request);
    this.planner.begin(this.planner.sent(plan, plan.breakpoints), request.atMs);
    return plan;
  }
}

const TRUNK = 'ttssddacxrrrbaaxxcaarrrrabcaxaaaaaaaabbaaaaaaaaaaaaaaxxxaaaacaaaaaaaaaaaa';

const requests = fc.array(
  fc.record({
    start: fc.nat({ max: 6 }),
    length: fc.nat({ max: TRUNK.length }),
    branchAt: fc.option(fc.nat({ max: TRUNK.length }), { nil: -1, freq: 3 }),
    afterMs: fc.constantFrom(0, 1, 30_000, 150_000, 300_000, 2_000_000, 3_600_000),
    minimum: fc.constantFrom(0, 1024, 4096),
    newest: fc.constantFrom('user', 'tool'),
    tail: fc.constantFrom('plain', 'lone', 'left'),
    lookbackPositions: fc.constantFrom(20, Infinity),
    unmarkable: fc.constantFrom('', 'x', 'ax', 'tsdx', 'acbrx'),
  }),
  { minLength: 1, maxLength: 25, size: 'max' },
);

describe('breakpoints', () => {
  it('are always such that the API takes them and the cache finds them worth an entry', () => {
    fc.assert(
      fc.property(requests, (list) => {
        const traffic = new Traffic();
        let atMs = 0;
        for (const { start, length, branchAt, afterMs, minimum, unmarkable, ...rest } of list) {
          atMs += afterMs;
          const letters = TRUNK.slice(start, start + length).split('');
          const word = letters.map((letter, at) => (at === branchAt ? 'y' : letter)).join('');
          const canMark = (index: number): boolean => !unmarkable.includes(word[index] ?? '');
          const plan = traffic.send({ ...rest, atMs, word, canMark, prices: prices(minimum) });
          const breakpoints = plan.breakpoints.toSorted((a, b) => a.index - b.index);
          expect(breakpoints.length).toBeLessThanOrEqual(BREAKPOINTS_MAX);
          expect(new Set(breakpoints.map(({ index }) => index)).size).toBe(breakpoints.length);
          const ttls = breakpoints.map(({ isHour }) => (isHour ? 1 : 2));
          expect(ttls.toSorted((a, b) => a - b)).toEqual(ttls);
          for (const { index, place, within5m, within1h } of breakpoints) {
            expect([index >= 0 && index < word.length, canMark(index)]).toEqual([true, true]);
            // What is read was written under the minimum of its time.
            const least = place === 'read' ? 0 : minimum;
            expect(plan.request.cumulativeHighTokens[index]).toBeGreaterThanOrEqual(least);
            expect(within5m).toBeLessThanOrEqual(within1h);
          }
        }
      }),
      { numRuns },
    );
  });

  it('come out the same for the same requests', () => {
    fc.assert(
      fc.property(requests, (list) => {
        const runOnce = (): readonly string[][] => {
          const traffic = new Traffic();
          let atMs = 0;
          return list.map(({ length, afterMs }) => {
            atMs += afterMs;
            return show(traffic.send({ atMs, word: TRUNK.slice(0, length) }));
          });
        };
        expect(runOnce()).toEqual(runOnce());
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it('find an entry further back than a lookback, with a marker of their own', () => {
    const traffic = new Traffic();
    traffic.send({ atMs: 0, word: 'sc' });
    const plan = traffic.send({ atMs: 1, word: `sc${'a'.repeat(30)}` });
    expect(show(plan)).toEqual(['1:5m read', '31:5m tail']);
  });

  it('find it from the next block where its own can carry no marker any more', () => {
    const traffic = new Traffic();
    traffic.send({ atMs: 0, word: 'sc' });
    const word = `scxx${'a'.repeat(30)}`;
    const canMark = (index: number): boolean => index > 3;
    expect(show(traffic.plan({ atMs: 1, word, canMark }))).toEqual(['4:5m read', '33:5m tail']);
    const isOnlyEnd = (index: number): boolean => index === 33;
    expect(show(traffic.plan({ atMs: 1, word, canMark: isOnlyEnd }))).toEqual(['33:5m tail']);
  });
});

describe('requests at one time', () => {
  it('do not write what a twin is writing', () => {
    const traffic = new Traffic();
    const word = 'ttscc';
    const first = traffic.plan({ atMs: 0, word });
    const ticket = traffic.planner.sent(first, first.breakpoints);
    expect([first.breakpoints.length > 0, first.isInFlight]).toEqual([true, false]);
    for (const atMs of [1, 200, 4000]) {
      const twin = traffic.plan({ atMs, word });
      expect([twin.breakpoints, twin.isInFlight, twin.hitIndex]).toEqual([[], true, -1]);
      traffic.planner.sent(twin, twin.breakpoints);
    }
    traffic.planner.begin(ticket, 5000);
    expect(traffic.plan({ atMs: 4999, word }).hitIndex).toBe(-1);
    const after = traffic.plan({ atMs: 5000, word });
    expect([after.hitIndex, after.isInFlight]).toEqual([4, false]);
  });

  it('write it again only with so much behind it that this pays', () => {
    const traffic = new Traffic();
    const first = traffic.plan({ atMs: 0, word: 'ttss' });
    traffic.planner.sent(first, first.breakpoints);
    const short = traffic.plan({ atMs: 1, word: 'ttssa' });
    expect([show(short), short.isInFlight]).toEqual([[], true]);
    const long = traffic.plan({ atMs: 2, word: 'ttsscccc' });
    // The bill is the same without the markers of the layers (spec 4.5).
    expect(show(long)).toEqual(['1:5m tools-end', '3:5m system-end', '7:5m tail']);
  });

  it('are no twins where the other one has begun and went on further', () => {
    const traffic = new Traffic();
    traffic.send({ atMs: 0, word: 'ttssaac' });
    expect(traffic.plan({ atMs: 1, word: 'ttssaa' }).isInFlight).toBe(false);
  });

  it('write again once a request has failed before its response', () => {
    const traffic = new Traffic();
    const word = 'ttscc';
    const first = traffic.plan({ atMs: 0, word });
    const ticket = traffic.planner.sent(first, first.breakpoints);
    traffic.planner.cancel(ticket);
    const again = traffic.plan({ atMs: 10, word });
    expect([again.isInFlight, again.hitIndex]).toEqual([false, -1]);
    expect(again.breakpoints.map(({ index }) => index)).toEqual(first.breakpoints.map(({ index }) => index));
  });
});

describe('TTLs', () => {
  const sendEvery = (gapMs: number, count: number): readonly string[][] => {
    const traffic = new Traffic();
    return Array.from({ length: count }, (_, at) =>
      show(traffic.send({ atMs: at * gapMs, word: `ttss${String.fromCodePoint(0x100 + at)}` })),
    );
  };

  it.each([
    ['just within five minutes', 5 * MINUTE_MS - 1, '3:5m system-end'],
    ['at five minutes sharp', 5 * MINUTE_MS, '3:1h system-end'],
    ['just within the hour', 60 * MINUTE_MS - 1, '3:1h system-end'],
  ])('fit a system prompt that is used again %s', (_, gapMs, expected) => {
    const plans = sendEvery(gapMs, 40);
    const written = plans.slice(10).flat();
    // 5m entries are read each time and never written again; those of an hour neither.
    expect(written.filter((each) => !each.endsWith('read'))).toEqual([]);
    expect(plans.slice(0, 10).flat()).toContain(expected);
  });

  it('differ within a request where the system prompt comes again later than the next turn', () => {
    const traffic = new Traffic();
    const plans: string[] = [];
    for (let chat = 0; chat < 40; chat += 1) {
      let word = `ttss${String.fromCodePoint(0x100 + chat)}`;
      for (let turn = 0; turn < 4; turn += 1) {
        word += 'ac';
        plans.push(show(traffic.send({ atMs: chat * 50 * MINUTE_MS + turn * 10_000, word })).join(', '));
      }
    }
    expect(plans).toContainEqual(expect.stringMatching(/3:1h system-end, \d:5m tail/));
  });

  it('are not bought for a system prompt used once an hour sharp', () => {
    expect(
      sendEvery(60 * MINUTE_MS, 60)
        .slice(12)
        .flat(),
    ).toEqual([]);
  });
});

describe('what is learned', () => {
  /** So many long questions asked once, and as many short ones that go on. */
  const learn = (): Traffic => {
    const traffic = new Traffic();
    for (let chat = 0; chat < 60; chat += 1) {
      const own = String.fromCodePoint(0x100 + chat);
      const atMs = chat * 10 * MINUTE_MS;
      traffic.send({ atMs, word: `ttss${own}cccccc` });
      traffic.send({ atMs: atMs + 1000, word: `ttssy${own}` });
      traffic.send({ atMs: atMs + 9000, word: `ttssy${own}cc` });
    }
    return traffic;
  };

  it('of long questions is not held against short ones', () => {
    const atMs = 600 * MINUTE_MS;
    const places = ({ breakpoints }: LearnedPlan): string[] => breakpoints.map(({ place }) => place);
    expect(places(learn().plan({ atMs, word: 'ttsszcccccc' }))).not.toContain('tail');
    expect(places(learn().plan({ atMs, word: 'ttssyz' }))).toContain('tail');
  });

  it('of first turns is not held against later ones', () => {
    const traffic = new Traffic();
    const chanceOf = (plan: LearnedPlan): number => plan.boundaries.at(-1)?.chance.within5m ?? 0;
    const chances: number[][] = [];
    for (let chat = 0; chat < 60; chat += 1) {
      const own = String.fromCodePoint(0x100 + chat);
      const atMs = chat * 10 * MINUTE_MS;
      // Half are asked once; who asks twice asks often.
      const turns = chat % 2 === 0 ? 1 : 6;
      chances.push(
        Array.from({ length: turns }, (_, turn) =>
          chanceOf(traffic.send({ atMs: atMs + turn * 9000, word: `ttss${own}${'a'.repeat(turn + 1)}` })),
        ),
      );
    }
    const [first = 1, second = 0] = chances.at(-1) ?? [];
    expect(second).toBeGreaterThan(first + 0.1);
  });
});
