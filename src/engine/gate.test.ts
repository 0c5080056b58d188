import { describe, expect, it } from 'vitest';

import { answer, begin, openWith } from '../../test/support/engine.ts';
import { watchLedger } from '../../test/support/ledger.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import { longRequest, words } from '../../test/support/messages.ts';
import { seededRandom } from '../runtime/index.ts';
import type { GateLeases, GateOptions } from '../warming/index.ts';
import { createEngine } from './index.ts';

const SYSTEM = words(6_000);

function setUp(gate: Partial<GateOptions> = {}) {
  const time = new ManualTime();
  const ledger = watchLedger();
  const secret = Buffer.alloc(32, 7);
  const engine = createEngine({ clock: time, timers: time, random: seededRandom(1), ledger, secret, gate });
  /** A request with the shared system prompt and a question of its own. */
  const ask = (number: number, more: object = {}) => {
    const messages = [{ role: 'user', content: `question ${number}` }];
    return openWith(engine, longRequest({ system: SYSTEM, messages, ...more }));
  };
  return { time, ledger, engine, ask };
}

const hasMarker = (bytes: Buffer): boolean => bytes.includes('"cache_control"');

async function isReady(ready: Promise<void> | null): Promise<boolean> {
  if (!ready) return true;
  let is = false;
  void ready.then(() => (is = true));
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return is;
}

describe('a request at the gate', () => {
  it('goes at once when nobody writes what it would read', () => {
    const { ask } = setUp();
    expect(ask(1).ready()).toBeNull();
  });

  it('is planned after it has waited, so that it reads what was written', async () => {
    const { ask, time, ledger } = setUp();
    const leader = ask(1);
    expect(leader.ready()).toBeNull();
    const follower = ask(2);
    const ready = follower.ready();
    expect(await isReady(ready)).toBe(false);
    time.advance(1_200);
    begin(leader);
    expect(await isReady(ready)).toBe(true);
    expect(hasMarker(follower.bytes)).toBe(true);
    time.advance(300);
    answer(follower, { input: 10, read: 12_000 });
    const { gate, prediction, firstByteMs } = await ledger.next();
    expect(gate).toMatchObject({ role: 'follower', end: 'begun', waitedMs: 1_200, followers: 0 });
    expect(prediction?.readTokens).toBeGreaterThan(5_000);
    // Its own question, and no more.
    expect((prediction?.write5mTokens ?? NaN) + (prediction?.write1hTokens ?? NaN)).toBeLessThan(20);
    // The time that it waited is its user's time too.
    expect(firstByteMs).toBe(1_500);
    expect(gate?.savedTokens).toBeGreaterThan(5_000);
  });

  it.each(['observe', 'off'])('never waits in mode %s', (mode) => {
    const { ask, engine } = setUp();
    void ask(1).ready();
    const body = longRequest({ system: SYSTEM });
    expect(openWith(engine, body, { 'x-cachewright-mode': mode }).ready()).toBeNull();
  });

  it.each([
    ['within', 15, false],
    ['beyond', 40, true],
  ])('with four markers of its own, %s the reach of their lookback', (_name, blocks, goes) => {
    const { ask } = setUp();
    void ask(1).ready();
    const marker = { cache_control: { type: 'ephemeral' } };
    const content = Array.from({ length: blocks }, (_, at) => {
      const block = { type: 'text', text: `part ${at}` };
      return at >= blocks - 4 ? { ...block, ...marker } : block;
    });
    expect(ask(2, { messages: [{ role: 'user', content }] }).ready() === null).toBe(goes);
  });

  it('waits only if whoever sends it asks; else it is planned as it is', () => {
    const { ask, engine } = setUp();
    const leader = ask(1);
    const follower = ask(2);
    expect(follower.bytes.length).toBeGreaterThan(0);
    expect(engine.gate().waiting).toBe(0);
    answer(leader, { input: 10 });
    answer(follower, { input: 10 });
  });

  it('learns from the time to first token, and not from the time that was waited', async () => {
    const { ask, time } = setUp();
    const failing = ask(1, { stream: true });
    void failing.ready();
    const leader = ask(2, { stream: true });
    const turn = leader.ready();
    time.advance(7_000);
    failing.fail('connection reset');
    await turn;
    time.advance(2_000);
    begin(leader);
    const system = words(6_000, 'other');
    void ask(3, { system, stream: true }).ready();
    const late = ask(4, { system, stream: true }).ready();
    expect(await isReady(late)).toBe(false);
    // Twice the only time that is known, and a tenth more for the bin.
    time.advance(4_000);
    expect(await isReady(late)).toBe(false);
    time.advance(500);
    expect(await isReady(late)).toBe(true);
  });

  it.each([
    ['a whole answer', false],
    ['a stream', true],
  ])('at the deadline, %s: is what is written taken to be there?', async (_name, stream) => {
    const { ask, time } = setUp();
    const leader = ask(1, { stream });
    void leader.ready();
    const follower = ask(2, { stream });
    const ready = follower.ready();
    time.advance(29_999);
    expect(await isReady(ready)).toBe(false);
    time.advance(1);
    expect(await isReady(ready)).toBe(true);
    expect(hasMarker(follower.bytes)).toBe(!stream);
    begin(leader);
    expect(hasMarker(ask(3).bytes)).toBe(true);
  });
});

