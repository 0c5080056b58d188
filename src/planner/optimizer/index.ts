export type {
  AdviceFinding,
  FamilyAdvice,
  MonthProjection,
  PlaceAdvice,
  PlaceReason,
  Projected,
} from './advice.ts';
export { breakEvens, type BreakEven, type BreakEvens } from './break-even.ts';
export {
  checkProjection,
  type BilledTime,
  type CheckOptions,
  type ProjectedFamily,
  type ProjectionCheck,
} from './check-projection.ts';
export { measureReads } from './measure-reads.ts';
export {
  measurePrompt,
  measureUsage,
  type MeasuredPlace,
  type MeasuredRequest,
  type RequestFacts,
  type UsageCall,
} from './measured-request.ts';
export { optimizer, type Optimizer, type OptimizerOptions } from './optimizer.ts';
