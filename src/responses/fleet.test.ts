import { describe, expect, it } from 'vitest';

import { ManualTime } from '../../test/support/manual-time.ts';
import { StoreError, type LedFlight, type SharedFlights } from '../store/index.ts';
import { Fleet, type Admission, type Lead } from './fleet.ts';

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface TestFlights extends SharedFlights {
  readonly calls: string[];
  /** What calls wait for. */
  hold: Promise<void>;
  isFailing: boolean;
  isFull: boolean;
  /** Calls are done, and their answers lost. */
  isMute: boolean;
}

/** Shared flights within the test, with leases that end by its time. */
function flightsIn(time: ManualTime): TestFlights {
  const leads = new Map<string, { readonly fence: string; readonly untilMs: number }>();
  const wanted = new Set<string>();
  const handed = new Map<string, Uint8Array>();
  const leaderOf = (id: string): string | null => {
    const lead = leads.get(id);
    return lead && lead.untilMs > time.nowMs() ? lead.fence : null;
  };
  const flights: TestFlights = {
    calls: [],
    hold: Promise.resolve(),
    isFailing: false,
    isFull: false,
    isMute: false,
    lead: (flight, ttlMs, waits) =>
      run('lead', () => {
        const leader = leaderOf(flight.id);
        if (leader !== null && waits) wanted.add(flight.id);
        if (leader !== null) return leader;
        leads.set(flight.id, { fence: flight.fence, untilMs: time.nowMs() + ttlMs });
        return flight.fence;
      }),
    renew: (all, ttlMs) =>
      run('renew', () =>
        all.filter(({ id, fence }) => {
          const leader = leaderOf(id) ?? fence;
          if (leader === fence) leads.set(id, { fence, untilMs: time.nowMs() + ttlMs });
          return leader !== fence;
        }),
      ),
    look: (all) =>
      run('look', () =>
        all.map(
          ({ id, fence }) => handed.get(`${id}:${fence}`) ?? (leaderOf(id) === fence ? 'flying' : 'gone'),
        ),
      ),
    finish: ({ id, fence }) =>
      run('finish', () => {
        if (leaderOf(id) !== fence) return 'lost';
        if (wanted.has(id)) return 'wanted';
        leads.delete(id);
        return 'ended';
      }),
    hand: ({ id, fence }, bytes) =>
      run('hand', () => {
        if (leaderOf(id) !== fence) return false;
        handed.set(`${id}:${fence}`, bytes);
        leads.delete(id);
        wanted.delete(id);
        return true;
      }),
    release: ({ id, fence }) =>
      run('release', () => {
        if (leaderOf(id) === fence) leads.delete(id);
      }),
    close: () => Promise.resolve(),
  };
  async function run<Result>(name: string, work: () => Result): Promise<Result> {
    flights.calls.push(name);
    await flights.hold;
    if (flights.isFull) throw new StoreError('STORE_FULL', 'it has no memory left');
    if (flights.isFailing) throw new Error('it does not answer');
    const result = work();
    if (flights.isMute) throw new Error('its answer did not come');
    return result;
  }
  return flights;
}

function leadOf(admission: Admission): Lead {
  if (admission.kind === 'leads') return admission.lead;
  throw new Error(`it ${admission.kind}`);
}

function followedBy(admission: Admission): LedFlight {
  if (admission.kind === 'follows') return admission.flight;
  throw new Error(`it ${admission.kind}`);
}

interface Bench {
  readonly time: ManualTime;
  readonly flights: TestFlights;
  readonly fleets: readonly [Fleet, Fleet];
  /** Lets time pass in steps, and what is ready run after each. */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>;
}

function bench(): Bench {
  const time = new ManualTime();
  const flights = flightsIn(time);
  const fleet = (): Fleet => new Fleet(flights, time, () => time.nowMs());
  return {
    time,
    flights,
    fleets: [fleet(), fleet()],
    async pass(ms, stepMs = 20) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        time.advance(stepMs);
        await settle();
      }
    },
  };
}

const never = new AbortController().signal;

