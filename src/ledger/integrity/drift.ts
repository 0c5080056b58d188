import { totalInputTokens } from '../../core/index.ts';
import type { RequestRecord } from '../record.ts';
import { findingOf } from './judge.ts';
import type { IntegrityFinding } from './finding.ts';

/** When token estimates count as wrong. */
export interface DriftLimits {
  /** Mean deviation of bills from estimates, as a share, from which it is told. @default 0.15 */
  readonly driftShare: number;
  /** Bills that it takes. @default 30 */
  readonly driftSamplesMin: number;
}

export const defaultDriftLimits: DriftLimits = { driftShare: 0.15, driftSamplesMin: 30 };

/** Small prompts say more of the frame around them than of the tokenizer. */
const ESTIMATE_MIN = 200;
/** Weight of a new bill once there are many. */
const WEIGHT_MIN = 0.02;
/** Models followed; the one followed longest goes first. */
const MODELS_MAX = 64;

interface Followed {
  samples: number;
  /** Mean logarithm of billed over estimated tokens: twice as many and half as many weigh the same. */
  mean: number;
  isTold: boolean;
}

/** Follows how estimates and bills of each model relate. */
export class DriftWatch {
  readonly #limits: DriftLimits;
  readonly #models = new Map<string, Followed>();

  constructor(limits: DriftLimits) {
    this.#limits = limits;
  }

  /** Takes a bill; tells once when a model's estimates go wrong, and again only after they were right. */
  observe(record: RequestRecord): IntegrityFinding | null {
    const { usage, prediction, isPartial, model } = record;
    if (!usage || !prediction || isPartial) return null;
    const billedTokens = totalInputTokens(usage);
    const expectedTokens = prediction.estimatedTokens;
    if (expectedTokens < ESTIMATE_MIN || billedTokens < ESTIMATE_MIN) return null;
    const followed = this.#follow(model);
    followed.samples += 1;
    const weight = Math.max(WEIGHT_MIN, 1 / followed.samples);
    followed.mean += weight * (Math.log(billedTokens / expectedTokens) - followed.mean);
    const limit = Math.log1p(this.#limits.driftShare);
    const size = Math.abs(followed.mean);
    if (size < limit / 2) followed.isTold = false;
    if (followed.isTold || size <= limit || followed.samples < this.#limits.driftSamplesMin) return null;
    followed.isTold = true;
    return findingOf(record, { code: 'estimate_drift', cause: 'unexplained', expectedTokens, billedTokens });
  }

  #follow(model: string): Followed {
    const known = this.#models.get(model);
    if (known) return known;
    const followed: Followed = { samples: 0, mean: 0, isTold: false };
    this.#models.set(model, followed);
    const [oldest] = this.#models.keys();
    if (this.#models.size > MODELS_MAX && oldest !== undefined) this.#models.delete(oldest);
    return followed;
  }

  /** Billed over estimated tokens by model, as a running geometric mean. */
  ratios(): Readonly<Record<string, { readonly ratio: number; readonly samples: number }>> {
    const rows = [...this.#models].map(
      ([model, { mean, samples }]) => [model, { ratio: Math.exp(mean), samples }] as const,
    );
    return Object.fromEntries(rows);
  }
}
