/** How well the model of the cache predicts what real calls read. */
export { FidelityMeter, type Comparison, type FidelityResult } from './meter.ts';
export { MISS_MEANINGS, type MissKind, type MissRow } from './misses.ts';
export type { FidelityParameters, LifeStep } from './parameters.ts';
export type { ReliabilityBin } from './reliability.ts';
export type { Score } from './score.ts';
