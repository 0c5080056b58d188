/** Where breakpoints go, which TTL they get, and why. Pure. */
export { planPlacements, type Declined, type Placement, type Plan, type PlanInput } from './place.ts';
export {
  PLACES,
  choosePlaces,
  type Obstacle,
  type PlaceFacts,
  type PlaceName,
  type RuleLimits,
  type RuleSink,
} from './rule.ts';
