import { makeEstimate, type TokenEstimate } from './profiles.ts';

/** What the bills of one model have taught. */
export interface ModelCalibration {
  /** Billed tokens per estimated token: the running mean, taken of logarithms. */
  readonly factor: number;
  /** Bills taken into account. */
  readonly samples: number;
  /** Running mean of how far a bill lies from the factor, as a share. */
  readonly spread: number;
}

/** By model id, the least recently observed first. Plain JSON, so that it can be stored. */
export type Calibration = { readonly [model: string]: ModelCalibration };

/** One bill beside the estimate made for it. */
export interface Observation {
  readonly model: string;
  /** What `estimateBlock` and `sumEstimates` gave, before `calibrate`. */
  readonly estimatedTokens: number;
  /** Total input tokens of the bill: uncached, read and written. */
  readonly billedTokens: number;
}

/** Models kept; beyond it the least recently observed goes. */
export const MAX_CALIBRATED_MODELS = 64;
const MAX_MODEL_ID_CHARS = 200;
/** Small prompts say more of the frame around them than of the tokenizer. */
const MIN_OBSERVED_TOKENS = 200;
/** A bill further off than this factor is not about the same prompt. */
const MAX_RATIO = 4;
/** After this many bills, one that lies far outside the spread moves the mean only as far as the limit. */
const MIN_SAMPLES_TO_DAMP = 5;
const MAX_DEVIATION_IN_SPREADS = 4;
const MIN_DAMPING_SPREAD = 0.02;
/** Weight of a new bill once there are many: the last twenty or so count. */
const MIN_WEIGHT = 0.05;
/** The estimator itself counts as a quarter of a bill for the factor, and as one bill of this spread. */
const PRIOR_WEIGHT = 0.25;
const PRIOR_SPREAD = 0.06;
const MAX_SAMPLES = 1_000_000;

const MIN_BAND = 0.03;
/** What of a band comes from the tokenizer; the rest is a guess at an image or a document, which no bill improves. */
const MAX_TOKENIZER_BAND = 0.25;
/** Mean deviations that cover nine bills in ten, and a little. */
const BAND_IN_SPREADS = 2.5;
/** Bills after which what was learned counts as much as the band of the estimate. */
const HALF_TRUST_SAMPLES = 4;

const UNKNOWN: ModelCalibration = { factor: 1, samples: 0, spread: PRIOR_SPREAD };

function calibrationOf(calibration: Calibration, model: string): ModelCalibration | null {
  // An id such as `__proto__` must find what was stored under it, and nothing else.
  return Object.hasOwn(calibration, model) ? (calibration[model] ?? null) : null;
}

function isUsable({ model, estimatedTokens, billedTokens }: Observation): boolean {
  if (model === '' || model.length > MAX_MODEL_ID_CHARS) return false;
  if (!(estimatedTokens >= MIN_OBSERVED_TOKENS && billedTokens >= MIN_OBSERVED_TOKENS)) return false;
  const ratio = billedTokens / estimatedTokens;
  return ratio <= MAX_RATIO && ratio >= 1 / MAX_RATIO;
}

function learn(known: ModelCalibration, ratio: number): ModelCalibration {
  const limit = MAX_DEVIATION_IN_SPREADS * Math.max(MIN_DAMPING_SPREAD, known.spread);
  const deviation = Math.log(ratio / known.factor);
  const damped =
    known.samples < MIN_SAMPLES_TO_DAMP ? deviation : Math.max(-limit, Math.min(limit, deviation));
  const factorWeight = Math.max(MIN_WEIGHT, 1 / (known.samples + 1 + PRIOR_WEIGHT));
  const spreadWeight = Math.max(MIN_WEIGHT, 1 / (known.samples + 2));
  // The first bill says where the model lies, nothing yet of how its bills scatter.
  const residual = known.samples === 0 ? known.spread : Math.abs(damped);
  return {
    factor: known.factor * Math.exp(factorWeight * damped),
    samples: Math.min(MAX_SAMPLES, known.samples + 1),
    spread: known.spread + spreadWeight * (residual - known.spread),
  };
}

/**
 * Takes one bill into account and returns the new state; the old one stays as it was. A bill that cannot belong to
 * the estimate (beyond a factor of 4, too small, not a number) is left out; one far outside the spread is damped.
 */
export function observe(calibration: Calibration, observation: Observation): Calibration {
  if (!isUsable(observation)) return calibration;
  const { model } = observation;
  const known = calibrationOf(calibration, model) ?? UNKNOWN;
  const others = Object.entries(calibration).filter(([id]) => id !== model);
  const learned = learn(known, observation.billedTokens / observation.estimatedTokens);
  return Object.fromEntries([...others, [model, learned] as const].slice(-MAX_CALIBRATED_MODELS));
}

/** The estimate's own band on one side, moved towards the learned one. */
function blendBand(own: number, known: ModelCalibration): number {
  const trust = known.samples / (known.samples + HALF_TRUST_SAMPLES);
  const tokenizerBand = Math.min(own, MAX_TOKENIZER_BAND);
  const blended = tokenizerBand * (1 - trust) + BAND_IN_SPREADS * known.spread * trust;
  return Math.max(MIN_BAND, blended) + (own - tokenizerBand);
}

/**
 * Scales an estimate by what the bills of its model say, and moves its band from the estimator's own to the spread
 * of those bills: narrower the more there are and the closer they lie, never below 3 % to either side.
 *
 * @example
 * const learned = observe({}, { model: 'claude-opus-5-5', estimatedTokens: 1_000, billedTokens: 1_100 });
 * calibrate({ tokens: 1_000, low: 800, high: 1_200 }, learned, 'claude-opus-5-5').tokens // 1_079
 */
export function calibrate(estimate: TokenEstimate, calibration: Calibration, model: string): TokenEstimate {
  const known = calibrationOf(calibration, model);
  if (known === null || estimate.tokens === 0) return estimate;
  const tokens = estimate.tokens * known.factor;
  const below = blendBand((estimate.tokens - estimate.low) / estimate.tokens, known);
  const above = blendBand((estimate.high - estimate.tokens) / estimate.tokens, known);
  return makeEstimate(tokens, tokens * (1 - below), tokens * (1 + above));
}
