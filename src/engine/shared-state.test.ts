import { describe, expect, it } from 'vitest';

import { Learner } from '../../test/support/learner.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import type { ChangeFeed, FeedBatch } from '../store/index.ts';
import { createSealer, senderName } from './shared-state-seal.ts';
import { shareLearnedState, type SharedState } from './shared-state.ts';

const SECRET = Buffer.alloc(32, 5);

/** What happens to batches, in memory: one list for all, and a clock of its own. */
class Fleet {
  readonly time = new ManualTime();
  readonly batches: FeedBatch[] = [];
  readonly names: string[] = [];
  followers: { readonly sinceMs: number; readonly onBatch: (batch: FeedBatch) => void }[] = [];
  failure: Error | null = null;

  /** The feed as a machine sees it. */
  readonly open = async (name: string): Promise<ChangeFeed> => {
    this.names.push(name);
    return {
      shown: 'the fleet',
      nowMs: () => this.time.nowMs(),
      publish: async (bytes) => {
        if (this.failure) throw this.failure;
        this.deliver({ bytes, publishedMs: this.time.nowMs() });
      },
      follow: (sinceMs, onBatch) => {
        for (const batch of this.batches) if (batch.publishedMs >= sinceMs) onBatch(batch);
        this.followers.push({ sinceMs, onBatch });
      },
      close: async () => undefined,
    };
  };

  deliver(batch: FeedBatch): void {
    this.batches.push(batch);
    for (const { onBatch } of this.followers) onBatch(batch);
  }
}

interface Machine {
  readonly learner: Learner;
  readonly shared: SharedState;
  readonly time: ManualTime;
  readonly told: string[];
}

/** A machine whose clock is off by so much. */
async function join(
  fleet: Fleet,
  { skewMs = 0, secret = SECRET, knownUntilMs = null as number | null } = {},
): Promise<Machine> {
  const learner = new Learner();
  const told: string[] = [];
  const time = new ManualTime(fleet.time.nowMs() + skewMs);
  const shared = await shareLearnedState({
    state: learner,
    secret,
    openFeed: fleet.open,
    knownUntilMs,
    clock: time,
    timers: time,
    tell: (sentence) => void told.push(sentence),
  });
  return { learner, shared, time, told };
}

