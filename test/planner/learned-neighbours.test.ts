import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { LearnedPlanner, PlannerStateError, type LearnedPlan } from '../../src/planner/index.ts';
import { WordRequests } from './word-requests.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const BYTES = 65_536;

/** Two planners of one fleet, and one clock. */
class Fleet {
  readonly planners: readonly LearnedPlanner[];
  readonly #words = new WordRequests();
  nowMs = 0;

  constructor(count: number) {
    this.planners = Array.from({ length: count }, () => new LearnedPlanner());
    for (const planner of this.planners) planner.noteChanges();
  }

  send(at: number, word: string): LearnedPlan {
    const planner = this.planners[at];
    if (!planner) throw new Error('no such planner');
    const plan = planner.plan(this.#words.request({ atMs: this.nowMs, word }));
    planner.begin(planner.sent(plan, plan.breakpoints), this.nowMs);
    return plan;
  }

  /** Everybody tells everybody. */
  talk(): number {
    const told = this.planners.map((planner) => planner.drainChanges(this.nowMs, BYTES));
    for (const [from, bytes] of told.entries())
      for (const [to, planner] of this.planners.entries())
        if (bytes && from !== to) planner.mergeChanges(bytes, this.nowMs);
    return told.filter((bytes) => bytes !== null).length;
  }
}

const placesOf = ({ breakpoints }: LearnedPlan): string[] => breakpoints.map(({ place }) => place);

describe('planners of one fleet', () => {
  it('read what the other has written, and know a conversation that comes over', () => {
    const fleet = new Fleet(2);
    fleet.send(0, 'ttssac');
    fleet.talk();
    fleet.nowMs = 20_000;
    expect(fleet.send(1, 'ttssacac').hitIndex).toBe(5);
    fleet.talk();
    fleet.nowMs = 40_000;
    expect(fleet.send(0, 'ttssacacac').hitIndex).toBe(7);
  });

  it('know nothing of each other where nobody tells', () => {
    const fleet = new Fleet(2);
    fleet.send(0, 'ttssac');
    fleet.nowMs = 20_000;
    expect(fleet.send(1, 'ttssacac').hitIndex).toBe(-1);
  });

  it('do not count on an entry that is over by the time it is told', () => {
    const fleet = new Fleet(2);
    fleet.send(0, 'ttssac');
    const told = fleet.planners[0]?.drainChanges(0, BYTES);
    if (told) fleet.planners[1]?.mergeChanges(told, 0);
    fleet.nowMs = 300_000;
    expect(fleet.send(1, 'ttssacac').hitIndex).toBe(-1);
  });

  it('do not take a conversation that changes over at every turn for one that nobody comes back to', () => {
    const told = new Fleet(4);
    const alone = new Fleet(4);
    for (let conversation = 0; conversation < 40; conversation += 1) {
      for (const [turn, text] of ['c', 'cac', 'cacac', 'cacacac'].entries()) {
        // A word of its own for each: nobody shares anything.
        const word = `${conversation}${text}`.replaceAll(
          /\d/gu,
          (digit) => 'ABCDEFGHIJ'[Number(digit)] ?? '',
        );
        for (const fleet of [told, alone]) {
          fleet.nowMs += 30_000;
          fleet.send(turn, word);
        }
        told.talk();
      }
    }
    for (const fleet of [told, alone]) fleet.nowMs += 4_000_000;
    expect(placesOf(told.send(0, 'Zcacc'))).toContain('tail');
    expect(placesOf(alone.send(0, 'Zcacc'))).not.toContain('tail');
  });

  it('fall silent when there is nothing new, and do not echo', () => {
    const fleet = new Fleet(3);
    fleet.send(0, 'ttssac');
    expect(fleet.talk()).toBe(1);
    expect(fleet.talk()).toBe(0);
  });

  it('keep within the bytes that they were given', () => {
    const fleet = new Fleet(2);
    for (let at = 0; at < 500; at += 1) {
      fleet.nowMs += 100;
      fleet.send(0, `ss${String.fromCodePoint(0x4e00 + at)}c`);
    }
    const sizes: number[] = [];
    for (let bytes = fleet.planners[0]?.drainChanges(fleet.nowMs, 4096); bytes;) {
      sizes.push(bytes.length);
      bytes = fleet.planners[0]?.drainChanges(fleet.nowMs, 4096);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
    expect(sizes.length).toBeGreaterThan(3);
  });

  it('refuse what they do not understand, and have changed nothing then', () => {
    const planner = new LearnedPlanner();
    const news = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc
        .record({ v: fc.constantFrom(1, 2), e: fc.jsonValue(), u: fc.jsonValue(), l: fc.jsonValue() })
        .filter(({ v, e, u, l }) => v === 2 || ![e, u, l].every((part) => Array.isArray(part)))
        .map((value) => new TextEncoder().encode(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(news, (bytes) => {
        const before = planner.revision;
        expect(() => {
          planner.mergeChanges(bytes, 0);
        }).toThrow(PlannerStateError);
        expect(planner.revision).toBe(before);
      }),
      { numRuns },
    );
  });
});
