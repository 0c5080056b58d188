import { LearnedPlanner, type LearnedPlan, type PlannedRequest } from '../../src/planner/index.ts';

/** A planner to which every request is the first: thousands of bodies that are asked once would teach it to mark none. */
export class ForgetfulPlanner extends LearnedPlanner {
  override plan(request: PlannedRequest): LearnedPlan {
    return new LearnedPlanner().plan(request);
  }
}
