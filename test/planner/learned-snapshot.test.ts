import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { LearnedPlanner, PlannerStateError } from '../../src/planner/index.ts';
import { WordRequests } from './word-requests.ts';

const numRuns = Math.ceil(60 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const word = fc
  .tuple(
    fc.constantFrom('', 'tt'),
    fc.constantFrom('', 'ss', 's'),
    fc.string({ unit: fc.constantFrom('a', 'c'), minLength: 1, maxLength: 8 }),
  )
  .map((parts) => parts.join(''));
const request = fc.record({
  word,
  afterMs: fc.constantFrom(0, 700, 20_000, 250_000, 400_000, 3_700_000),
  isReadyLate: fc.boolean(),
});
const requests = fc.array(request, { minLength: 1, maxLength: 40 });

type Sent = typeof request extends fc.Arbitrary<infer Value> ? Value : never;

/** Plans and sends requests one after the other; gives the plans as they show. */
class Sender {
  readonly #words = new WordRequests();
  #nowMs = 0;

  send(planner: LearnedPlanner, { word: text, afterMs, isReadyLate }: Sent): unknown {
    this.#nowMs += afterMs;
    const plan = planner.plan(this.#words.request({ atMs: this.#nowMs, word: text }));
    const ticket = planner.sent(plan, plan.breakpoints);
    planner.begin(ticket, this.#nowMs + (isReadyLate ? 2000 : 0));
    return { breakpoints: plan.breakpoints, hitIndex: plan.hitIndex, isInFlight: plan.isInFlight };
  }
}

function restoredFrom(bytes: Uint8Array): LearnedPlanner {
  const copy = new LearnedPlanner();
  copy.restore(bytes);
  return copy;
}

const restored = (planner: LearnedPlanner): LearnedPlanner => restoredFrom(planner.snapshot());

describe('a snapshot', () => {
  it('goes on exactly as its planner does', () => {
    fc.assert(
      fc.property(requests, requests, (before, after) => {
        const senders = [new Sender(), new Sender()] as const;
        const planner = new LearnedPlanner();
        const other = new LearnedPlanner();
        for (const each of before) {
          senders[0].send(planner, each);
          senders[1].send(other, each);
        }
        const copy = restored(other);
        expect([copy.size, copy.blockCount]).toEqual([planner.size, planner.blockCount]);
        for (const each of after) expect(senders[1].send(copy, each)).toEqual(senders[0].send(planner, each));
      }),
      { numRuns },
    );
  });

  it('does not wait for responses that nobody will report any more', () => {
    const planner = new LearnedPlanner();
    const words = new WordRequests();
    const plan = planner.plan(words.request({ atMs: 0, word: 'ttssc' }));
    planner.sent(plan, [{ index: 4, isHour: true }]);
    const next = words.request({ atMs: 1000, word: 'ttssc' });
    expect(planner.plan(next).isInFlight).toBe(true);
    expect(restored(planner).plan(next).isInFlight).toBe(false);
  });

  it('is of one machine word after the other: a hundred thousand runs are copied, not spelled out', () => {
    const planner = new LearnedPlanner();
    const words = new WordRequests();
    for (let at = 0; at < 2000; at += 1) planner.plan(words.request({ atMs: at, word: `s${at}` }));
    expect(planner.snapshot().length).toBeLessThan(planner.byteLength + 100_000);
  });

  it('may be made in slices, whatever is planned meanwhile: it is of when it began', () => {
    const planner = new LearnedPlanner();
    const sender = new Sender();
    const send = (word: string): void => void sender.send(planner, { word, afterMs: 0, isReadyLate: false });
    for (let at = 0; at < 20_000; at += 1) send(`ttss${at}`);
    const whole = planner.snapshot();
    const copy = planner.beginSnapshot();
    let slices = 1;
    while (!copy.copySlice()) {
      slices += 1;
      for (let at = 0; at < 1000; at += 1) send(`ttss${(at * 37 * slices) % 30_000}`);
    }
    expect(slices).toBeGreaterThan(1);
    expect(Buffer.from(copy.finish()).equals(whole)).toBe(true);
    expect(planner.blockCount).toBeGreaterThan(restoredFrom(whole).blockCount);
  });

  it('in slices that nobody waits for any more is whole as well, and so is the next one', () => {
    const planner = new LearnedPlanner();
    const sender = new Sender();
    const send = (word: string): void => void sender.send(planner, { word, afterMs: 0, isReadyLate: false });
    for (let at = 0; at < 20_000; at += 1) send(`ttss${at}`);
    const wholes = [planner.snapshot()];
    const first = planner.beginSnapshot();
    first.copySlice();
    for (let at = 0; at < 1000; at += 1) send(`ttss${at * 7}`);
    wholes.push(planner.snapshot());
    const second = planner.beginSnapshot();
    for (let at = 0; at < 1000; at += 1) send(`ttss${at * 11}`);
    const made = [first.finish(), second.finish()];
    expect(made.map((bytes, at) => Buffer.from(bytes).equals(wholes[at] ?? bytes))).toEqual([true, true]);
  });

  it('that is small is there at once', () => {
    const planner = new LearnedPlanner();
    const whole = planner.snapshot();
    const copy = planner.beginSnapshot();
    expect([copy.copySlice(), Buffer.from(copy.finish()).equals(whole)]).toEqual([true, true]);
  });

  it('that is damaged, cut off or something else is refused or restored, and never more than that', () => {
    const planner = new LearnedPlanner();
    const sender = new Sender();
    for (const text of ['ttssaca', 'ttssacaac', 'ttsscc', 'ssa', 'ssac'])
      sender.send(planner, { word: text, afterMs: 700, isReadyLate: false });
    const whole = planner.snapshot();
    const damage = fc.oneof(
      fc.record({ at: fc.nat({ max: whole.length - 1 }), value: fc.nat({ max: 255 }) }),
      fc.record({ cutTo: fc.nat({ max: whole.length - 1 }) }),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(damage, requests, (what, after) => {
        const bytes = damaged(whole, what);
        const target = new LearnedPlanner();
        const before = target.revision;
        const refusal = refusalOf(() => {
          target.restore(bytes);
        });
        const isFresh = target.revision === before && target.size === 0;
        expect(refusal === null || (refusal instanceof PlannerStateError && isFresh)).toBe(true);
        const next = new Sender();
        for (const each of after) next.send(target, each);
      }),
      { numRuns: 5 * numRuns },
    );
  });

  it('of another version is refused in words', () => {
    const bytes = new LearnedPlanner().snapshot();
    new Uint32Array(bytes.buffer)[1] = 99;
    expect(() => {
      new LearnedPlanner().restore(bytes);
    }).toThrow(/version 99/u);
  });
});

function refusalOf(run: () => void): unknown {
  try {
    run();
    return null;
  } catch (error) {
    return error;
  }
}

type Damage = { at: number; value: number } | { cutTo: number } | Uint8Array;

function damaged(whole: Uint8Array, damage: Damage): Uint8Array {
  if (damage instanceof Uint8Array) return damage;
  if ('cutTo' in damage) return whole.slice(0, damage.cutTo);
  const bytes = whole.slice();
  bytes[damage.at] = damage.value;
  return bytes;
}
