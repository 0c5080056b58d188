/** Where breakpoints go, which TTL they get, and why. Pure. */
export type {
  BreakpointReason,
  LayerBreakpoint,
  LayerFate,
  LayerPlan,
  PlannedLayer,
} from './layers/explain-plan.ts';
export type { LayerFinding, LayerFindingCode, TextPlace } from './layers/finding.ts';
export {
  CHANGE_INTERVAL_MS,
  type ChangeFrequency,
  type ChangeWord,
  type DocumentsLayer,
  type Layer,
  type MessagesLayer,
  type RequestParts,
  type SystemLayer,
  type ToolsLayer,
} from './layers/layer.ts';
export { layers, type LayeredPrompt, type Layers, type LayersOptions } from './layers/layers.ts';
export {
  LearnedPlanner,
  type LearnedLimits,
  type LayerEnd,
  type LearnedPlan,
  type PlaceName,
  type PlannedBreakpoint,
  type PlannedRequest,
  type PlanPrices,
  type PlanTicket,
  type SentBreakpoint,
  type TailKind,
} from './learned/index.ts';
export {
  breakEvens,
  checkProjection,
  measurePrompt,
  measureUsage,
  optimizer,
  type AdviceFinding,
  type BilledTime,
  type BreakEven,
  type BreakEvens,
  type CheckOptions,
  type FamilyAdvice,
  type MeasuredPlace,
  type MeasuredRequest,
  type MonthProjection,
  type Optimizer,
  type OptimizerOptions,
  type PlaceAdvice,
  type PlaceReason,
  type Projected,
  type ProjectionCheck,
  type RequestFacts,
  type UsageCall,
} from './optimizer/index.ts';
export { asSent, placeBreakpoints, type Declined, type Placement, type Plan } from './place.ts';
export { keyOfPrefix, toPlannedRequest, type PromptRequest } from './prompt-request.ts';
