export type { IntegrityCause, IntegrityCode, IntegrityFinding } from './finding.ts';
export {
  integrity,
  type Integrity,
  type IntegrityCount,
  type IntegrityOptions,
  type IntegrityTotals,
} from './integrity.ts';
export type { IntegrityTolerance } from './judge.ts';
