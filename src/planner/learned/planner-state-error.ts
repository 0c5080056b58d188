/**
 * Saved or shared state of a planner that this version does not understand: of another version, cut off, or not a
 * planner's at all. Nothing has been taken over from it.
 *
 * @example
 * try { planner.restore(bytes) } catch (error) { if (error instanceof PlannerStateError) startFresh() }
 */
export class PlannerStateError extends Error {
  override readonly name = 'PlannerStateError';
}
