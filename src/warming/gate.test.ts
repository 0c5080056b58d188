import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { Gate, type GateEnd, type GateLead, type GateWriting } from './gate.ts';
import { defaultGateOptions, type GateOptions } from './gate-options.ts';
import type { GateChain } from './gate-writers.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const FIRST_TOKENS = { model: 'm', freshTokens: 20_000, isStream: true };

const writing = (keys: readonly string[], more: Partial<GateWriting> = {}): GateWriting => ({
  keys,
  firstTokens: FIRST_TOKENS,
  assumeBegun: () => undefined,
  ...more,
});

/** A request with prefixes of 5,000 tokens each. */
function chain(...keys: string[]): GateChain<string> {
  return { keys, cumulativeTokens: keys.map((_, at) => (at + 1) * 5_000), length: keys.length };
}

function setUp(options: Partial<GateOptions> = {}) {
  const time = new ManualTime();
  const gate = new Gate({ ...defaultGateOptions, ...options }, time);
  const nothing = (): number => -1;
  return { time, gate, find: (request: GateChain<string>, hit = nothing) => gate.find(request, hit) };
}

describe('where a request waits', () => {
  it('at the longest prefix that another is writing, for what it saves beyond its own hit', () => {
    const { gate, find } = setUp();
    gate.lead(writing(['a', 'b', 'c']));
    expect(find(chain('a', 'b', 'x'))).toMatchObject({ index: 1, savedTokens: 10_000 });
    expect(find(chain('a', 'b', 'x'), () => 0)).toMatchObject({ index: 1, savedTokens: 5_000 });
  });

  it('nowhere where nobody writes, where it reads as much already, and where little is saved', () => {
    const { gate, find } = setUp();
    expect(find(chain('a'))).toBeNull();
    gate.lead(writing(['a', 'b']));
    expect(find(chain('x', 'y'))).toBeNull();
    expect(find(chain('a', 'b', 'x'), () => 1)).toBeNull();
    expect(find(chain('a', 'b', 'x'), () => 2)).toBeNull();
    const small: GateChain<string> = { keys: ['a'], cumulativeTokens: [1_999], length: 1 };
    expect(find(small)).toBeNull();
    expect(find({ ...small, cumulativeTokens: [2_000] })).toMatchObject({ savedTokens: 2_000 });
  });

  it('nowhere after the writer has begun, or failed', () => {
    const { gate, find } = setUp();
    gate.lead(writing(['a'])).begin();
    gate.lead(writing(['a'])).fail();
    expect(find(chain('a'))).toBeNull();
    expect(gate.totals.writing).toBe(0);
  });

  it('nowhere when as many wait as may', () => {
    const { gate, find } = setUp({ waitingMax: 1 });
    gate.lead(writing(['a']));
    const place = find(chain('a'));
    if (!place) throw new Error('there is a place');
    const { leave } = gate.wait(place, 1_000);
    expect(find(chain('a'))).toBeNull();
    leave();
    expect(find(chain('a'))).not.toBeNull();
  });
});

describe('how waiting ends', () => {
  async function waitFor(
    act: (lead: GateLead, time: ManualTime, leave: () => void) => void,
  ): Promise<GateEnd> {
    const { time, gate, find } = setUp();
    const lead = gate.lead(writing(['a']));
    const place = find(chain('a'));
    if (!place) throw new Error('there is a place');
    const { end, leave } = gate.wait(place, 1_000);
    expect([gate.totals.waiting, lead.followers, time.waiting]).toEqual([1, 1, 1]);
    act(lead, time, leave);
    const how = await end;
    expect([gate.totals.waiting, time.waiting]).toEqual([0, 0]);
    return how;
  }

  it('by the writer, at the deadline, or by leaving', async () => {
    expect(await waitFor((lead) => lead.begin())).toBe('begun');
    expect(await waitFor((lead) => lead.fail())).toBe('failed');
    expect(await waitFor((_lead, time) => time.advance(1_000))).toBe('deadline');
    expect(await waitFor((_lead, _time, leave) => leave())).toBe('left');
  });

  it('once', async () => {
    const acted = waitFor((lead, time, leave) => {
      lead.begin();
      lead.fail();
      leave();
      time.advance(5_000);
    });
    expect(await acted).toBe('begun');
  });
});

describe('deadlines', () => {
  it.each([
    ['a stream', true, 0],
    ['a whole answer', false, 1],
  ])('after them %s is taken to have begun, or not', async (_name, isStream, count) => {
    const { time, gate, find } = setUp();
    let assumed = 0;
    const firstTokens = { ...FIRST_TOKENS, isStream };
    gate.lead(writing(['a'], { firstTokens, assumeBegun: () => (assumed += 1) }));
    const place = find(chain('a'));
    if (!place) throw new Error('there is a place');
    const waits = [gate.wait(place, 500), gate.wait(place, 500)];
    time.advance(500);
    expect(await Promise.all(waits.map(({ end }) => end))).toEqual(['deadline', 'deadline']);
    expect(assumed).toBe(count);
  });

  it('are those that are configured, else what the times say', () => {
    const { gate } = setUp();
    const lead = gate.lead(writing(['a']));
    expect(gate.limitsOf(lead)).toEqual({ eachMs: 30_000, totalMs: 30_000 });
    for (let count = 0; count < 50; count += 1) gate.times.observe(FIRST_TOKENS, 2_000);
    expect(gate.limitsOf(lead).eachMs).toBeCloseTo(2_000, -3);
    expect(gate.limitsOf(lead).totalMs).toBe(10_000);
    const fixed = setUp({ deadlineMs: 700 }).gate;
    expect(fixed.limitsOf(fixed.lead(writing(['a'])))).toEqual({ eachMs: 700, totalMs: 700 });
  });
});

const steps = fc.array(
  fc.record({
    does: fc.constantFrom('lead', 'wait', 'wait', 'begin', 'fail', 'leave', 'advance'),
    depth: fc.integer({ min: 1, max: 4 }),
    branch: fc.nat({ max: 2 }),
    which: fc.nat(),
    ms: fc.nat({ max: 3_000 }),
  }),
  { maxLength: 60 },
);

describe('in any order of events', () => {
  it('everybody that waits is let go, and nothing is left', () =>
    fc.assert(
      fc.asyncProperty(steps, async (events) => {
        const { time, gate, find } = setUp({ waitingMax: 8 });
        const leads: GateLead[] = [];
        const waits: { leave: () => void; end: Promise<GateEnd> }[] = [];
        for (const { does, depth, branch, which, ms } of events) {
          const keys = Array.from({ length: depth }, (_, at) => (at === 0 ? '/' : `${branch}/${at}`));
          const lead = leads[which % Math.max(1, leads.length)];
          const place = does === 'wait' ? find(chain(...keys)) : null;
          if (place) waits.push(gate.wait(place, 1_000));
          if (does === 'lead') leads.push(gate.lead(writing(keys)));
          if (does === 'begin') lead?.begin();
          if (does === 'fail') lead?.fail();
          if (does === 'leave') waits[which % Math.max(1, waits.length)]?.leave();
          if (does === 'advance') time.advance(ms);
          expect(gate.totals.waiting).toBeLessThanOrEqual(8);
          expect(time.waiting).toBe(gate.totals.waiting);
        }
        for (const lead of leads) lead.begin();
        await Promise.all(waits.map(({ end }) => end));
        expect(gate.totals).toMatchObject({ waiting: 0, writing: 0 });
        expect(time.waiting).toBe(0);
      }),
      { numRuns },
    ));
});
