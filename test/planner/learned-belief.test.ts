import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  cacheStep,
  emptyCacheState,
  markReady,
  withdraw,
  type CacheEntry,
  type CacheOutcome,
  type CacheState,
} from '../../src/core/index.ts';
import {
  LearnedPlanner,
  type LearnedPlan,
  type PlannedRequest,
  type PlanTicket,
  type SentBreakpoint,
} from '../../src/planner/index.ts';
import { WordRequests } from './word-requests.ts';

const numRuns = Math.ceil(120 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** A response that is on its way. */
interface Pending {
  readonly ticket: PlanTicket;
  readonly written: readonly CacheEntry[];
  readonly beginsMs: number;
  readonly isCancelled: boolean;
}

/** The planner beside the model of the cache: both are told the same. */
class Beside {
  readonly planner = new LearnedPlanner();
  state: CacheState = emptyCacheState;
  #pending: Pending[] = [];

  /** Tells both of the responses that began or failed by a time. */
  settle(nowMs: number): void {
    for (const { ticket, written, beginsMs, isCancelled } of this.#pending) {
      if (beginsMs > nowMs) continue;
      if (isCancelled) this.planner.cancel(ticket);
      else this.planner.begin(ticket, beginsMs);
      this.state = isCancelled ? withdraw(this.state, written) : markReady(this.state, written, beginsMs);
    }
    this.#pending = this.#pending.filter(({ beginsMs }) => beginsMs > nowMs);
  }

  send(
    plan: LearnedPlan,
    breakpoints: readonly SentBreakpoint[],
    beginsMs: number,
    isCancelled: boolean,
  ): CacheOutcome {
    const { request } = plan;
    const ticket = this.planner.sent(plan, breakpoints);
    const [outcome, next] = cacheStep(
      this.state,
      {
        partition: 'p',
        prefixIds: Array.from(request.keys, String),
        cumulativeTokens: Array.from(request.cumulativeTokens),
        positions: Array.from(request.positions),
        breakpoints: breakpoints.map(({ index, isHour }) => ({
          blockIndex: index,
          ttl: isHour ? '1h' : '5m',
          origin: 'explicit',
        })),
        minCacheableTokens: request.prices.minCacheableTokens,
      },
      { startMs: request.atMs, readyMs: Infinity },
    );
    this.state = next;
    this.#pending.push({ ticket, written: outcome.written, beginsMs, isCancelled });
    return outcome;
  }

  /** The longest prefix that the model of the cache could read. */
  deepestReadable({ keys, length, atMs }: PlannedRequest): number {
    let index = length - 1;
    const isReadable = ({ readyMs, expiresMs }: CacheEntry): boolean => readyMs <= atMs && atMs < expiresMs;
    while (index >= 0 && !(this.state.entries.get(String(keys[index])) ?? []).some(isReadable)) index -= 1;
    return index;
  }
}

const TRUNK = 'ttssacxrrrbaaxxcaarrrrabcaxaaaaaaaabbaaaaaaaaaaaaaaxxxaaaacaaaaaaaaaaaa';

const steps = fc.array(
  fc.record({
    length: fc.nat({ max: TRUNK.length }),
    branchAt: fc.option(fc.nat({ max: TRUNK.length }), { nil: -1, freq: 3 }),
    afterMs: fc.constantFrom(0, 1, 2000, 150_000, 299_999, 300_000, 2_000_000, 3_599_999, 3_600_000),
    beginsAfterMs: fc.constantFrom(0, 0, 1, 3000, 160_000, 400_000),
    isCancelled: fc.constantFrom(false, false, false, true),
    marks: fc.uniqueArray(fc.nat({ max: TRUNK.length }), { maxLength: 4 }),
    hours: fc.nat({ max: 4 }),
  }),
  { minLength: 1, maxLength: 16, size: 'max' },
);

type Step = typeof steps extends fc.Arbitrary<readonly (infer Each)[]> ? Each : never;

/** Plans each step, lets `choose` say what is sent, and hands what came of it to `check`. */
function run(
  list: readonly Step[],
  choose: (plan: LearnedPlan, step: Step) => readonly SentBreakpoint[],
  check: (plan: LearnedPlan, outcome: CacheOutcome) => void,
): void {
  const beside = new Beside();
  const words = new WordRequests();
  let atMs = 0;
  for (const step of list) {
    atMs += step.afterMs;
    beside.settle(atMs);
    const letters = TRUNK.slice(0, step.length).split('');
    const word = letters.map((letter, at) => (at === step.branchAt ? 'y' : letter)).join('');
    const plan = beside.planner.plan(words.request({ atMs, word }));
    expect(plan.hitIndex).toBe(beside.deepestReadable(plan.request));
    check(plan, beside.send(plan, choose(plan, step), atMs + step.beginsAfterMs, step.isCancelled));
  }
}

const inOrder = (breakpoints: readonly SentBreakpoint[]): readonly SentBreakpoint[] =>
  breakpoints.toSorted((a, b) => a.index - b.index);

describe('what the planner believes of the cache', () => {
  it('is what the cache holds, and under its own breakpoints all of it is read', () => {
    fc.assert(
      fc.property(steps, (list) => {
        run(
          list,
          (plan) => inOrder(plan.breakpoints),
          (plan, outcome) => expect(outcome.hit?.blockIndex ?? -1).toBe(plan.hitIndex),
        );
      }),
      { numRuns },
    );
  });

  it('is what the cache holds under whatever breakpoints were sent, or none', () => {
    fc.assert(
      fc.property(steps, (list) => {
        run(
          list,
          (plan, { marks, hours }) =>
            marks
              .filter((index) => index < plan.request.length)
              .toSorted((a, b) => a - b)
              .map((index, order) => ({ index, isHour: order < hours })),
          () => {},
        );
      }),
      { numRuns },
    );
  });

  it('covers the newest part of a conversation of very many turns', () => {
    const beside = new Beside();
    const words = new WordRequests();
    let word = 'ts';
    for (let turn = 0; turn < 300; turn += 1) {
      word += 'ac';
      const atMs = turn * 60_000;
      beside.settle(atMs);
      const plan = beside.planner.plan(words.request({ atMs, word }));
      const outcome = beside.send(plan, inOrder(plan.breakpoints), atMs, false);
      expect(outcome.hit?.blockIndex ?? -1).toBe(plan.hitIndex);
      expect(plan.hitIndex).toBe(turn > 0 ? word.length - 3 : -1);
    }
    // Who goes back some turns finds what was written then.
    const earlier = word.slice(0, -40);
    const plan = beside.planner.plan(words.request({ atMs: 300 * 60_000, word: `${earlier}r` }));
    expect(plan.hitIndex).toBe(earlier.length - 1);
  });
});
