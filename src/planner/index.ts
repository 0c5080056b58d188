/** Where breakpoints go, which TTL they get, and why. Pure. */
export {
  costOfPlaced,
  NeverWorse,
  type FamilyOf,
  type FamilyStanding,
  type Outlay,
  type Settlement,
  type World,
  type WorldCosts,
} from './guard/index.ts';
export type {
  BreakpointReason,
  LayerBreakpoint,
  LayerFate,
  LayerPlan,
  PlannedLayer,
} from './layers/explain-plan.ts';
export type { LayerFinding, LayerFindingCode, TextPlace } from './layers/finding.ts';
export {
  TrafficWatch,
  type ChangedRange,
  type ClientMarkers,
  type InputRates,
  type Lifetimes,
  type TrafficFinding,
  type TrafficFindingCode,
  type TrafficWatchLimits,
  type WatchedRequest,
} from './findings/index.ts';
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
export { priceLayers, type LayerPlacement } from './layers/price-placement.ts';
export type { LayerSnapshot, LayersMemory, LayersSnapshot } from './layers/snapshot.ts';
export {
  LearnedPlanner,
  type KeepAdvice,
  type KeepQuestion,
  type KeptPlace,
  PlannerStateError,
  type EntriesAre,
  type LearnedOptions,
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
  measureReads,
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
  type ProjectedFamily,
  type ProjectionCheck,
  type RequestFacts,
  type UsageCall,
} from './optimizer/index.ts';
export {
  asSent,
  canAddAutomatic,
  holdBack,
  placeBreakpoints,
  stepBack,
  type Declined,
  type Placement,
  type Plan,
} from './place.ts';
export { keyOfPrefix, toPlannedRequest, type PromptRequest } from './prompt-request.ts';
