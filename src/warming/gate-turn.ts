import { createId, type Clock, type Random, type Timers } from '../runtime/index.ts';
import type { GateLeases } from './gate-options.ts';
import { waitFor } from './waiting.ts';

/** How often it is looked whether another gateway is done, at first and later on, in ms. */
const LOOK_EVERY_MS = 20;
const LOOK_EVERY_MAX_MS = 100;
/** A lease outlasts the time that others wait for it, so that they do not all find it ended at once. */
const LEASE_MARGIN_MS = 1_000;

/** What taking a turn needs. */
export interface TurnOptions {
  readonly leases: GateLeases;
  /** Names of the prefixes that will be written; no text of a prompt. */
  readonly names: readonly string[];
  /** The longest to wait for others. */
  readonly limitMs: number;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly random: Random;
}

/** A request's turn to write prefixes, among all gateways of a fleet. */
export interface GateTurn {
  /**
   * Resolves when it should go: nobody else writes, it took too long, or nobody could be asked. Never rejects.
   * Gives the names that others have written of late.
   */
  readonly settled: Promise<readonly string[]>;
  /** Its response has begun: others can read it. */
  settle(): void;
  /** It will not write them; also ends the waiting. After `settle` this does nothing. */
  release(): void;
}

/** Waits until no other gateway writes the same prefixes. Where the others cannot be asked it does not wait. */
export function takeTurn({ leases, names, limitMs, timers, clock, random }: TurnOptions): GateTurn {
  const owner = createId('lead', random);
  const endMs = clock.nowMs() + limitMs;
  const leaving = new AbortController();
  let isOver = false;
  const ignore = (): undefined => undefined;
  const wait = async (): Promise<readonly string[]> => {
    let settled: readonly string[] | null = null;
    for (
      let pauseMs = LOOK_EVERY_MS;
      !leaving.signal.aborted;
      pauseMs = Math.min(pauseMs * 1.5, LOOK_EVERY_MAX_MS)
    ) {
      settled = await leases.take(names, owner, limitMs + LEASE_MARGIN_MS);
      if (settled) break;
      const leftMs = endMs - clock.nowMs();
      if (leftMs <= 0) return [];
      await waitFor(Math.min(pauseMs, leftMs), timers, leaving.signal);
    }
    // It was left while the answer was on its way.
    if (leaving.signal.aborted) await leases.release(names, owner);
    return settled ?? [];
  };
  const settled = wait().catch((): readonly string[] => []);
  const end = (how: 'settle' | 'release'): void => {
    if (isOver) return;
    isOver = true;
    leaving.abort();
    leases[how](names, owner).catch(ignore);
  };
  return { settled, settle: () => end('settle'), release: () => end('release') };
}
