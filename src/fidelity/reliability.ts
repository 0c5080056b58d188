import type { Ttl } from '../core/index.ts';
import type { UsageFormCall } from '../logs/index.ts';
import { dropsHistory, endTokens, gapMs } from './calls.ts';
import type { FidelityParameters, LifeStep } from './parameters.ts';

/** Ends of the gap bins in seconds: fine around the two ends of life. */
const BIN_ENDS_S: { readonly [T in Ttl]: readonly number[] } = {
  '5m': [60, 300, 315, 330, 360, Infinity],
  '1h': [60, 300, 3000, 3600, 3720, Infinity],
};

/** Calls whose gap to the one before lies in a bin: how probable hits were said to be, and how many there were. */
export interface ReliabilityBin {
  readonly ttl: Ttl;
  readonly fromS: number;
  /** null: no end. */
  readonly toS: number | null;
  readonly calls: number;
  /** Mean of the predicted probabilities. */
  readonly predicted: number;
  readonly observed: number;
}

interface Count {
  calls: number;
  predicted: number;
  hits: number;
}

/**
 * The probability that a call finds its history in the cache, by the share of the entry's life that has passed: a
 * documented prior, moved by what earlier lines showed.
 */
export class Reliability {
  readonly #parameters: FidelityParameters;
  readonly #seen = new Map<string, { calls: number; hits: number }>();
  readonly #bins = new Map<string, Count>();

  constructor(parameters: FidelityParameters) {
    this.#parameters = parameters;
  }

  /** Takes note of a call and the one before it in its conversation. Those that cannot hit say nothing. */
  add(before: UsageFormCall, call: UsageFormCall, ttl: Ttl): void {
    if (before.model !== call.model || dropsHistory(call) || endTokens(before) === 0) return;
    const gap = Math.max(0, gapMs(before, call));
    const step = this.#stepOf(gap / this.#parameters.lifeMs[ttl]);
    const stepKey = `${ttl}/${step.lifeShare}`;
    const seen = this.#seen.get(stepKey) ?? { calls: 0, hits: 0 };
    const weight = this.#parameters.priorWeight;
    const probability = (seen.hits + weight * step.hitShare) / (seen.calls + weight);
    const hit = call.usage.readTokens * 2 > endTokens(before) ? 1 : 0;
    this.#seen.set(stepKey, { calls: seen.calls + 1, hits: seen.hits + hit });
    this.#count(ttl, gap / 1000, probability, hit);
  }

  bins(): readonly ReliabilityBin[] {
    return (['5m', '1h'] as const).flatMap((ttl) =>
      BIN_ENDS_S[ttl].flatMap((end, index) => {
        const count = this.#bins.get(`${ttl}/${index}`);
        if (!count) return [];
        return {
          ttl,
          fromS: BIN_ENDS_S[ttl][index - 1] ?? 0,
          toS: Number.isFinite(end) ? end : null,
          calls: count.calls,
          predicted: count.predicted / count.calls,
          observed: count.hits / count.calls,
        };
      }),
    );
  }

  #stepOf(lifeShare: number): LifeStep {
    const step = this.#parameters.priorHits.find((each) => lifeShare <= each.lifeShare);
    return step ?? { lifeShare: Infinity, hitShare: 0 };
  }

  #count(ttl: Ttl, gapS: number, probability: number, hit: number): void {
    const key = `${ttl}/${BIN_ENDS_S[ttl].findIndex((end) => gapS <= end)}`;
    const count = this.#bins.get(key) ?? { calls: 0, predicted: 0, hits: 0 };
    this.#bins.set(key, {
      calls: count.calls + 1,
      predicted: count.predicted + probability,
      hits: count.hits + hit,
    });
  }
}
