import { describe, expect, it } from 'vitest';
import { theoryPrices } from '../prices.ts';
import { simulate, type SimulationResult } from '../simulate/simulate.ts';
import { traceOf, type HandRequest } from '../trace/trace-of.ts';
import { clairvoyantPolicy } from './clairvoyant.ts';

const SECOND = 1000;

function run(requests: readonly HandRequest[]): SimulationResult['tallies'] {
  return simulate(traceOf(requests), clairvoyantPolicy, { prices: [theoryPrices] }).tallies;
}

function systemAt(secondsList: readonly number[]): HandRequest[] {
  return secondsList.map((seconds, index) => ({
    startMs: seconds * SECOND,
    blocks: [
      ['system', 10_000],
      [`question ${index}`, 100],
    ],
  }));
}

describe('clairvoyantPolicy', () => {
  it('writes what comes again in time, and never what does not', () => {
    expect(run(systemAt([0, 200]))).toMatchObject([
      { readTokens: 10_000, write5mTokens: 10_000, write1hTokens: 0, uncachedTokens: 200 },
    ]);
    expect(run(systemAt([0, 100_000]))).toMatchObject([{ uncachedTokens: 20_200, readTokens: 0 }]);
  });

  it('bridges a gap by pings where they cost least', () => {
    expect(run(systemAt([0, 500]))).toMatchObject([
      { isPing: false, write5mTokens: 10_000, readTokens: 10_000 },
      { isPing: true, requests: 1, readTokens: 10_000 },
    ]);
    expect(run(systemAt([0, 1000, 5000, 9000]))).toMatchObject([
      { isPing: false, write1hTokens: 10_000, readTokens: 30_000 },
      { isPing: true, requests: 2 },
    ]);
  });

  it('carries a long conversation over a pause by a small 1h entry at its end', () => {
    const turns: HandRequest[] = [0, 60, 2000].map((seconds, turn) => ({
      startMs: seconds * SECOND,
      blocks: Array.from({ length: turn + 2 }, (_, index) => [`turn ${index}`, index === 0 ? 50_000 : 1000]),
    }));
    expect(run(turns)).toMatchObject([{ write5mTokens: 51_000, write1hTokens: 1000, readTokens: 103_000 }]);
  });

  it('finds entries that lie behind more than 20 positions', () => {
    const long = Array.from({ length: 30 }, (_, index): readonly [string, number] => [
      `block ${index}`,
      1000,
    ]);
    const requests: HandRequest[] = [
      { startMs: 0, blocks: long.slice(0, 2) },
      { startMs: 10 * SECOND, blocks: long },
      { startMs: 20 * SECOND, blocks: long },
    ];
    expect(run(requests)).toMatchObject([{ readTokens: 32_000, write5mTokens: 30_000, uncachedTokens: 0 }]);
  });

  it('leaves alone what is too short to be cached', () => {
    const short: HandRequest[] = [0, 10].map((seconds) => ({
      startMs: seconds * SECOND,
      blocks: [['a', 1000]],
    }));
    expect(run(short)).toMatchObject([{ uncachedTokens: 2000 }]);
  });
});