describe('processes that fly together', () => {
  it('follow a leader for as long as it takes, and get what it hands over', async () => {
    const { fleets, pass } = bench();
    const lead = leadOf(await fleets[0].enter('id', true, 50));
    const flight = followedBy(await fleets[1].enter('id', true, 50));
    const following = fleets[1].follow(flight, never);
    await pass(30_000, 100);
    expect(lead.isLost()).toBe(false);
    await lead.finish((fence) => Buffer.from(fence));
    await pass(20);
    expect(Buffer.from((await following) as Uint8Array).toString()).toBe(flight.fence);
    expect((await fleets[1].enter('id', true, 50)).kind).toBe('leads');
  });

  it('hear of a leader that is gone once its lead has ended', async () => {
    const { fleets, flights, time, pass } = bench();
    await flights.lead({ id: 'id', fence: 'a process that is killed' }, 2_000, false);
    const following = fleets[1].follow(followedBy(await fleets[1].enter('id', true, 50)), never);
    const fromMs = time.nowMs();
    await pass(2_100);
    expect(await following).toBe('gone');
    expect(time.nowMs() - fromMs).toBeLessThan(2_200);
    const lead = leadOf(await fleets[1].enter('id', true, 50));
    expect(lead.isLost()).toBe(false);
    expect(fleets[0]).toBeDefined();
  });

  it('hear of a leader that gives up at once', async () => {
    const { fleets, pass } = bench();
    const lead = leadOf(await fleets[0].enter('id', true, 50));
    const following = fleets[1].follow(followedBy(await fleets[1].enter('id', true, 50)), never);
    lead.release();
    await pass(20);
    expect(await following).toBe('gone');
  });

  it('know that the lead was lost while they stood still, and hand nothing over', async () => {
    const { fleets, flights, time, pass } = bench();
    const lead = leadOf(await fleets[0].enter('id', true, 50));
    // Nothing runs in this process meanwhile.
    const later = time.nowMs() + 2_001;
    flights.hold = new Promise(() => undefined);
    await pass(2_001, 2_001);
    expect(time.nowMs()).toBe(later);
    flights.hold = Promise.resolve();
    // Before anything was asked: it may have been taken.
    expect(lead.isLost()).toBe(true);
    leadOf(await fleets[1].enter('id', true, 50));
    await pass(600, 600);
    await pass(600, 600);
    expect(lead.isLost()).toBe(true);
    let isPacked = false;
    await lead.finish(() => {
      isPacked = true;
      return null;
    });
    expect(isPacked).toBe(false);
  });

  it('ask once for all that wait, and once for all that lead', async () => {
    const { fleets, flights, pass } = bench();
    const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`);
    for (const id of ids) leadOf(await fleets[0].enter(id, true, 50));
    for (const id of ids) void fleets[1].follow(followedBy(await fleets[1].enter(id, true, 50)), never);
    flights.calls.length = 0;
    await pass(1_000);
    const count = (name: string): number => flights.calls.filter((call) => call === name).length;
    expect(count('renew')).toBeLessThanOrEqual(2);
    expect(count('look')).toBeLessThanOrEqual(50);
    expect(count('look')).toBeGreaterThan(20);
  });

  it('stop looking and renewing when nothing is left to do', async () => {
    const { fleets, flights, pass, time } = bench();
    const lead = leadOf(await fleets[0].enter('id', true, 50));
    const leaving = new AbortController();
    const following = fleets[1].follow(followedBy(await fleets[1].enter('id', true, 50)), leaving.signal);
    leaving.abort();
    expect(await following).toBe('gone');
    await lead.finish(() => null);
    await pass(1_000);
    flights.calls.length = 0;
    await pass(1_000);
    expect(flights.calls).toEqual([]);
    expect(time.waiting).toBe(0);
    expect(await fleets[1].follow({ id: 'id', fence: 'x' }, leaving.signal)).toBe('gone');
  });
});

describe('processes whose place to agree in does not answer', () => {
  it('go alone, at once where it refuses, and in time where it is silent', async () => {
    const { fleets, flights, time } = bench();
    flights.isFailing = true;
    expect((await fleets[0].enter('id', true, 50)).kind).toBe('alone');
    flights.isFailing = false;
    flights.hold = new Promise(() => undefined);
    const entering = fleets[0].enter('id', true, 50);
    for (const ms of [25, 25, 1]) time.advance(ms);
    expect((await entering).kind).toBe('alone');
  });

  it('hold up others only shortly with a lead of which they never heard, and themselves not at all', async () => {
    const { fleets, flights, time, pass } = bench();
    flights.isMute = true;
    for (const id of ['one', 'two']) expect((await fleets[0].enter(id, true, 50)).kind).toBe('alone');
    flights.isMute = false;
    const flight = followedBy(await fleets[1].enter('two', true, 50));
    expect((await fleets[0].enter('one', true, 50)).kind).toBe('leads');
    // What it gave back with that is free for others too.
    const following = fleets[1].follow(flight, never);
    await pass(20);
    expect(await following).toBe('gone');
    flights.isMute = true;
    await fleets[0].enter('three', true, 50);
    flights.isMute = false;
    const fromMs = time.nowMs();
    const waiting = fleets[1].follow(followedBy(await fleets[1].enter('three', true, 50)), never);
    await pass(300);
    expect(await waiting).toBe('gone');
    expect(time.nowMs() - fromMs).toBeLessThanOrEqual(300);
  });

  it('do not ask a place without memory left for a while', async () => {
    const { fleets, flights, time } = bench();
    flights.isFull = true;
    expect((await fleets[0].enter('id', true, 50)).kind).toBe('alone');
    flights.isFull = false;
    flights.calls.length = 0;
    expect((await fleets[0].enter('id', true, 50)).kind).toBe('alone');
    expect(flights.calls).toEqual([]);
    time.advance(1_000);
    expect((await fleets[0].enter('id', true, 50)).kind).toBe('leads');
  });

  it('leave no lead behind that came too late', async () => {
    const { fleets, flights, time } = bench();
    const late = Promise.withResolvers<void>();
    flights.hold = late.promise;
    const entering = fleets[0].enter('id', true, 50);
    for (const ms of [25, 25, 1]) time.advance(ms);
    expect((await entering).kind).toBe('alone');
    flights.hold = Promise.resolve();
    late.resolve();
    await settle();
    expect((await fleets[1].enter('id', true, 50)).kind).toBe('leads');
  });

  it('stop waiting for others', async () => {
    const { fleets, flights, pass } = bench();
    leadOf(await fleets[0].enter('id', true, 50));
    const following = fleets[1].follow(followedBy(await fleets[1].enter('id', true, 50)), never);
    flights.isFailing = true;
    await pass(20);
    expect(await following).toBe('unreachable');
  });

  it('do not fail an answer that is there', async () => {
    const { fleets, flights } = bench();
    const lead = leadOf(await fleets[0].enter('id', true, 50));
    flights.isFailing = true;
    await expect(lead.finish(() => null)).resolves.toBeUndefined();
  });
});
