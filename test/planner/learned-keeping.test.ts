import { describe, expect, it } from 'vitest';

import { LearnedPlanner, type KeptPlace } from '../../src/planner/index.ts';
import { WordRequests } from './word-requests.ts';

const HOUR_MS = 3_600_000;
const OVERHEAD = 8;

/** One application whose questions come at given times, each of its own; the system prompt has 2,700 tokens. */
class Questions {
  readonly planner = new LearnedPlanner({ keepsAlive: true });
  readonly #words = new WordRequests();
  #count = 0;

  ask(atMs: number): KeptPlace | null {
    this.#count += 1;
    const question = String.fromCodePoint(0x4e00 + this.#count);
    const plan = this.planner.plan(this.#words.request({ atMs, word: `sss${question}` }));
    this.planner.begin(this.planner.sent(plan, plan.breakpoints), atMs);
    return this.planner.placeToKeep(plan);
  }

  pays(place: KeptPlace | null, nowMs: number): boolean {
    if (!place) throw new Error('nothing to keep');
    const advice = this.planner.adviseKeeping(place, { nowMs, overheadTokens: OVERHEAD });
    return (advice?.pings ?? 0) > 0;
  }
}

describe('a system prompt that is used every ninety minutes', () => {
  const questions = new Questions();
  let place: KeptPlace | null = null;
  for (let at = 0; at < 12; at += 1) place = questions.ask(at * 1.5 * HOUR_MS);
  const lastMs = 11 * 1.5 * HOUR_MS;

  it('is the place to keep, with all of its tokens', () => {
    expect(place).toMatchObject({ index: 2, tokens: 2700, riskTokens: 2700, place: 'system-end' });
  });

  it('is worth a ping before its entry ends, and no other once nobody has come', () => {
    expect(questions.pays(place, lastMs + HOUR_MS - 1000)).toBe(true);
    expect(questions.pays(place, lastMs + 3 * HOUR_MS)).toBe(false);
  });

  it('is written for an hour, since a ping will keep it', () => {
    const planned = questions.planner.plan(
      new WordRequests().request({ atMs: lastMs + 1.5 * HOUR_MS, word: 'sss!' }),
    );
    expect(planned.breakpoints.find((each) => each.place === 'system-end')?.isHour).toBe(true);
  });

  it('is not written by a planner without keep-alive', () => {
    const planner = new LearnedPlanner();
    const words = new WordRequests();
    for (let at = 0; at < 12; at += 1) {
      const plan = planner.plan(words.request({ atMs: at * 1.5 * HOUR_MS, word: `sss${at}` }));
      planner.begin(planner.sent(plan, plan.breakpoints), at * 1.5 * HOUR_MS);
    }
    const plan = planner.plan(words.request({ atMs: 18 * HOUR_MS, word: 'sssz' }));
    expect(plan.breakpoints).toEqual([]);
  });
});

describe('a system prompt that nobody comes back to', () => {
  it('is not worth a ping', () => {
    const questions = new Questions();
    let place: KeptPlace | null = null;
    for (let day = 0; day < 10; day += 1)
      for (let at = 0; at < 5; at += 1) place = questions.ask(day * 30 * HOUR_MS + at * 1000);
    const lastMs = 9 * 30 * HOUR_MS + 4000;
    expect(questions.pays(place, lastMs + HOUR_MS - 1000)).toBe(false);
  });
});

describe('a ping', () => {
  it('renews what the planner believes of the entry', () => {
    const questions = new Questions();
    for (let at = 0; at < 12; at += 1) questions.ask(at * 1.5 * HOUR_MS);
    const lastMs = 11 * 1.5 * HOUR_MS;
    const place = questions.ask(lastMs + 1000);
    if (!place) throw new Error('nothing to keep');
    questions.planner.pinged(place, lastMs + HOUR_MS - 1000);
    const words = new WordRequests();
    const later = words.request({ atMs: lastMs + 1.5 * HOUR_MS, word: 'sss!' });
    expect(questions.planner.plan(later).hitIndex).toBe(2);
  });

  it('is not thought of for a prefix that was forgotten', () => {
    const questions = new Questions();
    const place = questions.ask(0);
    if (!place) throw new Error('nothing to keep');
    questions.planner.restore(new LearnedPlanner().snapshot());
    expect(questions.planner.adviseKeeping(place, { nowMs: HOUR_MS, overheadTokens: OVERHEAD })).toBeNull();
  });
});