describe('a writer that fails', () => {
  it('is followed by one of those who wait, and the others wait for that one', async () => {
    const { ask, engine } = setUp();
    const leader = ask(1);
    void leader.ready();
    const waiting = [2, 3, 4].map((number) => ask(number));
    const ready = waiting.map((each) => each.ready());
    answer(leader, 'overloaded', 529);
    expect(await Promise.all(ready.map(isReady))).toEqual([true, false, false]);
    expect(hasMarker(waiting[0]?.bytes ?? Buffer.alloc(0))).toBe(true);
    waiting[0]?.fail('connection reset');
    expect(await Promise.all(ready.map(isReady))).toEqual([true, true, false]);
    if (waiting[1]) begin(waiting[1]);
    expect(await Promise.all(ready.map(isReady))).toEqual([true, true, true]);
    expect(engine.gate()).toMatchObject({ waiting: 0, writing: 0 });
  });

  it('also when its plan was refused: then the original is sent, and nobody waits for that', async () => {
    const { ask } = setUp();
    const leader = ask(1);
    void leader.ready();
    const ready = ask(2).ready();
    expect(begin(leader, 400)).toBe('hold');
    leader.judgeHeld(Buffer.from('{"error":{"message":"cache_control: not allowed"}}'));
    expect(await isReady(ready)).toBe(true);
  });
});

describe('who leaves while it waits', () => {
  it('asks nothing of the cache and of the planner, and others go on', async () => {
    const { ask, ledger, engine, time } = setUp();
    const leader = ask(1);
    void leader.ready();
    const revision = engine.options.planner.revision;
    const follower = ask(2);
    const ready = follower.ready();
    time.advance(70);
    follower.fail('client_left');
    expect(await isReady(ready)).toBe(true);
    expect(engine.options.planner.revision).toBe(revision);
    const record = await ledger.next();
    expect(record).toMatchObject({ status: 0, error: 'client_left', skipReason: 'left_waiting' });
    expect(record.gate).toMatchObject({ role: 'follower', end: 'left', waitedMs: 70, savedTokens: 0 });
    expect(engine.gate().waiting).toBe(0);
  });
});

describe('leases', () => {
  it('that cannot be had hold up nobody, and a request that writes nothing new asks for none', async () => {
    let asked = 0;
    const broken: GateLeases = {
      async take() {
        asked += 1;
        throw new Error('gone');
      },
      settle: () => Promise.reject(new Error('gone')),
      release: () => Promise.reject(new Error('gone')),
    };
    const { ask } = setUp({ leases: broken });
    const leader = ask(1);
    expect(await isReady(leader.ready())).toBe(true);
    answer(leader, { input: 10, write5m: 12_000 });
    expect(ask(2).ready()).toBeNull();
    expect(asked).toBe(1);
  });
});
