export type { EntriesAre } from './layering.ts';
export type { LearnedOptions, LearnedPlan, PlanTicket, SentBreakpoint } from './learned-plan.ts';
export { LearnedPlanner } from './learned-planner.ts';
export type {
  LayerEnd,
  PlaceName,
  PlannedBreakpoint,
  PlannedRequest,
  PlanPrices,
  TailKind,
} from './request.ts';
export { PlannerStateError } from './planner-state-error.ts';
export type { KeepAdvice, KeepQuestion, KeptPlace } from './keeping.ts';
