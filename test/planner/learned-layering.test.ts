import { describe, expect, it } from 'vitest';

import { LearnedPlanner, type SentBreakpoint } from '../../src/planner/index.ts';
import { findPolicy } from '../../src/replay/policies/index.ts';
import { theoryPrices } from '../../src/replay/prices.ts';
import { summarisePolicy } from '../../src/replay/results.ts';
import { simulate } from '../../src/replay/simulate/simulate.ts';
import { generateWorkload } from '../../src/replay/synthetic/index.ts';
import type { Trace } from '../../src/replay/trace/index.ts';
import { WordRequests } from './word-requests.ts';

const MINUTE_MS = 60_000;

function layeredRatio(trace: Trace, name: string): number {
  const policy = findPolicy(name);
  if (!policy) throw new Error(`no policy ${name}`);
  const prices = trace.models.map(() => theoryPrices);
  const { tallies } = simulate(trace, policy, { prices, entriesAre: 'layered' });
  return summarisePolicy(name, tallies, prices).costRatio;
}

describe('the planner where entries are layered', () => {
  it.each([
    'chats',
    'agents',
    'rag',
    'zipf-tenants',
    'office-bursts',
    'fan-out',
    'poisson-6',
    'cadence-20min',
  ])('costs on %s at most 1.03 of the better of always an hour and automatic caching', (name) => {
    const trace = generateWorkload(name);
    const best = Math.min(layeredRatio(trace, 'always-1h'), layeredRatio(trace, 'automatic-5m'));
    expect(layeredRatio(trace, 'cachewright') / best).toBeLessThanOrEqual(1.03);
  });
});

/** A conversation whose first turns are written for five minutes and the last for an hour. */
class Conversation {
  readonly planner = new LearnedPlanner();
  readonly #words = new WordRequests();
  #word = 'ssc';
  atMs = 0;

  /** @returns the last block that is believed to be read */
  turn(ttl: '5m' | '1h', readShare?: number): number {
    this.#word += 'c';
    const plan = this.planner.plan(this.#words.request({ atMs: this.atMs, word: this.#word }));
    const tail: SentBreakpoint = { index: this.#word.length - 1, isHour: ttl === '1h' };
    const ticket = this.planner.sent(plan, [tail]);
    this.planner.begin(ticket, this.atMs);
    if (readShare !== undefined) this.planner.billed(ticket, readShare);
    return ticket.hitIndex;
  }

  /** Five minutes, then an hour, then after a break longer than five minutes: what was read then says how it is. */
  test(readShare: number): void {
    this.atMs += 70 * MINUTE_MS;
    this.turn('5m');
    this.atMs += MINUTE_MS;
    this.turn('1h');
    this.atMs += 10 * MINUTE_MS;
    this.turn('5m', readShare);
  }

  /** Whether an hour's entry above one of five minutes is counted on after ten minutes. */
  countsOnHour(): boolean {
    this.atMs += 70 * MINUTE_MS;
    this.turn('5m');
    this.atMs += MINUTE_MS;
    this.turn('1h');
    this.atMs += 10 * MINUTE_MS;
    return this.turn('5m') >= 0;
  }
}

describe('what bills say of layers', () => {
  it('is believed after three entries in a row that were gone', () => {
    const conversation = new Conversation();
    for (const isStill of [true, true, true, false]) {
      expect(conversation.countsOnHour()).toBe(isStill);
      if (isStill) conversation.test(0);
    }
  });

  it('counts from the start again after one that was there', () => {
    const conversation = new Conversation();
    for (const readShare of [0, 0, 0.99, 0, 0]) conversation.test(readShare);
    expect(conversation.countsOnHour()).toBe(true);
  });

  it('outlives a restart', () => {
    const conversation = new Conversation();
    for (let times = 0; times < 3; times += 1) conversation.test(0);
    const copy = new LearnedPlanner();
    copy.restore(conversation.planner.snapshot());
    const next = new Conversation();
    next.planner.restore(copy.snapshot());
    next.atMs = conversation.atMs;
    expect(next.countsOnHour()).toBe(false);
  });

  it('can be known beforehand', () => {
    const words = new WordRequests();
    const planner = new LearnedPlanner({ entriesAre: 'layered' });
    const turn = (word: string, atMs: number, isHour: boolean): number => {
      const plan = planner.plan(words.request({ atMs, word }));
      const ticket = planner.sent(plan, [{ index: word.length - 1, isHour }]);
      planner.begin(ticket, atMs);
      return ticket.hitIndex;
    };
    turn('ssc', 0, false);
    turn('sscc', MINUTE_MS, true);
    expect(turn('ssccc', 10 * MINUTE_MS, true)).toBe(-1);
    expect(turn('sscccc', 40 * MINUTE_MS, true)).toBe(4);
  });
});
