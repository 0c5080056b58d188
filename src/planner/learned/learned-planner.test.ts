import { describe, expect, it } from 'vitest';

import { LearnedPlanner } from './learned-planner.ts';
import type { PlannedRequest } from './request.ts';

const SECOND_MS = 1000;

/** A conversation of blocks of 1,000 tokens each, the first two of them the system prompt. */
function turn(blocks: number, atMs: number): PlannedRequest {
  const cumulativeTokens = Array.from({ length: blocks }, (_, index) => (index + 1) * 1000);
  return {
    atMs,
    length: blocks,
    keys: Array.from({ length: blocks }, (_, index) => index + 1),
    cumulativeTokens,
    cumulativeHighTokens: cumulativeTokens,
    positions: Array.from({ length: blocks }, (_, index) => index),
    layers: [{ place: 'system-end', length: 2 }],
    newest: 'user',
    tail: 'plain',
    application: 1,
    prices: { read: 0.1, write5m: 1.25, write1h: 2, minCacheableTokens: 1024 },
    lookbackPositions: 20,
    canMark: () => true,
  };
}

/** Plans, sends as planned, and has the response begin half a second later. */
function send(planner: LearnedPlanner, request: PlannedRequest, readShare?: number): number {
  const plan = planner.plan(request);
  const ticket = planner.sent(plan, plan.breakpoints);
  planner.begin(ticket, request.atMs + SECOND_MS / 2);
  if (readShare !== undefined) planner.billed(ticket, readShare);
  return plan.hitIndex;
}

describe('a clock that is set back by an hour', () => {
  it('does not keep the planner from learning', () => {
    const planner = new LearnedPlanner();
    const lone = (atMs: number, key: number): PlannedRequest => ({ ...turn(3, atMs), keys: [1, 2, key] });
    const isTailWritten = (request: PlannedRequest): boolean =>
      planner.plan(request).breakpoints.some(({ place }) => place === 'tail');
    planner.plan(lone(7_200 * SECOND_MS, 1000));
    for (let key = 1001; key < 1060; key += 1) planner.plan(lone((3_600 + key) * SECOND_MS, key));
    // Nobody came back to any tail.
    expect(isTailWritten(lone(5_000 * SECOND_MS, 2000))).toBe(false);
  });
});

describe('the bill', () => {
  it('that agrees changes nothing', () => {
    const planner = new LearnedPlanner();
    expect(send(planner, turn(4, 0), 0)).toBe(-1);
    expect(send(planner, turn(6, 10 * SECOND_MS), 4 / 6)).toBe(3);
    expect(send(planner, turn(8, 20 * SECOND_MS), 6 / 8)).toBe(5);
  });

  it('that shows nothing was read makes the planner forget what it believed in, but not what was written now', () => {
    const planner = new LearnedPlanner();
    send(planner, turn(4, 0), 0);
    expect(send(planner, turn(6, 10 * SECOND_MS), 0)).toBe(3);
    // The tail that the second turn wrote is there; a fork from below it finds nothing any more.
    expect(send(planner, turn(8, 20 * SECOND_MS))).toBe(5);
    const fork = turn(5, 30 * SECOND_MS);
    const keys = [...Array.from({ length: 4 }, (_, index) => index + 1), 99];
    expect(send(planner, { ...fork, keys })).toBe(-1);
  });

  it('that shows a shorter read leaves what was read', () => {
    const planner = new LearnedPlanner();
    send(planner, turn(4, 0), 0);
    expect(send(planner, turn(6, 10 * SECOND_MS), 2 / 6)).toBe(3);
    const keys = [1, 2, 99, 98, 97];
    expect(send(planner, { ...turn(5, 30 * SECOND_MS), keys })).toBe(1);
  });
});
