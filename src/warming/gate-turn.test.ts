import { describe, expect, it } from 'vitest';

import { seededRandom } from '../runtime/index.ts';
import { ManualTime } from '../../test/support/manual-time.ts';
import type { GateLeases } from './gate-options.ts';
import { takeTurn, type GateTurn } from './gate-turn.ts';

/** Leases in memory, with what was asked of them. */
class MemoryLeases implements GateLeases {
  readonly owners = new Map<string, string>();
  readonly calls: string[] = [];
  failure: Error | null = null;

  async take(names: readonly string[], owner: string): Promise<readonly string[] | null> {
    this.calls.push('take');
    if (this.failure) throw this.failure;
    const isFree = names.every((name) => [undefined, owner, '+'].includes(this.owners.get(name)));
    if (isFree) for (const name of names) if (this.owners.get(name) !== '+') this.owners.set(name, owner);
    return isFree ? names.filter((name) => this.owners.get(name) === '+') : null;
  }

  async settle(names: readonly string[]): Promise<void> {
    this.calls.push('settle');
    for (const name of names) this.owners.set(name, '+');
  }

  async release(names: readonly string[], owner: string): Promise<void> {
    this.calls.push('release');
    for (const name of names) if (this.owners.get(name) === owner) this.owners.delete(name);
  }
}

async function flush(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

function setUp() {
  const time = new ManualTime();
  const leases = new MemoryLeases();
  const random = seededRandom(3);
  const turnOf = (names: readonly string[], limitMs = 1_000): GateTurn & { isGone(): boolean } => {
    const turn = takeTurn({ leases, names, limitMs, timers: time, clock: time, random });
    let isGone = false;
    void turn.settled.then(() => (isGone = true));
    return { ...turn, isGone: () => isGone };
  };
  return { time, leases, turnOf };
}

describe('a turn', () => {
  it('comes at once where nobody writes, and later where somebody does', async () => {
    const { time, turnOf } = setUp();
    const first = turnOf(['a', 'b']);
    await flush();
    const second = turnOf(['b', 'c']);
    const other = turnOf(['d']);
    await flush();
    expect([first.isGone(), second.isGone(), other.isGone()]).toEqual([true, false, true]);
    first.settle();
    await flush();
    time.advance(20);
    await flush();
    expect(second.isGone()).toBe(true);
    expect(await second.settled).toEqual(['b']);
  });

  it('is passed on to one of many when the writer fails', async () => {
    const { time, turnOf } = setUp();
    const first = turnOf(['a']);
    await flush();
    const others = [turnOf(['a']), turnOf(['a']), turnOf(['a'])];
    await flush();
    first.release();
    await flush();
    time.advance(20);
    await flush();
    expect(others.filter((other) => other.isGone())).toHaveLength(1);
  });

  it('ends at the limit, on a failure, and when it is left; then nothing waits any more', async () => {
    const { time, leases, turnOf } = setUp();
    const first = turnOf(['a']);
    await flush();
    const late = turnOf(['a'], 10);
    const left = turnOf(['a']);
    await flush();
    left.release();
    time.advance(10);
    await flush();
    expect([late.isGone(), left.isGone()]).toEqual([true, true]);
    leases.failure = new Error('the server is gone');
    const failed = turnOf(['a']);
    await flush();
    expect(failed.isGone()).toBe(true);
    leases.failure = null;
    first.release();
    await flush();
    expect([leases.owners.size, time.waiting]).toEqual([0, 0]);
  });

  it('is settled or released once', async () => {
    const { leases, turnOf } = setUp();
    const turn = turnOf(['a']);
    await flush();
    turn.settle();
    turn.release();
    turn.settle();
    await flush();
    expect(leases.calls).toEqual(['take', 'settle']);
  });
});
