import { describe, expect, it } from 'vitest';

import { theoryPrices } from '../prices.ts';
import { TTL_5M, type PolicyRun, type ReplayPolicy } from '../policy.ts';
import { traceOf, type HandRequest } from '../trace/trace-of.ts';
import { simulate, type SimulationResult } from './simulate.ts';
import { inputUsdOf, outputUsdOf, uncachedUsdOf } from './tally.ts';

const SECOND_MS = 1000;
const request = (startMs: number, more: Partial<HandRequest> = {}): HandRequest => ({
  startMs,
  timeToFirstTokenMs: 3 * SECOND_MS,
  blocks: [['system', 2000]],
  tailTokens: 100,
  ...more,
});

/** A policy that marks the last block, with more if given. */
function markLast(more: (run: PolicyRun) => Partial<PolicyRun> = () => ({})): ReplayPolicy {
  return {
    name: 'test',
    summary: '',
    isClairvoyant: false,
    start(trace) {
      const run: PolicyRun = {
        place(number, placements) {
          placements.prefixIds[0] = trace.requests.prefixIds[number] ?? -1;
          placements.ttls[0] = TTL_5M;
          placements.count = 1;
        },
      };
      return Object.assign(run, more(run));
    },
  };
}

const play = (requests: readonly HandRequest[], policy: ReplayPolicy): SimulationResult =>
  simulate(traceOf(requests), policy, { prices: [theoryPrices], curvePoints: 4 });

describe('simulate', () => {
  it('reads what an earlier request wrote once its response has begun', () => {
    const { tallies } = play([request(0), request(2 * SECOND_MS), request(3 * SECOND_MS)], markLast());
    expect(tallies).toEqual([
      {
        model: 0,
        isLongPrompt: false,
        isPing: false,
        requests: 3,
        readTokens: 2000,
        write5mTokens: 4000,
        write1hTokens: 0,
        uncachedTokens: 300,
        outputTokens: 0,
      },
    ]);
  });

  it('gives the cost so far over equal parts of the time', () => {
    const requests = [0, 1, 2, 4].map((n) => request(n * 100 * SECOND_MS));
    const { costCurveUsd } = play(requests, markLast());
    const write = 2000 * 1.25e-6 + 100e-6;
    const read = 2000 * 0.1e-6 + 100e-6;
    const expected = [write, write + read, write + 2 * read, write + 3 * read];
    expect(costCurveUsd.map((usd) => usd.toFixed(9))).toEqual(expected.map((usd) => usd.toFixed(9)));
  });

  it('sends pings when the policy wants to be woken, each before the requests of its time', () => {
    const wakes = [200 * SECOND_MS, 400 * SECOND_MS, 400 * SECOND_MS];
    const woken: number[] = [];
    const policy = markLast(() => ({
      nextWakeMs: () => wakes[0] ?? Infinity,
      wake(nowMs, sendPing) {
        wakes.shift();
        woken.push(nowMs);
        expect(sendPing(0, TTL_5M, 0)).toMatchObject({ readTokens: 2000, uncachedTokens: 8 });
      },
    }));
    const { tallies } = play([request(0), request(400 * SECOND_MS)], policy);
    expect(woken).toEqual([200 * SECOND_MS, 400 * SECOND_MS, 400 * SECOND_MS]);
    expect(tallies.map(({ isPing, requests, readTokens }) => [isPing, requests, readTokens])).toEqual([
      [false, 2, 2000],
      [true, 3, 6000],
    ]);
  });

  it('sends a held request when its time has come, between the others', () => {
    const order: number[] = [];
    const policy = markLast((run) => {
      const place = run.place.bind(run);
      return {
        sendAtMs: (number, arrivalMs) => (number === 1 ? 3 * SECOND_MS : arrivalMs),
        place(number, placements, sendMs) {
          order.push(number);
          place(number, placements, sendMs);
        },
      };
    });
    const times = [0, 1, 2, 4].map((n) => request(n * SECOND_MS));
    const { tallies, heldRequests, heldMs } = play(times, policy);
    expect(order).toEqual([0, 2, 1, 3]);
    expect([heldRequests, heldMs]).toEqual([1, 2 * SECOND_MS]);
    // The third request came while the first was in flight; the held one and the last one read.
    expect(tallies[0]).toMatchObject({ readTokens: 4000, write5mTokens: 4000 });
    const late = play(times.slice(0, 2), policy);
    expect(late.tallies[0]).toMatchObject({ requests: 2, readTokens: 2000 });
  });

  it('prices each model for itself, and long prompts by their step (spec 9.1)', () => {
    const long = { aboveTokens: 100_000, inputUsdPerToken: 5e-6, outputUsdPerToken: 25e-6 };
    const prices = [theoryPrices, { ...theoryPrices, longPrompt: long }];
    const blocks = [['long', 150_000]] as const;
    const trace = traceOf([
      request(0, { model: 'a', blocks, outputTokens: 10 }),
      request(1, { model: 'b', blocks, outputTokens: 10 }),
      request(2, { model: 'b', outputTokens: 10 }),
    ]);
    const { tallies } = simulate(trace, markLast(), { prices });
    const usd = tallies.map((tally) => [
      inputUsdOf(tally, prices).toFixed(6),
      uncachedUsdOf(tally, prices).toFixed(6),
      outputUsdOf(tally, prices).toFixed(6),
    ]);
    expect(tallies.map(({ model, isLongPrompt }) => [model, isLongPrompt])).toEqual([
      [0, false],
      [1, false],
      [1, true],
    ]);
    expect(usd).toEqual([
      ['0.187600', '0.150100', '0.000050'],
      ['0.002600', '0.002100', '0.000050'],
      ['0.938000', '0.750500', '0.000250'],
    ]);
  });

  it('says how far it is', () => {
    const done: number[] = [];
    simulate(traceOf([request(0), request(1)]), markLast(), {
      prices: [theoryPrices],
      onProgress: (requests) => done.push(requests),
    });
    expect(done).toEqual([1, 2, 2]);
  });
});
