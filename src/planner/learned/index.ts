export {
  LearnedPlanner,
  type LearnedLimits,
  type LearnedPlan,
  type PlanTicket,
  type SentBreakpoint,
} from './learned-planner.ts';
export type {
  LayerEnd,
  PlaceName,
  PlannedBreakpoint,
  PlannedRequest,
  PlanPrices,
  TailKind,
} from './request.ts';
