import type { ReplayReportData } from '../../src/replay/report.ts';

const RATIOS: readonly (readonly [name: string, costRatio: number, pingRatio: number])[] = [
  ['none', 1, 0],
  ['automatic-5m', 0.203, 0],
  ['automatic-1h', 0.183, 0],
  ['system-5m', 0.91, 0],
  ['layers', 0.198, 0],
  ['article', 0.24, 0],
  ['keepalive-naive', 1.365, 1.163],
  ['cachewright', 0.157, 0],
  ['cachewright+keepalive', 0.156, 0.004],
  ['cachewright+keepalive+gate', 0.155, 0.004],
  ['clairvoyant', 0.145, 0.002],
];
const NO_CACHE_USD = 14_820.55;
const STEPS = 60;
const HOUR_MS = 3_600_000;
const BIN_RATIO = 12 ** (1 / 6);

function binEdge(index: number): number {
  return 300_000 * BIN_RATIO ** (index - 14);
}

/** Two humps, one of seconds within an agent's loop and one of pauses. */
function tokensAt(index: number): number {
  const hump = (middle: number, width: number): number => Math.exp(-(((index - middle) / width) ** 2));
  return Math.round(9e8 * hump(7, 4) + 2e8 * hump(19, 4) + 3e6);
}

/** A replay's result of the size and shape of a real one; `name` is the trace's. */
export function makeReplayData(name: string): ReplayReportData {
  const policies = RATIOS.map(([policy, costRatio, pingRatio]) => ({
    name: policy,
    costRatio,
    costUsd: costRatio * NO_CACHE_USD,
    readTokens: 2_713_400_000 * (1 - costRatio / 2),
    write5mTokens: 61_200_000,
    write1hTokens: policy.includes('1h') ? 120_400_000 : 0,
    uncachedTokens: 240_700_000 * costRatio,
    pings: pingRatio === 0 ? 0 : 1_204,
    pingUsd: pingRatio * NO_CACHE_USD,
  }));
  return {
    trace: name,
    requests: 29_547,
    model: 'theory',
    noCacheUsd: NO_CACHE_USD,
    policies,
    families: [],
    lowerBound: { costRatio: 0.143, assumptions: ['The bound lets each prefix pay for itself only.'] },
    reuse: {
      bins: Array.from({ length: 36 }, (_, index) => ({
        fromMs: index === 0 ? 0 : binEdge(index - 1),
        toMs: index === 35 ? Infinity : binEdge(index),
        tokens: tokensAt(index),
      })),
      firstTokens: 301_244_100,
    },
    costOverTime: {
      timesMs: Array.from({ length: STEPS }, (_, step) => (step + 1) * 3 * HOUR_MS),
      policies: RATIOS.map(([policy, costRatio]) => ({
        name: policy,
        costUsd: Array.from(
          { length: STEPS },
          (_, step) => costRatio * NO_CACHE_USD * ((step + 1) / STEPS + 0.02 * Math.sin(step / 4)),
        ),
      })),
    },
    notes: ['Times between requests of one session are as recorded; sessions start as recorded.'],
  };
}