/** Lets time pass everywhere, for those first who only listen, and what is sent arrive. */
async function pass(fleet: Fleet, machines: readonly Machine[], ms = 250): Promise<void> {
  fleet.time.advance(ms);
  for (const { time } of machines) time.advance(ms);
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

describe('what one machine learns', () => {
  it('another knows after a quarter of a second, in one batch, and does not tell it again', async () => {
    const fleet = new Fleet();
    const [a, b] = [await join(fleet), await join(fleet)];
    a.learner.learn('x', a.time.nowMs());
    a.learner.learn('y', a.time.nowMs());
    await pass(fleet, [a, b]);
    expect([...b.learner.known.keys()]).toEqual(['x', 'y']);
    await pass(fleet, [a, b], 10_000);
    expect(fleet.batches).toHaveLength(1);
    expect([a.shared.counters, b.shared.counters]).toEqual([
      { sent: 1, merged: 0, refused: 0 },
      { sent: 0, merged: 1, refused: 0 },
    ]);
  });

  it('is dated right in spite of clocks that differ, and of batches that were late', async () => {
    const fleet = new Fleet();
    const [a, b] = [await join(fleet, { skewMs: 90_000 }), await join(fleet, { skewMs: -3_600_000 })];
    const startMs = b.time.nowMs();
    a.learner.learn('x', a.time.nowMs());
    await pass(fleet, [b, a], 250);
    expect(b.learner.known.get('x')).toBe(startMs);
    // A server that stood still takes a batch when it is thawed, and dates it then.
    a.learner.learn('late', a.time.nowMs());
    fleet.followers.length = 0;
    await pass(fleet, [b, a], 250);
    const [, late] = fleet.batches;
    await pass(fleet, [b, a], 30_000);
    const c = await join(fleet, { skewMs: 7_000 });
    fleet.deliver({ bytes: late?.bytes ?? new Uint8Array(), publishedMs: fleet.time.nowMs() });
    expect(c.learner.known.get('late')).toBe(c.time.nowMs() - 30_250);
  });

  it('is told to who comes later, but for what that one knows already', async () => {
    const fleet = new Fleet();
    const a = await join(fleet);
    a.learner.learn('early', a.time.nowMs());
    await pass(fleet, [a]);
    const savedMs = fleet.time.nowMs() + 1;
    await pass(fleet, [a], 60_000);
    a.learner.learn('later', a.time.nowMs());
    await pass(fleet, [a]);
    const fresh = await join(fleet);
    expect([...fresh.learner.known.keys()]).toEqual(['early', 'later']);
    const restored = await join(fleet, { knownUntilMs: savedMs });
    expect([...restored.learner.known.keys()]).toEqual(['later']);
    expect(fleet.followers.at(-2)?.sinceMs).toBe(fleet.time.nowMs() - 65 * 60_000);
  });

  it('is told to nobody with another secret', async () => {
    const fleet = new Fleet();
    const [a, stranger] = [await join(fleet), await join(fleet, { secret: Buffer.alloc(32, 6) })];
    a.learner.learn('x', 0);
    await pass(fleet, [a, stranger]);
    expect(stranger.learner.known.size).toBe(0);
    expect(new Set(fleet.names).size).toBe(2);
    expect(stranger.shared.counters.refused).toBe(1);
  });
});

describe('batches', () => {
  it('that arrive twice are taken once', async () => {
    const fleet = new Fleet();
    const [a, b] = [await join(fleet), await join(fleet)];
    for (const word of ['x', 'y']) {
      a.learner.learn(word, 0);
      await pass(fleet, [a, b]);
    }
    for (const batch of fleet.batches.slice()) fleet.deliver(batch);
    expect(b.learner.merges).toBe(2);
  });

  it('that nobody can read are passed over, and told once', async () => {
    const fleet = new Fleet();
    const a = await join(fleet);
    const changes = Buffer.from('from a newer version');
    const sealed = createSealer(SECRET).seal({ sender: senderName(), number: 1, drainedMs: 0, changes });
    for (const bytes of [new Uint8Array(), Buffer.from('rubbish'), sealed])
      fleet.deliver({ bytes, publishedMs: 0 });
    expect(a.shared.counters).toEqual({ sent: 0, merged: 0, refused: 3 });
    expect(a.told).toEqual([
      'the fleet holds changes that nobody with the secret of this fleet wrote: they are passed over',
    ]);
  });

  it('that do not arrive are sent again; it is told when that begins and ends', async () => {
    const fleet = new Fleet();
    const [a, b] = [await join(fleet), await join(fleet)];
    fleet.failure = new Error('the server is away');
    a.learner.learn('x', a.time.nowMs());
    for (let round = 0; round < 3; round += 1) await pass(fleet, [a, b]);
    a.learner.learn('y', a.time.nowMs());
    fleet.failure = null;
    await pass(fleet, [a, b]);
    await pass(fleet, [a, b]);
    expect([...b.learner.known.keys()]).toEqual(['x', 'y']);
    expect((b.learner.known.get('y') ?? 0) - (b.learner.known.get('x') ?? 0)).toBe(750);
    expect(a.told).toEqual([
      'what is learned is not shared for now (the server is away): we go on alone',
      'what is learned is shared again through the fleet',
    ]);
  });

  it('hold what is left when a machine ends', async () => {
    const fleet = new Fleet();
    const [a, b] = [await join(fleet), await join(fleet)];
    a.learner.learn('last', 0);
    await a.shared.close();
    expect([...b.learner.known.keys()]).toEqual(['last']);
    expect(a.time.waiting).toBe(0);
    a.learner.learn('more', 0);
    await pass(fleet, [a, b]);
    expect(fleet.batches).toHaveLength(1);
  });
});
